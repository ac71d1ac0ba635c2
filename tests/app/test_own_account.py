"""An own account followed live: complete, whatever is cut; never a secret on the tape; a bad key says so."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import msgspec
import pytest
from websockets.asyncio.client import connect

from crosstape.api import ApiSettings
from crosstape.api.ports import Session
from crosstape.app.accounts import follow, open_vault
from crosstape.app.replaying import open_tape, replay
from crosstape.app.running import Live
from crosstape.client import AsyncClient, topics
from crosstape.config import AccountSettings, Config
from crosstape.engine.view import OwnAccount, View
from crosstape.feeds.intake import BoundedIntake
from crosstape.feeds.scrubbed import Scrubbed
from crosstape.model.credential import Credential
from crosstape.model.errors import ConfigError
from crosstape.model.event import OwnBalance, OwnFill, OwnOrder, OwnPosition, OwnRefused, Side
from crosstape.model.frame import Frame, Kind
from crosstape.sim.account import KEY
from crosstape.sim.answer import Answer
from crosstape.sim.binance.private import INVALID, LISTEN
from crosstape.sim.binance.private import ROUTES as MORE_ROUTES
from crosstape.sim.binance.spot import ROUTES as SPOT_ROUTES
from crosstape.sim.bybit.private import ROUTES
from crosstape.sim.fault import Conn
from crosstape.tape.reader import play
from crosstape.venues.bybit import BYBIT
from support.owned import NAME, QUIET, SECRETS, everything_written, following
from support.running import run_until
from support.served import Notebook, Stage, all_views, staged


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSTAPE_PASSPHRASE", "a long enough passphrase")


def frames_of(folder: Path) -> list[Frame]:
    return [frame for frame in play(folder / "tape") if frame.source.endswith(f"-account/{NAME}")]


def new_fills(views: list[View]) -> list[str]:
    return [event.id for view in views for _, event in view.events if type(event) is OwnFill]


@pytest.mark.parametrize("venue", ["bybit", "binance", "binance-spot"])
async def test_the_account_is_shown_whole_and_replays(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], venue: str
) -> None:
    async with following(tmp_path, venue, record=True) as there:

        def done() -> bool:
            there.rest() if len(there.own.fills) > 20 else there.hurry()
            return len(there.own.fills) > 20 and there.own.state == "synced" and there.agrees()

        await there.until(done)
    ids = new_fills(there.views)
    assert sorted(ids) == sorted(fill.id for fill in there.own.fills), "each of them once"
    recorded: list[View] = []
    frames, machine = open_tape([tmp_path / "tape"])
    replay(frames, machine, recorded.append)
    by_seq = {view.seq: view for view in recorded}
    assert len(there.views) > 10
    for view in there.views:
        assert by_seq[view.seq].own == view.own
        assert by_seq[view.seq].digest == view.digest
    written = everything_written(tmp_path) + "".join(capfd.readouterr()).encode()
    times = b"updatedTime", b"updateTime", b"executionReport"
    assert any(word in written for word in times), "frames are looked at as they were received"
    for secret in (
        *SECRETS,
        {"bybit": "X-BAPI-SIGN", "binance-spot": "apiKey"}.get(venue) or there.shown.key,
        "signature",
        '"auth","args"',
    ):
        assert secret.encode() not in written


async def test_an_account_that_is_followed_no_more_is_gone_and_comes_back_when_it_is(tmp_path: Path) -> None:
    async with following(tmp_path, record=True) as there:
        await there.until(lambda: there.own.state == "synced")
        place = there.live.venues
        forgotten = Live(msgspec.structs.replace(there.live.config, account=AccountSettings()), place)
        forgotten.open(QUIET)
        views = list[View]()
        await run_until(forgotten, views, lambda: len(views) > 3)
        assert views[-1].own == ()
        there.restart()
        await there.until(lambda: there.own.state == "synced" and not there.differs())
    recorded: list[View] = []
    frames, machine = open_tape([tmp_path / "tape"])
    replay(frames, machine, recorded.append)
    assert {view.seq: view.digest for view in recorded}[there.views[-1].seq] == there.views[-1].digest


def known(path: str) -> bool:
    """Whether it is one of Binance's private ones."""
    return path in MORE_ROUTES or path in SPOT_ROUTES or path == LISTEN


