"""Own fills in the ledger: each once, to the last digit, whatever is cut, killed or away."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from crosstape.app.booking import Booker, execution
from crosstape.app.keeping import Keeper
from crosstape.engine.view import OwnAccount
from crosstape.model.event import OwnFill, Side
from crosstape.model.execution import Execution, ExecutionKind, Liquidity
from crosstape.model.frame import Kind
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.model.money import MoneyError
from crosstape.store.ledger import Ledger
from crosstape.tape.reader import play
from crosstape.venues import VENUES
from support.owned import MARKETS, NAME, SIDES, Following, following
from support.served import all_views

FILL = OwnFill("BTCUSDT", 5, "bybit-linear", "1", "2", Side.SELL, "100.5", "3", "0.25", account=NAME)
PERP = Instrument("bybit-linear", "BTCUSDT", InstrumentKind.PERP, "BTC", "USDT", "USDT")


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSTAPE_PASSPHRASE", "a long enough passphrase")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger.open("", tmp_path)
    yield found
    found.close()


def theirs(there: Following) -> list[tuple[str, Side, Decimal, Decimal, Decimal, bool]]:
    account = there.theirs
    rows = []
    for fill in account.fills:
        contract, side = account.contract(fill.order.row), Side.BUY if fill.order.buy else Side.SELL
        fee = there.shown.commission(fill)[0] if there.venue == "binance-spot" else fill.fee
        amounts = Decimal(contract.price_text(fill.price)), Decimal(contract.size_text(fill.lots)), fee
        rows.append((f"{MARKETS[there.venue]}:{contract.symbol}", side, *amounts, fill.maker))
    return rows


def kept(rows: list[Execution]) -> list[tuple[str, Side, Decimal, Decimal, Decimal, bool]]:
    return [(r.instrument, r.side, r.price, r.size, r.fee, r.liquidity is Liquidity.MAKER) for r in rows]


def trading(there: Following, enough: int, cuts: int = 0) -> bool:
    """Whether the account has done enough and everything of it is known; cuts the socket on the way."""
    own = there.own
    if there.cuts < cuts and own.state == "synced" and len(own.fills) > 8 * (there.cuts + 1):
        there.cuts += there.cut()
    over = there.cuts >= cuts and own.state == "synced" and len(own.fills) >= enough
    there.rest() if over else there.hurry()
    return over and not there.theirs.open and there.agrees()


@pytest.mark.parametrize("venue", ["bybit", "binance", "binance-spot"])
async def test_a_cut_in_mid_trade_loses_no_fill_and_doubles_none(
    tmp_path: Path, ledger: Ledger, venue: str
) -> None:
    keeper = Keeper(ledger)
    async with following(tmp_path, venue, record=True, keeper=keeper) as there:
        await there.until(lambda: trading(there, 20, cuts=1))
        await keeper.flush()
        (stream,) = ledger.streams.all()
        rows = ledger.executions.every(stream.id)
        assert sorted(kept(rows)) == sorted(theirs(there))
        told = [event.id for view in there.views for _, event in view.events if type(event) is OwnFill]
    assert (stream.name, stream.source, stream.kind, stream.count) == (
        f"account {NAME}",
        "api",
        "executions",
        len(rows),
    )
    for row in rows:
        rate = row.price if venue == "binance-spot" and row.side is Side.BUY else Decimal(1)
        assert (row.account, row.fee_rate) == (NAME, rate), "of what is bought a part is taken"
    assert len(told) == len(set(told)) == len(rows), "they left the fold once each, too"
    mine = [frame for frame in play(tmp_path / "tape") if frame.source == f"{SIDES[venue][0]}/{NAME}"]
    assert [frame.kind for frame in mine].count(Kind.OPEN) == 2
    read = next(p.stream.open() for v in VENUES for p in v.private if p.stream.market == SIDES[venue][0])
    pushed = {e.id for frame in mine if frame.kind is Kind.DATA for e in read(frame.payload) if type(e) is OwnFill}
    assert {row.trade_id for row in rows} > pushed, "some happened while nobody listened"


async def test_what_a_crash_kept_from_the_ledger_is_there_after_the_restart(
    tmp_path: Path, ledger: Ledger
) -> None:
    """The first run is recorded and never writes to the ledger; the second begins where its tape ends."""
    async with following(tmp_path, record=True, keeper=Keeper(None)) as there:
        await there.until(lambda: trading(there, 12))
        before = len(there.theirs.fills)
        keeper = Keeper(ledger)
        there.theirs.due_ns = 0
        there.restart(keeper)
        await there.until(lambda: trading(there, before + 5))
        await keeper.flush()
        rows = ledger.executions.every()
        assert sorted(kept(rows)) == sorted(theirs(there))
        assert len(rows) > before
        again = Keeper(ledger)
        there.restart(again)
        await there.until(lambda: there.own.state == "synced")
        await again.flush()
        assert len(ledger.executions.every()) >= len(rows)
        assert len({row.trade_id for row in ledger.executions.every()}) == len(ledger.executions.every())


async def test_a_ledger_that_is_away_gets_them_when_it_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    folder.mkdir()
    away = Ledger.open("", folder)
    booker = Booker(away)
    async with following(tmp_path) as there:
        await there.until(lambda: trading(there, 5))
        view = there.views[-1]
    away.close()
    assert view.rows.index, "the catalogue is there"
    booker.take(view)
    await booker.flush()
    assert booker.lost == 0
    back = Ledger.open("", folder)
    booker._ledger = back
    await booker.flush()
    assert len(back.executions.every()) == len(view.own[0].fills)
    back.close()


@pytest.mark.parametrize(
    ("change", "known", "wanted"),
    [
        ({}, PERP, {"fee_rate": Decimal(1), "inverse": False}),
        ({"fee_asset": "USDT"}, PERP, {"fee_rate": Decimal(1)}),
        ({"fee_asset": "BTC"}, PERP, {"fee_rate": Decimal("100.5")}),
        ({"fee_asset": "BNB"}, PERP, {"fee_rate": Decimal(0)}),
        ({"fee_asset": "BNB"}, None, {"fee_rate": Decimal(0)}),
        ({"market": "bybit-inverse"}, None, {"inverse": True}),
        ({"kind": "funding", "fee": "-0.5"}, PERP, {"size": Decimal(0), "kind": ExecutionKind.FUNDING, "fee": Decimal("-0.5")}),
        ({"kind": "liquidation"}, PERP, {"kind": ExecutionKind.LIQUIDATION, "size": Decimal(3)}),
    ],
)  # fmt: skip
def test_a_fill_as_the_ledger_has_it(
    change: dict[str, str], known: Instrument | None, wanted: dict[str, object]
) -> None:
    made = execution(msgspec.structs.replace(FILL, **change), known)
    assert {name: getattr(made, name) for name in wanted} == wanted
    assert (made.ts, made.trade_id, made.order_id, made.side) == (5, "1", "2", Side.SELL)


async def test_a_fill_of_a_contract_that_is_not_listed_yet_waits_for_it_a_while(ledger: Ledger) -> None:
    *_, view = all_views()
    own = OwnAccount(NAME, "bybit", "synced", "", 1, 1, (), (), (), (FILL,))
    strange = msgspec.structs.replace(FILL, symbol="NEVER", fee_asset="USDT")
    listed, booker = msgspec.structs.replace(FILL, fee_asset="USDT"), Booker(ledger)
    none = msgspec.structs.replace(view.rows, index={}, instruments=())
    first = msgspec.structs.replace(view, own=(own,), rows=none, events=((-1, listed), (-1, strange)))
    booker.take(first)
    await booker.flush()
    assert ledger.executions.every() == []
    bare = tuple(i and msgspec.structs.replace(i, described=False, quote="") for i in view.rows.instruments)
    booker.take(
        msgspec.structs.replace(first, rows=msgspec.structs.replace(view.rows, instruments=bare), events=())
    )
    await booker.flush()
    assert ledger.executions.every() == [], "a name alone says nothing"
    booker.take(msgspec.structs.replace(first, rows=view.rows, events=()))
    await booker.flush()
    assert [(row.instrument, row.fee_rate) for row in ledger.executions.every()] == [
        ("bybit-linear:BTCUSDT", Decimal(1))
    ]
    booker.take(msgspec.structs.replace(first, rows=view.rows, events=(), ts=view.ts + 61_000_000_000))
    await booker.flush()
    assert {(row.instrument, row.fee_rate) for row in ledger.executions.every()} == {
        ("bybit-linear:BTCUSDT", Decimal(1)), ("bybit-linear:NEVER", Decimal(0))
    }  # fmt: skip


async def test_both_houses_of_one_key_are_kept(ledger: Ledger) -> None:
    """A restart offers the newest fills of each again, and their ids may be the same."""
    *_, view = all_views()
    there, here = (
        OwnAccount(NAME, venue, "synced", "", 1, 1, (), (), (), (msgspec.structs.replace(FILL, market=market),))
        for venue, market in (("binance", "bybit-linear"), ("binance-spot", "bybit-spot"))
    )
    booker, late = Booker(ledger), view.ts + 61_000_000_000
    booker.take(msgspec.structs.replace(view, own=(there, here), events=()))
    booker.take(msgspec.structs.replace(view, own=(there, here), events=(), ts=late))
    await booker.flush()
    assert sorted(row.instrument for row in ledger.executions.every()) == [
        "bybit-linear:BTCUSDT", "bybit-spot:BTCUSDT"
    ]  # fmt: skip


def test_an_amount_that_no_ledger_holds_is_refused() -> None:
    with pytest.raises(MoneyError, match="price"):
        execution(msgspec.structs.replace(FILL, price="NaN"), PERP)
