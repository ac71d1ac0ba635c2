"""Topics by name: which there are, and what a subscription to one becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from crosstape.api.candles import records as candle_array
from crosstape.api.codec import Schema, schema_of
from crosstape.api.context import Context
from crosstape.api.errors import ApiError, bad, one_of, unknown
from crosstape.api.lookup import Lookup
from crosstape.api.overview import overview_record
from crosstape.api.query import PAGE, Filtered, flags, strict
from crosstape.api.routes_account import TOPIC, account_record
from crosstape.api.routes_events import candle_records, forced_record, trade_record
from crosstape.api.routes_markets import board_named
from crosstape.api.routes_system import status_record
from crosstape.api.sql_boards import SqlBoard
from crosstape.api.tables import DEFAULT_FIELDS, Mask, Record, chosen, measured, named
from crosstape.api.topic import Spec, Topic
from crosstape.api.topic_events import BookTopic, ChangingTopic, EventTopic, RecordTopic
from crosstape.api.topic_tables import Fit, Shown, TableTopic, asset_rows, board_rows, market_rows, one_row
from crosstape.api.trades import Forced
from crosstape.engine.view import View
from crosstape.metrics import COLUMNS
from crosstape.model.event import AnyEvent, Candle, Liquidation, Trade
from crosstape.state.bars import TIMEFRAMES

TOPICS = ("markets", "market:{id}", "board:{name}", "assets", "asset:{asset}", "trades:{id}", "book:{id}",
          "candles:{id}:{tf}", "liquidations", "overview", "status", TOPIC)  # fmt: skip
UNITS = {column.name: column.unit for column in COLUMNS}
ASSET_UNITS = {"price_usd": "price", "instruments": "count", "venues": "count", "fallback": "code",
               "change_24h": "fraction", "funding_8h": "rate", "funding_spread_8h": "rate"}  # fmt: skip
TRADE = (("ts_ms", "ms"), ("price", "price"), ("size", "base"), ("notional", "quote"))
CANDLE = (("ts_ms", "ms"), *((name, "price") for name in ("open", "high", "low", "close")), ("volume", "base"),
          ("turnover", "quote"), ("trades", "count"), ("taker_buy_volume", "base"))  # fmt: skip
LIQUIDATION = (*TRADE, ("usd", "usd"))
Picker = Callable[[View], NDArray[np.intp]]


def topic_of(context: Context, spec: Spec) -> Topic:
    """The topic a subscription asks for; errors name the field and what is allowed."""
    kind, _, rest = spec.topic.partition(":")
    makers: dict[str, Callable[[Context, Spec, str], Topic]] = {
        "markets": _markets, "market": _market, "board": _board, "assets": _assets, "asset": _asset,
        "trades": _trades, "book": _book, "candles": _candles, "liquidations": _liquidations, "status": _status,
        "overview": _overview, TOPIC: _account,
    }  # fmt: skip
    if kind not in makers or bool(rest) != any(name.startswith(kind + ":") for name in TOPICS):
        raise one_of("topic", spec.topic, TOPICS)
    if spec.encoding == "columns" and kind not in ("markets", "market", "board", "assets", "asset"):
        raise bad("encoding", f"{kind} is not a table", "json")
    if spec.where and kind not in ("markets", "board"):
        raise bad("where", f"{kind} takes no filter", "markets, board:{name}")
    return makers[kind](context, spec, rest)


def _fit(context: Context, spec: Spec) -> Fit:
    """Rows that are alive and pass the subscription's filter; a wrong one is refused at once."""
    for name, _ in spec.where:
        if name in PAGE:
            raise bad(
                "where", f"{name} is no filter", ", ".join(n for n in Filtered.__struct_fields__ if n not in PAGE)
            )
    query = strict(Filtered, spec.where)
    flags("quality_not", query.quality_not)
    lookup = context.lookup
    known = named(lookup, query)

    def fit(view: View) -> Mask:
        nonlocal lookup, known
        if lookup.rows is not view.rows:
            newest = context.lookup
            lookup = newest if newest.rows is view.rows else Lookup(view.rows)
            try:
                known = named(lookup, query)
            except ApiError:
                # A word that was known has gone with the last row that had it.
                known = np.zeros(len(lookup.ids), bool)
        return known & measured(view, query)

    return fit


def _table(context: Context, spec: Spec, pick: Picker, default: Sequence[str], n: int) -> Topic:
    known = context.view.columns
    names = chosen("columns", ",".join(spec.columns), known, default)
    schema = schema_of([(name, UNITS.get(name, "")) for name in names])
    order = [cell.name for cell in schema.columns]
    flag = np.uint32(context.mode_flag)

    def select(view: View) -> Shown:
        assert context.hub.lookup is not None, "there is a view"
        quality = view.quality | flag if flag else view.quality
        lookup = context.hub.lookup
        return Shown(pick(view), [view.columns[name] for name in order], quality, lookup.ids, lookup.labels)

    return TableTopic(select, schema, n, spec.encoding == "columns")


def _markets(context: Context, spec: Spec, _: str) -> Topic:
    return _table(context, spec, market_rows(spec.n, _fit(context, spec)), DEFAULT_FIELDS, spec.n)


def _market(context: Context, spec: Spec, rest: str) -> Topic:
    context.row(rest)
    return _table(context, spec, one_row(rest), tuple(context.view.columns), 1)