class Counted:
    """A REST fault that only counts."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def __call__(self, path: str, query: Mapping[str, str]) -> Answer | None:
        if path in ROUTES or known(path):
            self.paths.append(path)
        return None


@pytest.mark.parametrize(
    ("venue", "wrong", "said"),
    [
        ("bybit", {"secret": "wrong"}, "10004: Error sign"),
        ("binance", {"key": "unknown"}, "-2015: Invalid API-key"),
        ("binance-spot", {"secret": "wrong"}, "-1022: Signature for this request"),
    ],
)
async def test_a_wrong_key_says_so_and_does_not_hammer(
    tmp_path: Path, venue: str, wrong: dict[str, str], said: str
) -> None:
    count = Counted()
    async with following(tmp_path, venue, record=True, rest_faults=(count,), **wrong) as there:  # type: ignore[arg-type]
        await there.until(lambda: there.own.state == "refused" and len(there.views) > 15)
        assert there.own.reason.startswith(said)
        (health,) = [h for h in there.live.feeds.health() if h.source.endswith(f"/{NAME}")]
        assert (health.state, health.last_error[:5]) == ("banned", said[:5])
        assert there.server.connections == {} or all(
            not c.category.startswith("private") for c in there.server.connections.values()
        )
    assert len(count.paths) == 1, "it is asked once, and again only after a minute or more"
    refusals = [e for view in there.views for _, e in view.events if type(e) is OwnRefused]
    assert [e.reason[:6] for e in refusals] == [said[:6]]
    for secret in (*SECRETS, *wrong.values()):
        assert secret == "wrong" or secret.encode() not in everything_written(tmp_path)


async def test_a_stream_of_events_that_ends_is_replaced(tmp_path: Path) -> None:
    async with following(tmp_path, "binance-spot", record=True) as there:
        ended = list[int]()

        def done() -> bool:
            if not ended and there.own.state == "synced" and len(there.own.fills) > 5:
                ended.append(len(there.own.fills))
                there.shown.over, there.theirs.due_ns = True, 1 << 62
            listening = there.shown.open and not there.shown.over
            over = bool(ended) and listening and len(there.own.fills) > 15
            if listening:
                there.rest() if over else there.hurry()
            return over and there.agrees()

        await there.until(done)
    kinds = [frame.kind for frame in frames_of(tmp_path)]
    assert b"eventStreamTerminated" in everything_written(tmp_path)
    assert kinds.count(Kind.OPEN) == 2


@pytest.mark.parametrize(
    ("shut", "open_", "closed"), [("binance", "binance-spot", "/fapi/"), ("binance-spot", "binance", "/api/v3/")]
)
async def test_a_key_without_one_house_follows_the_other(
    tmp_path: Path, shut: str, open_: str, closed: str
) -> None:
    """The venue's words for a permission that a key does not have, on every private path of one house."""

    def forbidden(path: str, query: Mapping[str, str]) -> Answer | None:
        return INVALID if path.startswith(closed) and known(path) else None

    async with following(tmp_path, open_, rest_faults=(forbidden,), one_side=False) as there:

        def done() -> bool:
            there.rest() if len(there.own.fills) > 2 else there.hurry()
            return len(there.own.fills) > 2 and there.agrees()

        await there.until(done)
        states = {one.venue: (one.name, one.state, one.reason[:5]) for one in there.views[-1].own}
    assert states == {open_: (NAME, "synced", ""), shut: (NAME, "refused", "-2015")}


async def test_a_listen_key_that_expires_is_replaced_and_nothing_is_missed(tmp_path: Path) -> None:
    async with following(tmp_path, "binance", record=True) as there:
        keys = list[str]()

        def done() -> bool:
            if not keys and there.own.state == "synced" and len(there.own.fills) > 5:
                keys.append(there.shown.key)
                there.shown.expire()
            over = bool(keys) and there.shown.key not in ("", *keys) and len(there.own.fills) > 15
            there.rest() if over else there.hurry()
            return over and there.agrees()

        await there.until(done)
        keys.append(there.shown.key)
    written = everything_written(tmp_path)
    assert b"listenKeyExpired" in written, "the venue said so, and named the key"
    assert all(key.encode() not in written for key in keys)


