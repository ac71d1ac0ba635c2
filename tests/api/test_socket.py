"""`/ws` over a real server: what a client rebuilds is exactly the view; slow and hostile clients hurt nobody."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import socket
from typing import Any

import msgspec
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from crosstape.api import ApiSettings
from crosstape.api.codec import GONE, Cell, Schema, Table, decode
from crosstape.engine.view import View
from crosstape.model import quality
from crosstape.model.event import Candle, Liquidation, Side, Trade

BTC = "bybit-linear:BTCUSDT"


class Desk:
    """A client that rebuilds tables from snapshots and deltas, JSON or binary, and checks `seq` on the way."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws
        self.acks: dict[str, dict[str, Any]] = {}
        self.schemas: dict[int, tuple[str, Schema]] = {}
        self.tables: dict[str, dict[int, tuple[int, int, tuple[float, ...]]]] = {}
        self.names: dict[str, dict[int, str]] = {}
        self.seqs: dict[str, int] = {}
        self.kinds: dict[str, list[str]] = {}
        self.other: list[dict[str, Any]] = []

    async def say(self, **command: Any) -> None:
        await self.ws.send(json.dumps(command))

    async def hear(self, quiet: float = 0.15) -> None:
        """Take messages until none comes for a while."""
        with contextlib.suppress(TimeoutError):
            while True:
                self.take(await asyncio.wait_for(self.ws.recv(), quiet))

    def take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            topic, schema = self.schemas[int.from_bytes(message[2:4], "little")]
            self._table(topic, decode(message, schema))
            return
        said = json.loads(message)
        topic = said.get("topic", "")
        if said.get("op") == "subscribed":
            self.acks[topic] = said
            cells = tuple(Cell(**c) for c in said["columns"])
            self.schemas[said["topic_id"]] = (topic, Schema(said["schema"], cells))
        elif said.get("kind") == "names":
            self._named(topic, said)
        elif "removed" in said:
            self._named(topic, said)
            self._step(topic, said["kind"], said["seq"])
            table = self.tables.setdefault(topic, {})
            if said["kind"] == "snapshot":
                table.clear()
            for row in said["removed"]:
                del table[row]
            for row, rank, flags, *values in said["rows"]:
                numbers = tuple(math.nan if v is None else v for v in values)
                table[row] = (rank, quality.parse(",".join(flags)), numbers)
        else:
            if said.get("kind") == "dropped":
                # Only now may the topic's seq have a hole.
                del self.seqs[topic]
            elif "seq" in said and "kind" in said:
                self._step(topic, said["kind"], said["seq"])
            self.other.append(said)

    def _named(self, topic: str, said: dict[str, Any]) -> None:
        self.names.setdefault(topic, {}).update({int(row): name for row, name in said["names"].items()})

    def _table(self, topic: str, frame: Table) -> None:
        self._step(topic, "snapshot" if frame.kind == 1 else "delta", frame.seq)
        table = self.tables.setdefault(topic, {})
        if frame.kind == 1:
            table.clear()
        columns = list(frame.columns.values())
        for i, row in enumerate(frame.rows.tolist()):
            if frame.ranks[i] == GONE:
                del table[row]
            else:
                values = tuple(float(column[i]) for column in columns)
                table[row] = (int(frame.ranks[i]), int(frame.quality[i]), values)

    def _step(self, topic: str, kind: str, seq: int) -> None:
        self.kinds.setdefault(topic, []).append(kind)
        if kind == "delta" and topic in self.seqs:
            assert seq == self.seqs[topic] + 1, topic
        self.seqs[topic] = seq

    def shown(self, topic: str) -> list[tuple[str, int, tuple[float, ...]]]:
        """(name, quality, values) in rank order."""
        table = sorted((rank, row) for row, (rank, _, _) in self.tables[topic].items())
        assert [rank for rank, _ in table] == list(range(len(table)))
        return [(self.names[topic][row], *self.tables[topic][row][1:]) for _, row in table]