def _board(context: Context, spec: Spec, rest: str) -> Topic:
    if (written := context.sql_board(rest)) is not None:
        return _written(context, spec, written)
    board = board_named(rest)
    n = spec.n or board.top
    fields = tuple(dict.fromkeys((board.column.name, *board.beside)))
    return _table(context, spec, board_rows(board, n, _fit(context, spec) if spec.where else None), fields, n)


def _written(context: Context, spec: Spec, board: SqlBoard) -> Topic:
    """A board that is a SELECT: its own columns, and any live one beside them. A subscription keeps those it began
    with."""
    fit = _fit(context, spec) if spec.where else None
    own = board.found.columns
    names = chosen("columns", ",".join(spec.columns), {**own, **context.view.columns}, tuple(own))
    schema = schema_of([(name, UNITS.get(name, "")) for name in names])
    order, flag = [cell.name for cell in schema.columns], np.uint32(context.mode_flag)

    def select(view: View) -> Shown:
        assert context.hub.lookup is not None, "there is a view"
        current = context.sql_board(board.name) or board
        rows, columns = current.place(view)
        rows = rows if fit is None else rows[fit(view)[rows]]
        lacking = np.full(view.quality.size, np.nan)
        values = [columns.get(name, view.columns.get(name, lacking)) for name in order]
        lookup = context.hub.lookup
        return Shown(rows[: spec.n or None], values, current.quality(view) | flag, lookup.ids, lookup.labels)

    return TableTopic(select, schema, spec.n, spec.encoding == "columns")


def _asset(context: Context, spec: Spec, rest: str) -> Topic:
    if rest not in context.view.assets.names:
        raise unknown("asset", "topic", rest, context.view.assets.names)
    return _table(context, spec, asset_rows(rest), DEFAULT_FIELDS, 0)


def _assets(context: Context, spec: Spec, _: str) -> Topic:
    known = context.view.assets.columns
    names = chosen("columns", ",".join(spec.columns), known, tuple(known))
    schema: Schema = schema_of([(name, asset_unit(name)) for name in names])
    order = [cell.name for cell in schema.columns]

    def select(view: View) -> Shown:
        count = len(view.assets.names)
        rows = np.arange(count)
        if spec.n and count > spec.n:
            turnover = np.nan_to_num(view.assets.columns["turnover_usd_24h"], nan=-1.0)
            rows = np.lexsort((rows, -turnover))[: spec.n]
        columns = [view.assets.columns[name] for name in order]
        return Shown(rows, columns, np.zeros(count, np.uint32), view.assets.names)

    return TableTopic(select, schema, spec.n, spec.encoding == "columns")


def asset_unit(name: str) -> str:
    """An asset's column: dollars unless its name says otherwise."""
    if name.endswith(("_bps", "_row")):
        return "bps" if name.endswith("_bps") else "code"
    return ASSET_UNITS.get(name, "usd")


def _trades(context: Context, spec: Spec, rest: str) -> Topic:
    _no_columns(spec)
    row, n = context.row(rest), min(spec.n or 50, 500)

    def pick(_: View, __: int, event: AnyEvent) -> Record | None:
        return trade_record(event) if type(event) is Trade else None

    return EventTopic(row, pick, [trade_record(t) for t in context.hub.trades.of(row, n)], n, TRADE)


def _candles(context: Context, spec: Spec, rest: str) -> Topic:
    _no_columns(spec)
    instrument, _, tf = rest.rpartition(":")
    if tf not in TIMEFRAMES:
        raise one_of("topic", tf, TIMEFRAMES)
    row, seconds, n = context.row(instrument), TIMEFRAMES[tf], min(spec.n or 240, 1_000)
    flag = context.mode_flag

    def pick(_: View, __: int, event: AnyEvent) -> Record | None:
        if type(event) is not Candle or event.timeframe_s != seconds:
            return None
        return candle_records(candle_array([event]), flag)[0]

    return EventTopic(row, pick, candle_records(context.hub.candles.of(row, tf, n), flag), n, CANDLE)


def _liquidations(context: Context, spec: Spec, _: str) -> Topic:
    _no_columns(spec)
    n = min(spec.n or 100, 1_000)
    known = [forced_record(context.view, forced) for forced in list(context.hub.liquidations)[-n:]]

    def pick(view: View, row: int, event: AnyEvent) -> Record | None:
        instrument = view.rows.instruments[row] if row >= 0 and type(event) is Liquidation else None
        if instrument is None or type(event) is not Liquidation:
            return None
        return forced_record(view, Forced(instrument.id, row, event))

    return EventTopic(None, pick, known, n, LIQUIDATION)


def _book(context: Context, spec: Spec, rest: str) -> Topic:
    _no_columns(spec)
    return BookTopic(rest, context.row(rest), min(spec.n or 50, 200), context.mode_flag)


def _status(context: Context, spec: Spec, _: str) -> Topic:
    _no_columns(spec)
    return RecordTopic("status", lambda _: status_record(context))


def _overview(context: Context, spec: Spec, _: str) -> Topic:
    _no_columns(spec)

    def make(view: View) -> Record:
        lookup = context.lookup
        return overview_record(view, lookup if lookup.rows is view.rows else Lookup(view.rows))

    return RecordTopic("overview", make)


def _account(context: Context, spec: Spec, _: str) -> Topic:
    _no_columns(spec)
    return ChangingTopic(TOPIC, lambda view: view.own, account_record)


def _no_columns(spec: Spec) -> None:
    if spec.columns:
        raise ApiError(400, "bad_parameter", f"{spec.topic} has fixed columns", "columns", "none")