async def test_spot_is_asked_once_its_pairs_are_known(tmp_path: Path) -> None:
    """Asked before, it would be whole without the trades of before it was followed."""
    seen = list[str]()

    def catalogue(path: str, query: Mapping[str, str]) -> Answer | None:
        seen.append(path.rpartition("/")[2])
        away = seen[-1] == "exchangeInfo" and seen.count("exchangeInfo") < 3
        return Answer(503, b"{}") if away else None

    async with following(tmp_path, "binance-spot", record=True, rest_faults=(catalogue,)) as there:
        there.hurry()

        def done() -> bool:
            there.rest() if len(there.theirs.fills) > 2 else there.hurry()
            return there.agrees()

        await there.until(done)
    asked = [frame for frame in frames_of(tmp_path) if frame.kind is Kind.ANSWER]
    assert [frame.request.split()[0] for frame in asked][:2] == ["orders", "assets"]
    assert not [frame for frame in frames_of(tmp_path) if frame.kind is Kind.FAILED], "it waits and says nothing"
    assert seen[: seen.index("openOrders")].count("exchangeInfo") >= 3


def socket_refuses(conn: Conn, payload: bytes) -> list[bytes]:
    """The venue takes the key over REST and not on its socket, and repeats what was said to it."""
    if b'"op":"auth"' not in payload:
        return [payload]
    return [b'{"success":false,"ret_msg":"error:USVC1111","request":{"op":"auth","args":["%s"]}}' % KEY.encode()]


async def test_a_key_that_only_the_socket_refuses_is_told_without_what_it_repeats(tmp_path: Path) -> None:
    async with following(tmp_path, record=True, faults=(socket_refuses,)) as there:
        await there.until(lambda: there.own.state == "refused" and len(there.views) > 15)
        assert there.own.reason == "error:USVC1111"
    assert [f.kind for f in frames_of(tmp_path)].count(Kind.OPEN) == 1
    written = everything_written(tmp_path)
    assert b"error:USVC1111" in written
    assert KEY.encode() not in written


def test_what_passes_is_blotted_out_wherever_it_comes_back() -> None:
    intake, heard = BoundedIntake(), list[bytes]()
    scrubbed = Scrubbed(intake, ("the-key", ""), heard.append)
    scrubbed.hide("a-signature")
    scrubbed.hide("another")
    scrubbed.put(1, "s", 1, Kind.DATA, b"[the-key,a-signature,another]", "GET another", 0, "x: the-key")
    ((_, _, _, _, payload, request, _, headers),) = intake.take(1)
    assert (payload.decode(), request, headers) == ("[•••,•••,•••]", "GET •••", "x: •••")
    assert heard == [b"[the-key,a-signature,another]"]
    assert scrubbed.clean("no a-signature") == "no •••"


@pytest.mark.parametrize(
    ("names", "said"),
    [(("other",), "no key 'other' in the vault; allowed: mine"), (("deep",), "'deep' is of okx")],
)
async def test_a_credential_that_cannot_be_followed_is_named(
    tmp_path: Path, names: tuple[str, ...], said: str
) -> None:
    config = Config(data=str(tmp_path), account=AccountSettings(names))
    for name, venue in (("mine", "bybit"), ("deep", "okx")):
        if names != ("other",) or name == "mine":
            open_vault(config).add(Credential(name, venue, "k" * 20, "s" * 20))
    with pytest.raises(ConfigError, match=f"account.credentials: {said}"):
        follow(Live(config, [BYBIT]))


async def test_without_credentials_no_vault_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CROSSTAPE_PASSPHRASE")
    live = follow(Live(Config(data=str(tmp_path)), [BYBIT]))
    assert not [h for h in live.feeds.health() if "account" in h.source]


class OneReplay:
    """A replay that another server of this test serves."""

    def __init__(self, address: str) -> None:
        self.one = Session("r", "tape", address, "operator", 0.0, 0.0)

    def session(self, id: str) -> Session | None:
        return self.one if id == "r" else None


def an_account() -> OwnAccount:
    """One of each."""
    place, side = "bybit-linear", Side.BUY
    return OwnAccount(
        NAME, "bybit", "synced", "", 5, 4, (OwnBalance("USDT", 1, "100.5", "99"),),
        (OwnPosition("BTCUSDT", 1, place, side, "0.1", "91000", "91010", "1.0"),),
        (OwnOrder("ETHUSDT", 1, place, "o-1", side, "3000", "2", "0", "open", "limit"),),
        (OwnFill("BTCUSDT", 1, place, "t-1", "o-0", side, "91000", "0.1", "0.5", liquidity="maker"),),
    )  # fmt: skip


