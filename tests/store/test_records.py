"""Streams, their executions, saved boards: kept exactly, once, on every database."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from crosstape.model.errors import ConfigError
from crosstape.model.event import Side
from crosstape.model.execution import Execution, ExecutionKind, Liquidity, keys_of
from crosstape.model.money import MoneyError
from crosstape.store import boards as boards_module
from crosstape.store import executions as module
from crosstape.store.database import parse
from crosstape.store.ledger import Ledger

Open = Callable[..., Ledger]
NOW = 1_800_000_000_000_000_000
BTC = "bybit-linear:BTCUSDT"

amounts = st.decimals(min_value=0, max_value=Decimal("9" * 20), places=18, allow_nan=False, allow_infinity=False)
executions = st.builds(
    Execution,
    ts=st.integers(1, 2**62),
    instrument=st.sampled_from([BTC, "bybit-inverse:BTCUSD", "import:Ω'\"; DROP"]),
    side=st.sampled_from(Side),
    price=amounts,
    size=amounts,
    trade_id=st.sampled_from(["", "1", "2", "a"]),
    fee=st.decimals(-10, 10, places=18),
    fee_asset=st.sampled_from(["", "BNB"]),
    liquidity=st.sampled_from(Liquidity),
    kind=st.sampled_from(ExecutionKind),
    inverse=st.booleans(),
)


def _fill(ts: int, id: str = "", price: str = "100.5", size: str = "2") -> Execution:
    return Execution(ts, BTC, Side.BUY, Decimal(price), Decimal(size), id)


def test_a_stream_is_made_once_and_keeps_its_kind(ledger: Ledger) -> None:
    stream = ledger.streams.add("my fills", "file", "executions", BTC, "fills.csv")
    assert (stream.count, stream.from_ts, stream.to_ts, stream.created_ts) == (0, 0, 0, NOW)
    assert ledger.streams.add("my fills", "file", "executions") == stream
    other = ledger.streams.add("ticks", "push", "trades")
    assert ledger.streams.all() == [stream, other]
    assert ledger.streams.get(other.id) == other
    assert ledger.streams.named("my fills") == stream
    assert ledger.streams.get(99) is None
    assert ledger.streams.named("no") is None
    with pytest.raises(ConfigError, match="name: the stream 'ticks' holds trades from push"):
        ledger.streams.add("ticks", "file", "trades")


@pytest.mark.parametrize(
    ("name", "source", "kind", "said"),
    [
        ("", "file", "trades", "1 to 200 characters, not 0"),
        ("x" * 201, "file", "trades", "not 201"),
        ("x", "ftp", "trades", "source: 'ftp'; allowed: api, file, push"),
        ("x", "file", "quotes", "kind: 'quotes'; allowed: executions, trades, candles"),
    ],
)
def test_what_is_no_stream_is_refused(ledger: Ledger, name: str, source: str, kind: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ledger.streams.add(name, source, kind)  # type: ignore[arg-type]


def test_a_stream_of_history_grows(ledger: Ledger) -> None:
    id = ledger.streams.add("ticks", "push", "trades").id
    for count, since, until in ((0, 0, 0), (5, 100, 200), (0, 40, 60), (3, 50, 150), (1, 190, 300)):
        ledger.streams.grow(id, count, since, until)
    stream = ledger.streams.get(id)
    assert stream is not None
    assert (stream.count, stream.from_ts, stream.to_ts) == (9, 40, 300), (
        "rows that were there already count for its times"
    )


def test_executions_come_back_as_they_were_and_only_once(ledger: Ledger) -> None:
    stream = ledger.streams.add("fills", "file", "executions").id
    rows = [
        _fill(3, "c"),
        _fill(1, "a", "0.000000000000000001", "99999999999999999999.999999999999999999"),
        _fill(2),
    ]
    full = Execution(4, "bybit-inverse:BTCUSD", Side.SELL, Decimal("1.5"), Decimal(7), "d", "o", "main",
                     Decimal("-0.25"), "BNB", Decimal("600.1"), Liquidity.MAKER, ExecutionKind.LIQUIDATION, True,
                     Decimal(10))  # fmt: skip
    assert ledger.executions.put(stream, [*rows, full]) == 4
    assert ledger.executions.put(stream, [full, *rows, _fill(5, "e")]) == 1
    assert ledger.executions.put(stream, []) == 0
    assert ledger.executions.every() == [rows[1], rows[2], rows[0], full, _fill(5, "e")]
    found = ledger.streams.get(stream)
    assert found is not None
    assert (found.count, found.from_ts, found.to_ts) == (5, 1, 5)


def test_two_equal_fills_are_two_and_two_streams_are_apart(ledger: Ledger) -> None:
    one, two = (ledger.streams.add(name, "file", "executions").id for name in "ab")
    assert ledger.executions.put(one, [_fill(1), _fill(1)]) == 2
    assert ledger.executions.put(one, [_fill(1), _fill(1)]) == 0
    assert ledger.executions.put(two, [_fill(1), _fill(1, "x")]) == 2
    same_id = msgspec.structs.replace(_fill(1, "x"), instrument="okx-spot:BTC-USDT")
    assert ledger.executions.put(two, [same_id]) == 1
    assert (ledger.executions.count(one), ledger.executions.count(two), ledger.executions.count()) == (2, 3, 5)


def test_a_range_and_a_page(ledger: Ledger) -> None:
    stream = ledger.streams.add("fills", "file", "executions").id
    other = msgspec.structs.replace(_fill(4, "z"), instrument="okx-spot:BTC-USDT")
    ledger.executions.put(stream, [*(_fill(ts, str(ts)) for ts in range(1, 8)), other])
    page = ledger.executions.page
    assert [row.ts for row in page(stream, BTC, 2, 5)] == [2, 3, 4]
    assert [row.ts for row in page(stream, BTC, offset=2, limit=2)] == [3, 4]
    assert page(instrument="okx-spot:BTC-USDT") == [other]
    assert page(stream + 1) == []
    assert ledger.executions.count(stream, since=2, until=5) == 4


def test_a_deleted_stream_takes_its_executions_along(ledger: Ledger) -> None:
    keep, lose = (ledger.streams.add(name, "file", "executions").id for name in "ab")
    for stream in (keep, lose):
        ledger.executions.put(stream, [_fill(1), _fill(2)])
    assert ledger.streams.delete(lose)
    assert not ledger.streams.delete(lose)
    assert ledger.executions.count() == ledger.executions.count(keep) == 2


def test_only_a_stream_of_executions_takes_them(ledger: Ledger) -> None:
    ticks = ledger.streams.add("ticks", "push", "trades").id
    for stream in (ticks, 99):
        with pytest.raises(ConfigError, match=f"stream: {stream} is no stream of executions"):
            ledger.executions.put(stream, [_fill(1)])


def test_all_of_a_put_or_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    stream = ledger.streams.add("fills", "file", "executions").id
    with pytest.raises(MoneyError, match="does not fit; allowed: a number of at most 20 digits"):
        ledger.executions.put(stream, [*(_fill(ts) for ts in range(1, 6)), _fill(7, "", "1E-19")])
    assert ledger.executions.count() == 0
    assert ledger.executions.put(stream, [_fill(ts) for ts in range(1, 6)]) == 5


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(executions, max_size=12), again=st.data())
def test_any_order_any_number_of_times_is_once(
    ledger: Ledger, rows: list[Execution], again: st.DataObject
) -> None:
    for stream in ledger.streams.all():
        ledger.streams.delete(stream.id)
    stream_id = ledger.streams.add("fills", "file", "executions").id
    wanted = {(row.instrument, key): row for key, row in zip(keys_of(rows), rows, strict=True)}
    ledger.executions.put(stream_id, rows)
    ledger.executions.put(stream_id, again.draw(st.permutations(rows)))
    kept = ledger.executions.every(stream_id)
    assert len(kept) == len(wanted)
    assert {(row.instrument, key) for key, row in zip(keys_of(kept), kept, strict=True)} == set(wanted)
    for row in kept:
        assert row.trade_id or row in rows


def test_money_is_compared_by_value_in_sql(url: str, ledger: Ledger) -> None:
    stream = ledger.streams.add("fills", "file", "executions").id
    ledger.executions.put(
        stream, [_fill(ts, "", price) for ts, price in enumerate(["9", "10.5", "100", "0.5"], 1)]
    )
    prices = module.EXECUTIONS.c.price
    ordered = module.select(prices).where(prices > Decimal("0.5"), prices != Decimal("100.000")).order_by(prices)
    assert ledger._database.read(lambda c: c.execute(ordered).scalars().all()) == [Decimal(9), Decimal("10.5")]
    if url.startswith("sqlite"):
        with create_engine(parse(url)).connect() as plain:
            assert plain.execute(text("SELECT typeof(price), price FROM executions LIMIT 1")).one() == (
                "text",
                "9",
            )


def test_boards_are_saved_by_name(url: str, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    first = opened(url, now=5)
    first.boards.save("mine", "SELECT 1 AS id", "ann")
    first.boards.save("also", "SELECT 2 AS id", "bob")
    first.close()
    ledger = opened(url, now=9)
    assert ledger.boards.save("mine", "SELECT 3 AS id", "bob").owner == "ann"
    board = ledger.boards.get("mine")
    assert board is not None
    assert (board.sql, board.owner, board.created_ts, board.updated_ts) == ("SELECT 3 AS id", "ann", 5, 9)
    assert [b.name for b in ledger.boards.all()] == ["also", "mine"]
    assert ledger.boards.delete("also")
    assert not ledger.boards.delete("also")
    assert ledger.boards.get("also") is None
    with pytest.raises(ConfigError, match="sql: a saved board's has 1 to 20000 characters, not 0"):
        ledger.boards.save("x", "", "ann")
    monkeypatch.setattr(boards_module, "MOST_BOARDS", 1)
    ledger.boards.save("mine", "SELECT 4 AS id", "ann")
    with pytest.raises(ConfigError, match="delete some"):
        ledger.boards.save("x", "SELECT 1", "ann")