def wanted(view: View, rows: Any, columns: list[str], types: list[str] | None = None) -> list[Any]:
    """What a client should hold."""
    out = []
    for row in rows:
        values = [float(view.columns[name][row]) for name in columns]
        if types:
            values = [float(np.float32(v)) if t == "f32" else v for v, t in zip(values, types, strict=True)]
        instrument = view.rows.instruments[row]
        assert instrument is not None
        out.append((instrument.id, int(view.quality[row]), tuple(values)))
    return out


def equal(a: list[Any], b: list[Any]) -> bool:
    """NaN equals NaN."""
    return msgspec.json.encode(a) == msgspec.json.encode(b)


def columns_of(desk: Desk, topic: str, kind: str = "name") -> list[str]:
    return [column[kind] for column in desk.acks[topic]["columns"]]


@contextlib.asynccontextmanager
async def desk_at(stage: Any, **options: Any) -> Any:
    async with connect(stage.url, compression=None, max_size=None, **options) as ws:
        yield Desk(ws)


async def close_code(ws: ClientConnection) -> int | None:
    """Reads until the connection ends."""
    try:
        while True:
            await asyncio.wait_for(ws.recv(), 3)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd is not None else None


@pytest.mark.parametrize("encoding", ["json", "columns"])
async def test_snapshot_and_deltas_rebuild_every_view(stage: Any, encoding: str) -> None:
    boards = ("board:turnover_5m", "board:gainers_24h", "board:cvd_up")
    async with desk_at(stage) as desk:
        for topic in (*boards, "markets", f"market:{BTC}", "asset:BTC", "assets"):
            await desk.say(op="subscribe", topic=topic, encoding=encoding)
        await desk.hear()
        view = stage.hub.view
        for _ in range(12):
            types = None
            for topic in boards:
                if encoding == "columns":
                    types = columns_of(desk, topic, "type")
                rows = view.boards[topic.partition(":")[2]].rows
                assert equal(desk.shown(topic), wanted(view, rows, columns_of(desk, topic), types))
            for topic, rows in (
                ("markets", np.flatnonzero(view.rows.alive)),
                (f"market:{BTC}", [view.rows.index[BTC]]),
                (
                    "asset:BTC",
                    [r for r, i in enumerate(view.rows.instruments) if i is not None and i.base == "BTC"],
                ),
            ):
                types = columns_of(desk, topic, "type") if encoding == "columns" else None
                assert equal(desk.shown(topic), wanted(view, rows, columns_of(desk, topic), types))
            assert [name for name, *_ in desk.shown("assets")] == list(view.assets.names)
            view = await stage.tick()
            await desk.hear(0.06)
        for topic in boards:
            assert desk.kinds[topic][0] == "snapshot"
            assert set(desk.kinds[topic][1:]) == {"delta"}


async def test_slower_topics_and_chosen_columns(stage: Any) -> None:
    async with desk_at(stage) as desk:
        await desk.say(op="subscribe", topic="board:turnover_5m", n=5, hz=2, columns=["bid", "change_24h"])
        await desk.say(op="subscribe", topic="markets", n=3, hz=10, columns=["age_ms"], encoding="columns")
        await desk.hear()
        for _ in range(10):
            await stage.tick()
        await desk.hear()
        view = stage.hub.view
        assert columns_of(desk, "board:turnover_5m") == ["bid", "change_24h"]
        assert len(desk.kinds["board:turnover_5m"]) <= 3
        assert len(desk.kinds["markets"]) == 11
        top = np.argsort(-np.nan_to_num(view.columns["turnover_usd_24h"], nan=-1), kind="stable")[:3]
        assert equal(desk.shown("markets"), wanted(view, top, ["age_ms"], ["f32"]))