@pytest.fixture
async def shown() -> AsyncIterator[tuple[Stage, View, View]]:
    """A server that needs a key, with a replay behind it, and two views with an account: the second is another."""
    *_, last = all_views()
    own = an_account()
    first = msgspec.structs.replace(last, own=(own,), events=())
    second = msgspec.structs.replace(
        first, number=first.number + 1, own=(msgspec.structs.replace(own, state="stale"),)
    )
    strict = ApiSettings(port=0, require_key=True)
    async with staged(strict, Notebook({"operator": "admin"}), ticks=1) as behind:
        behind.hub.publish(first)
        notebook, replays = (
            Notebook({"see": "viewer", "trade": "trader"}),
            OneReplay(f"http://127.0.0.1:{behind.port}"),
        )
        async with staged(strict, notebook, ticks=1, replays=replays) as stage:
            stage.hub.publish(first)
            yield stage, first, second


async def test_over_the_api_only_a_trader_sees_it(shown: tuple[Stage, View, View]) -> None:
    stage, view, _ = shown
    (own,) = view.own
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{stage.port}") as client:
        assert (await client.get("/api/v1/account")).status_code == 401
        for path in ("/api/v1/account", "/replay/r/api/v1/account"):
            refused = await client.get(path, headers={"x-api-key": "see"})
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
            told = (await client.get(path, headers={"x-api-key": "trade"})).json()
            (account,) = told["accounts"]
            assert (account["name"], account["venue"], account["state"]) == (NAME, "bybit", "synced")
        assert (await client.get("/replay/r/api/v1/boards", headers={"x-api-key": "see"})).status_code == 200
        other = await client.get("/api/v1/account?name=other", headers={"x-api-key": "trade"})
        assert (other.status_code, other.json()["error"]["code"]) == (404, "not_found")
    assert account["balances"][0]["total"] == own.balances[0].total
    assert account["fills"][0]["trade_id"] == own.fills[-1].id
    assert [(p["id"], p["side"], p["pnl"]) for p in account["positions"]] == [
        ("bybit-linear:BTCUSDT", "long", "1.0")
    ]
    assert [(o["order_id"], o["price"], o["status"]) for o in account["orders"]] == [("o-1", "3000", "open")]


async def test_the_topic_tells_each_change_to_a_trader_alone(shown: tuple[Stage, View, View]) -> None:
    stage, first, second = shown
    async with AsyncClient(f"http://127.0.0.1:{stage.port}", "trade") as client:
        subscription = client.open(topics.account())
        told = await asyncio.wait_for(anext(subscription), 20)
        assert [(a.name, a.state, len(a.fills)) for a in told.accounts] == [
            (NAME, "synced", len(first.own[0].fills))
        ]
        stage.hub.publish(msgspec.structs.replace(first, number=first.number + 1))
        stage.hub.publish(second)
        told = await asyncio.wait_for(anext(subscription), 20)
        assert [a.state for a in told.accounts] == ["stale"]
    for place in ("/ws", "/replay/r/ws"):
        async with connect(f"ws://127.0.0.1:{stage.port}{place}?key=see") as ws:
            await ws.send('{"op":"subscribe","topic":"account"}')
            refused = json.loads(await asyncio.wait_for(ws.recv(), 20))
            assert (refused["op"], refused["error"]["code"]) == ("error", "forbidden")
            await ws.send('{"op":"subscribe","topic":"status"}')
            assert json.loads(await asyncio.wait_for(ws.recv(), 20))["op"] == "subscribed"
    async with connect(f"ws://127.0.0.1:{stage.port}/replay/r/ws?key=trade") as ws:
        await ws.send('{"op":"subscribe","topic":"account"}')
        assert json.loads(await asyncio.wait_for(ws.recv(), 20))["op"] == "subscribed"


async def test_the_command_shows_it(shown: tuple[Stage, View, View]) -> None:
    stage, view, _ = shown
    command = [sys.executable, "-m", "crosstape", "account", "--url", f"http://127.0.0.1:{stage.port}"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "160"}

    async def said(key: str, *more: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *command,
            "--key",
            key,
            *more,
            env=env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        return process.returncode or 0, out.decode()

    (own,) = view.own
    code, text = await said("trade")
    assert code == 0
    for wanted in (NAME, "bybit", "synced", own.balances[0].total, own.fills[-1].price):
        assert wanted in text
    code, text = await said("trade", NAME, "--json")
    assert json.loads(text)["accounts"][0]["fills"][0]["trade_id"] == own.fills[-1].id
    code, text = await said("see")
    assert (code, "needs the role trader" in text) == (1, True)
