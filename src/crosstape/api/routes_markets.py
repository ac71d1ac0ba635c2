"""Endpoints that answer from a view's columns: markets, instruments, boards, assets, columns."""

from __future__ import annotations

import msgspec
import numpy as np

from crosstape.api.context import Answer, Ask, Context
from crosstape.api.errors import unknown
from crosstape.api.query import PAGE, Described, Filtered, Listed, OfAssets, OneAsset, Query, Ranked, flags
from crosstape.api.routes_across import of_asset
from crosstape.api.routes_past import past_market
from crosstape.api.sql_boards import SqlBoard
from crosstape.api.tables import (
    DEFAULT_FIELDS,
    FILTERS,
    Picked,
    Record,
    chosen,
    filtered,
    flag_names,
    millis,
    ordered,
    page,
    records,
)
from crosstape.boards.board import Board, Ranking, rank
from crosstape.boards.catalogue import BOARDS
from crosstape.metrics import COLUMNS, Column
from crosstape.model.instrument import Instrument
from crosstape.model.quality import MEANING, names

HEAD = ("rank", "id", "symbol", "market", "base", "quote", "kind", "tier", "quality")
LISTING = (
    "id", "symbol", "market", "venue", "native", "kind", "base", "quote", "settle", "multiplier", "contract",
    "inverse", "tick_size", "lot_size", "min_size", "funding_hours", "listed_ms", "expiry_ms", "strike", "right",
    "status", "described", "tier", "quality",
)  # fmt: skip


async def markets(context: Context, ask: Ask[Listed]) -> Answer:
    """Instruments with the columns asked for, filtered, sorted, a page at a time."""
    query, view, lookup = ask.query, context.view, context.lookup
    fields = chosen("fields", query.fields, view.columns, DEFAULT_FIELDS)
    rows = np.flatnonzero(filtered(view, lookup, query))
    names = {"id": lookup.ids, "symbol": lookup.symbols, "base": lookup.words["base"].tolist()}
    rows = ordered(rows, query.sort, view.columns, names)
    found = _page(context, query, rows, fields)
    return context.table(query, found, HEAD + fields, total=rows.size, offset=query.offset, fields=fields)


async def instruments(context: Context, ask: Ask[Filtered]) -> Answer:
    """Full instrument records, by id."""
    query, view, lookup = ask.query, context.view, context.lookup
    rows = np.flatnonzero(filtered(view, lookup, query))
    rows = ordered(rows, "id", {}, {"id": lookup.ids})
    shown = page(rows, query.limit, query.offset, context.settings.max_page, context.settings.page)
    found = [_listing(context, row, i) for row in shown.tolist() if (i := view.rows.instruments[row]) is not None]
    return context.table(query, found, LISTING, total=rows.size, offset=query.offset)


async def market(context: Context, ask: Ask[Query]) -> Answer:
    """One instrument: its record, the asset it belongs to ("" = not known yet), and every column. One that is only
    in the history is told with `history`: where it came from and its times."""
    if (past := await past_market(context, ask.name)) is not None:
        return past
    view, row = context.view, context.row(ask.name)
    instrument = view.rows.instruments[row]
    assert instrument is not None, "the index holds listed rows only"
    columns = {name: float(values[row]) for name, values in view.columns.items()}
    record = _listing(context, row, instrument)
    asset = view.rows.assets[row] if row < len(view.rows.assets) else ""
    return context.json({"instrument": record, "asset": asset, "quality": record["quality"], "columns": columns})


async def boards(context: Context, ask: Ask[Query]) -> Answer:
    """Every board: what it ranks, which way, and what may stand on it."""
    written = context.sql_boards.all() if context.sql_boards is not None else ()
    return context.json({"rows": [_about(board) for board in BOARDS] + [board.about() for board in written]})


async def board(context: Context, ask: Ask[Ranked]) -> Answer:
    """One board, best first; filters rank it anew among the rows that pass."""
    query, view = ask.query, context.view
    if (written := context.sql_board(ask.name)) is not None:
        return _written(context, query, written)
    found = board_named(ask.name)
    fields = chosen("fields", query.fields, view.columns, tuple(dict.fromkeys((found.column.name, *found.beside))))
    ranking = _ranking(context, found, query)
    shown = _page(context, query, ranking.rows, fields, found.top)
    for record, value in zip(shown, ranking.values[query.offset :].tolist(), strict=False):
        record["value"] = value
    header = (*HEAD, "value", *fields)
    return context.table(query, shown, header, board=_about(found), offset=query.offset, fields=fields)


async def assets(context: Context, ask: Ask[OfAssets]) -> Answer:
    """Sums and means over all instruments of an asset."""
    query, known = ask.query, context.view.assets
    words = query.q.lower().split()
    rows = np.array(
        [i for i, name in enumerate(known.names) if all(word in name.lower() for word in words)], np.intp
    )
    rows = ordered(rows, query.sort, known.columns, {"asset": known.names})
    shown = page(rows, query.limit, query.offset, context.settings.max_page, context.settings.page)
    found: list[Record] = [{"asset": known.names[i], **of_asset(context.view, i)} for i in shown.tolist()]
    fields = tuple(dict.fromkeys(name for record in found for name in record)) or ("asset",)
    return context.table(query, found, fields, total=rows.size, offset=query.offset)