async def test_filters_are_those_of_rest(stage: Any) -> None:
    where = {"market": "bybit-linear", "quote": "usdt", "q": "usdt", "min_turnover_usd": "1"}
    async with desk_at(stage) as desk:
        await desk.say(op="subscribe", topic="board:turnover_24h", n=4, where=where)
        await desk.say(op="subscribe", topic="markets", where={"market": "bybit-spot"}, columns=["last"])
        await desk.hear()
        for _ in range(6):
            view: View = await stage.tick()
            await desk.hear(0.06)
            alive = view.rows.alive
            fit = [r for r, i in enumerate(view.rows.instruments) if i is not None and alive[r]
                   and i.market == "bybit-linear" and i.quote == "USDT"
                   and view.columns["turnover_usd_24h"][r] >= 1]  # fmt: skip
            fit.sort(key=lambda r: -view.columns["turnover_usd_24h"][r])
            assert [row for _, row, *_ in _ranked(desk, "board:turnover_24h")] == fit[:4]
            spot = {r for r, i in enumerate(view.rows.instruments) if i is not None and i.market == "bybit-spot"}
            assert {row for _, row, *_ in _ranked(desk, "markets")} == {r for r in spot if alive[r]}


def _ranked(desk: Desk, topic: str) -> list[tuple[int, int]]:
    return sorted((rank, row) for row, (rank, *_) in desk.tables[topic].items())


@pytest.mark.parametrize(
    ("topic", "where", "parameter"),
    [("markets", {"market": "nyse"}, "market"), ("markets", {"limit": "3"}, "where"), ("assets", {"q": "x"}, "where"),
     ("board:cvd_up", {"quality_not": "ODD"}, "quality_not"), ("markets", {"marked": "x"}, "marked"),
     ("markets", {"min_turnover_usd": "-1"}, "min_turnover_usd")],
)  # fmt: skip
async def test_wrong_filters_are_refused(stage: Any, topic: str, where: dict[str, str], parameter: str) -> None:
    async with desk_at(stage) as desk:
        await desk.say(op="subscribe", topic=topic, where=where)
        await desk.hear()
        assert [(said["op"], said["error"]["parameter"]) for said in desk.other] == [("error", parameter)]