async def asset(context: Context, ask: Ask[OneAsset]) -> Answer:
    """One asset: its sums, and its instruments side by side."""
    view = context.view
    names = {name.upper(): i for i, name in enumerate(view.assets.names)}
    i = names.get(ask.name.upper())
    if i is None:
        raise unknown("asset", "asset", ask.name, view.assets.names)
    fields = chosen("fields", ask.query.fields, view.columns, DEFAULT_FIELDS)
    code = view.assets.code
    rows = np.flatnonzero(view.rows.alive[: code.size] & (code == i))
    rows = ordered(rows, "-turnover_usd_24h", view.columns, {})
    found = records(view, context.lookup, rows, fields, context.mode_flag)
    for record, row in zip(found, rows.tolist(), strict=True):
        record["why"] = view.rows.why[row]
    head = {"asset": view.assets.names[i], "sums": of_asset(view, i), "total": rows.size, "fields": fields}
    return context.table(ask.query, found, (*HEAD, *fields, "why"), **head)


async def filters(context: Context, ask: Ask[Query]) -> Answer:
    """The words that filters take: markets, venues, kinds, quote currencies, tiers of what is listed."""
    return context.json({name: context.lookup.known(name) for name in FILTERS if name != "base"})


async def columns(context: Context, ask: Ask[Described]) -> Answer:
    """Every column: unit, window, how often it is computed, and its definition. Quality flags too."""
    words = ask.query.q.lower().split()
    found = [c for c in COLUMNS if all(w in f"{c.name} {c.unit} {c.doc}".lower() for w in words)]
    meanings = {flag.name: text for flag, text in MEANING.items()}
    return context.json({"rows": [_definition(column) for column in found], "quality": meanings})


def _written(context: Context, query: Ranked, board: SqlBoard) -> Answer:
    """A board that is a SELECT: in its own order, among the rows that pass."""
    rows, columns = board.place(context.view)
    view = msgspec.structs.replace(context.view, columns={**context.view.columns, **columns},
                                   quality=board.quality(context.view))  # fmt: skip
    fields = chosen("fields", query.fields, view.columns, tuple(columns))
    rows = rows[filtered(view, context.lookup, query)[rows]]
    shown = page(rows, query.limit, query.offset, context.settings.max_page, context.settings.page)
    found = records(view, context.lookup, shown, fields, context.mode_flag, query.offset)
    first = next(iter(columns.values()), None)
    for record, row in zip(found, shown.tolist(), strict=True):
        record["value"] = float(first[row]) if first is not None else None
    header = (*HEAD, "value", *fields)
    return context.table(query, found, header, board=board.about(), offset=query.offset, fields=fields)


def board_named(name: str) -> Board:
    """The board; 404 names the nearest."""
    for known in BOARDS:
        if known.name == name:
            return known
    raise unknown("board", "name", name, [known.name for known in BOARDS])


def _ranking(context: Context, found: Board, query: Ranked) -> Ranking:
    view = context.view
    wanted = query.offset + (query.limit or found.top)
    ranked = view.boards.get(found.name)
    plain = not any(getattr(query, name) for name in Filtered.__struct_fields__ if name not in PAGE)
    if ranked is not None and plain and wanted <= found.top:
        return ranked
    # Flags are checked here so that a wrong name is an error even when no row carries any.
    flags("quality_not", query.quality_not)
    return rank(found, view.columns, view.quality, filtered(view, context.lookup, query), wanted)


def _page(
    context: Context, query: Listed | Ranked, rows: Picked, fields: tuple[str, ...], default: int = 0
) -> list[Record]:
    settings = context.settings
    shown = page(rows, query.limit, query.offset, settings.max_page, default or settings.page)
    return records(context.view, context.lookup, shown, fields, context.mode_flag, query.offset)


def _about(board: Board) -> Record:
    return {
        "name": board.name,
        "title": board.title,
        "column": board.column.name,
        "unit": board.column.unit,
        "ascending": board.ascending,
        "min_turnover_usd": board.min_turnover_usd,
        "refuses": names(board.refuse),
        "fields": tuple(dict.fromkeys((board.column.name, *board.beside))),
        "top": board.top,
    }


def _definition(column: Column) -> Record:
    return {
        "name": column.name,
        "metric": column.metric,
        "unit": column.unit,
        "window": column.window,
        "cadence": column.cadence.value,
        "doc": column.doc,
    }


def _listing(context: Context, row: int, instrument: Instrument) -> Record:
    record: Record = msgspec.structs.asdict(instrument)
    record["kind"] = instrument.kind.value
    record["listed_ms"] = millis(record.pop("listed_ts"))
    record["expiry_ms"] = millis(record.pop("expiry_ts"))
    record |= {"id": instrument.id, "symbol": instrument.symbol, "venue": instrument.venue}
    record["tier"] = context.view.rows.tiers[row]
    record["quality"] = flag_names(context.quality(row))
    return {name: record[name] for name in LISTING}