async def test_trades_are_the_tapes(stage: Any, views: tuple[View, ...]) -> None:
    async with desk_at(stage) as desk:
        await desk.say(op="subscribe", topic=f"trades:{BTC}", n=500, hz=5)
        await desk.hear()
        await stage.tick(14)
        await desk.hear()
    got = [r["id"] for said in desk.other if said.get("topic") == f"trades:{BTC}" for r in said["rows"]]
    row = views[0].rows.index[BTC]
    seen = [v for v in views if v.number <= stage.hub.view.number // 2 * 2]
    assert got == [e.id for v in seen for r, e in v.events if r == row and type(e) is Trade]
    assert len(got) > 20


async def test_books_rebuild(stage: Any) -> None:
    sides: dict[str, dict[float, float]] = {"bids": {}, "asks": {}}
    async with desk_at(stage) as desk:
        await desk.say(op="subscribe", topic=f"book:{BTC}", n=20)
        await desk.hear()
        for _ in range(10):
            view = await stage.tick()
            await desk.hear(0.05)
            for said in desk.other:
                for name, side in sides.items():
                    if said["kind"] == "snapshot":
                        side.clear()
                    side.update(map(tuple, said[name]))
                    for price in [p for p, s in side.items() if s == 0]:
                        del side[price]
            desk.other.clear()
            copy = view.books[view.rows.index[BTC]]
            assert sides["bids"] == dict(copy.bids[:20])
            assert sides["asks"] == dict(copy.asks[:20])
        assert view.rows.index[BTC] in stage.hub.interest()
        lost = msgspec.structs.replace(copy, synced=False)
        stage.hub.publish(
            msgspec.structs.replace(view, number=view.number + 1, books={view.rows.index[BTC]: lost}, events=())
        )
        await desk.hear()
        assert desk.other[-1]["kind"] == "snapshot"
        assert desk.other[-1]["synced"] is False
        assert desk.other[-1]["bids"] == []


async def test_candles_liquidations_status(stage: Any) -> None:
    async with desk_at(stage) as desk:
        for topic in (f"candles:{BTC}:1m", "liquidations", "status"):
            await desk.say(op="subscribe", topic=topic)
        await desk.hear()
        view, row = stage.hub.view, stage.hub.view.rows.index[BTC]
        start = view.ts // 60_000_000_000 * 60_000_000_000
        events = (
            (row, Candle("BTCUSDT", start, 60, 1.0, 2.0, 0.5, 1.5, 10.0, 15.0, 3.0, 4.0)),
            (row, Candle("BTCUSDT", start, 180, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0)),
            (row, Liquidation("BTCUSDT", view.ts, Side.SELL, 50_000.0, 0.2)),
        )
        later = msgspec.structs.replace(view, number=view.number + 1, ts=view.ts + 10**9, events=events)
        stage.hub.publish(later)
        await desk.hear()
        by_topic = {said["topic"]: said for said in desk.other}
        (candle,) = by_topic[f"candles:{BTC}:1m"]["rows"]
        assert (candle["ts_ms"], candle["close"], candle["taker_buy_volume"]) == (start // 1_000_000, 1.5, 4.0)
        (forced,) = by_topic["liquidations"]["rows"]
        assert (forced["id"], forced["side"], forced["notional"]) == (BTC, "SELL", 10_000.0)
        assert by_topic["status"]["status"]["instruments"] == len(view.rows.index)
        assert by_topic["status"]["status"]["websocket"]["topics"] == 3


@pytest.mark.parametrize("encoding", ["json", "columns"])
async def test_resume_gets_what_was_missed(stage: Any, encoding: str) -> None:
    topic = "board:turnover_5m"
    async with desk_at(stage) as desk:
        await desk.say(op="subscribe", topic=topic, encoding=encoding)
        await stage.tick(3)
        await desk.hear()
    await stage.tick(5)
    async with connect(stage.url, compression=None) as ws:
        desk.ws = ws
        desk.kinds[topic].clear()
        await desk.say(op="subscribe", topic=topic, encoding=encoding, resume=desk.seqs[topic])
        await desk.hear()
        view = stage.hub.view
        assert desk.acks[topic]["resumed"] is True
        assert desk.kinds[topic] == ["delta"] * 5
        types = columns_of(desk, topic, "type") if encoding == "columns" else None
        assert equal(
            desk.shown(topic), wanted(view, view.boards["turnover_5m"].rows, columns_of(desk, topic), types)
        )
    async with desk_at(stage) as other:
        await other.say(op="subscribe", topic=topic, encoding=encoding, resume=5)
        await other.hear()
        assert other.acks[topic]["resumed"] is False
        assert other.kinds[topic] == ["snapshot"]


async def test_pause_and_resume(stage: Any) -> None:
    async with desk_at(stage) as desk:
        await desk.say(op="subscribe", topic="board:turnover_5m")
        await desk.hear()
        await desk.say(op="pause")
        await desk.hear()
        await stage.tick(3)
        await desk.hear()
        assert desk.kinds["board:turnover_5m"] == ["snapshot"]
        await desk.say(op="resume")
        await desk.hear()
        await stage.tick()
        await desk.hear()
        assert desk.kinds["board:turnover_5m"] == ["snapshot", "snapshot", "delta"]
        await desk.say(op="unsubscribe", topic="board:turnover_5m")
        await desk.hear()
        await stage.tick()
        await desk.hear()
        assert len(desk.kinds["board:turnover_5m"]) == 3


async def test_silence_is_broken_once_a_second(stage: Any) -> None:
    async with desk_at(stage) as desk:
        await desk.say(op="subscribe", topic="board:turnover_24h", columns=["turnover_usd_24h"])
        await desk.hear()
        for _ in range(21):
            stage.again()
            await asyncio.sleep(0.01)
        await desk.hear()
        assert desk.kinds["board:turnover_24h"] == ["snapshot", "delta", "delta"]


def small_window(port: int) -> socket.socket:
    """A socket that can take little before the server feels it."""
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", port))
    slow.setblocking(False)
    return slow


def shaken(view: View, number: int) -> View:
    """Every value changes, so that every row is in the delta."""
    columns = {name: values + number for name, values in view.columns.items()}
    return msgspec.structs.replace(view, number=number, columns=columns)


async def test_a_slow_client_is_conflated_and_told_what_it_lost(stage: Any) -> None:
    view, row = stage.hub.view, stage.hub.view.rows.index[BTC]
    everything = list(view.columns)
    async with connect(
        stage.url,
        sock=small_window(stage.port),
        compression=None,
        max_size=None,
        max_queue=1,
        ping_interval=None,
        close_timeout=0.1,
    ) as ws:
        desk = Desk(ws)
        await desk.say(op="subscribe", topic="markets", columns=everything)
        await desk.say(op="subscribe", topic=f"trades:{BTC}", n=500)
        await asyncio.sleep(0.1)
        total = 0
        for step in range(1, 200):
            trades = tuple((row, Trade("BTCUSDT", view.ts, 1.0, 1.0, Side.BUY, f"{step}-{i}")) for i in range(20))
            total += len(trades)
            stage.hub.publish(msgspec.structs.replace(shaken(view, view.number + step), events=trades))
            await asyncio.sleep(0.003)
        last = stage.hub.view
        await desk.hear(0.5)
        # `Desk` has checked that no delta follows a hole; at the end the table is the last view's.
        assert equal(
            desk.shown("markets"), wanted(last, np.flatnonzero(last.rows.alive), columns_of(desk, "markets"))
        )
        assert 2 <= desk.kinds["markets"].count("snapshot") < 150
        assert len(desk.kinds["markets"]) < 190
        dropped = sum(said["dropped"] for said in desk.other if said.get("kind") == "dropped")
        deltas = [said for said in desk.other if said.get("topic") == f"trades:{BTC}" and said["kind"] == "delta"]
        assert dropped > 0
        assert sum(len(said["rows"]) for said in deltas) + dropped == total


@pytest.mark.parametrize("stage", [ApiSettings(unwritable_s=0.3)], indirect=True)
async def test_a_client_that_never_reads_is_cut_off_and_others_are_not(stage: Any) -> None:
    view = stage.hub.view
    async with desk_at(stage) as desk:
        await desk.say(op="subscribe", topic="board:turnover_24h", columns=["turnover_usd_24h"])
        await desk.say(op="subscribe", topic="status")
        slow = await connect(
            stage.url,
            sock=small_window(stage.port),
            compression=None,
            max_size=None,
            max_queue=1,
            ping_interval=None,
        )
        await slow.send(json.dumps({"op": "subscribe", "topic": "markets", "columns": list(view.columns)}))
        await desk.hear()
        for step in range(1, 300):
            stage.hub.publish(shaken(msgspec.structs.replace(view, ts=view.ts + step * 10**8), view.number + step))
            await asyncio.sleep(0.006)
        await desk.hear(0.5)
        assert desk.kinds["board:turnover_24h"].count("delta") == 299
        status = [said["status"]["websocket"] for said in desk.other if said.get("topic") == "status"][-1]
        assert status["cut_off"] == 1
        assert status["clients"] == 1
        # What was on its way before the cut is all it can still read; then the connection is gone.
        assert await close_code(slow) in (None, 4008)


HOSTILE = ("", "x", "[]", "null", '{"op":"explode"}', '{"op":"subscribe"}', "{" * 50_000,
           '{"op":"subscribe","topic":5}',
           '{"op":"subscribe","topic":"markets","n":0}', '{"op":"subscribe","topic":"markets","hz":3}',
           '{"op":"subscribe","topic":"markets","columns":["nope"]}', '{"op":"subscribe","topic":"markets","x":1}',
           '{"op":"subscribe","topic":"board:"}', '{"op":"subscribe","topic":"candles:a:b:c"}',
           '{"op":"subscribe","topic":"trades:nobody"}', '{"op":"unsubscribe","topic":"markets"}',
           '{"op":"subscribe","topic":"status","encoding":"columns"}')  # fmt: skip


async def test_garbage_gets_one_error_each_and_the_client_lives(stage: Any) -> None:
    async with desk_at(stage) as desk:
        for payload in HOSTILE:
            await desk.ws.send(payload)
        await desk.ws.send(b"\x00\xff\xfe")
        await desk.say(op="ping", id="still there")
        await desk.hear()
        errors = [said for said in desk.other if said.get("op") == "error"]
        assert len(errors) == len(HOSTILE) + 1
        assert all(said["error"]["code"] and said["error"]["message"] for said in errors)
        assert desk.other[-1]["op"] == "pong"
        assert desk.other[-1]["id"] == "still there"


async def test_errors_name_field_and_allowed(stage: Any) -> None:
    async with desk_at(stage) as desk:
        await desk.say(op="subscribe", topic="board:gainer_5m", id=1)
        await desk.say(op="subscribe", topic="markets", hz=3)
        await desk.say(op="subscribe", topic="markets", columns=["lst"])
        await desk.hear()
        first, second, third = desk.other
        assert first["id"] == 1
        assert first["topic"] == "board:gainer_5m"
        assert "gainers_5m" in first["error"]["allowed"]
        assert second["error"]["parameter"] == "hz"
        assert second["error"]["allowed"] == "1, 2, 5, 10"
        assert third["error"]["parameter"] == "columns"


async def test_too_many_mistakes_and_too_long_messages_close(stage: Any) -> None:
    async with desk_at(stage) as desk:
        for _ in range(100):
            await desk.ws.send("x")
        assert await close_code(desk.ws) == 4002
    async with desk_at(stage) as desk:
        await desk.ws.send("x" * 70_000)
        assert await close_code(desk.ws) == 1009


@pytest.mark.parametrize("stage", [ApiSettings(max_topics=3, max_clients=2)], indirect=True)
async def test_limits(stage: Any) -> None:
    async with desk_at(stage) as desk, desk_at(stage):
        for name in ("gainers_5m", "losers_5m", "gainers_1h", "losers_1h"):
            await desk.say(op="subscribe", topic=f"board:{name}")
        await desk.say(op="subscribe", topic="board:gainers_5m", n=3)
        await desk.hear()
        (error,) = [said["error"] for said in desk.other if said.get("op") == "error"]
        assert error["code"] == "too_many_topics"
        assert len(desk.acks) == 3
        assert desk.acks["board:gainers_5m"]["n"] == 3
        async with desk_at(stage) as third:
            assert await close_code(third.ws) == 4009


@pytest.mark.parametrize(
    "stage", [ApiSettings(require_key=True, cors_origins=("https://desk.example",))], indirect=True
)
async def test_keys_and_origins(stage: Any) -> None:
    for address, headers in ((stage.url, {}), (stage.url + "?key=wrong", {}), (stage.url, {"x-api-key": "wrong"})):
        async with connect(address, additional_headers=headers) as ws:
            assert await close_code(ws) == 4001
    for address, headers in ((stage.url + "?key=see", {}), (stage.url, {"authorization": "Bearer see"}),
                             (stage.url, {"x-api-key": "rule"})):  # fmt: skip
        async with connect(address, additional_headers=headers) as ws:
            await ws.send('{"op":"ping"}')
            assert json.loads(await asyncio.wait_for(ws.recv(), 2))["op"] == "pong"
    same = f"http://127.0.0.1:{stage.port}"
    for origin, allowed in (
        ("https://evil.example", False),
        ("null", False),
        (same, True),
        ("https://desk.example", True),
    ):
        if allowed:
            async with connect(stage.url + "?key=see", origin=origin):  # type: ignore[arg-type]
                continue
        with pytest.raises(InvalidStatus):
            await connect(stage.url + "?key=see", origin=origin)  # type: ignore[arg-type]


async def test_wrong_path_and_foreign_host_are_refused(stage: Any) -> None:
    with pytest.raises(InvalidStatus):
        await connect(stage.url + "x")
    with pytest.raises(InvalidStatus):
        await connect(f"ws://evil.example:{stage.port}/ws", host="127.0.0.1", port=stage.port)


async def test_channels_are_shared_and_end(stage: Any) -> None:
    async with desk_at(stage) as one, desk_at(stage) as two:
        for desk in (one, two):
            await desk.say(op="subscribe", topic="board:turnover_5m")
            await desk.hear()
        assert one.acks["board:turnover_5m"]["topic_id"] == two.acks["board:turnover_5m"]["topic_id"]
        await two.say(op="subscribe", topic="board:turnover_5m", n=3)
        await two.hear()
        assert one.acks["board:turnover_5m"]["topic_id"] != two.acks["board:turnover_5m"]["topic_id"]
