"""Endpoints of SQL: one SELECT over live columns, history and ledger."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from crosstape.api.context import Answer, Ask, Context
from crosstape.api.errors import ApiError
from crosstape.api.formats import MEDIA, Format, encoded, plain, summarised
from crosstape.api.ports_sql import Queries
from crosstape.api.query import Query
from crosstape.api.routes_replay import read
from crosstape.api.sql_boards import SqlBoard, SqlBoards
from crosstape.api.tables import Record, millis
from crosstape.model.errors import QueryError, StoreError

STATUS = {"busy": 503, "time": 408, "memory": 413, "size": 413}


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """sql      one SELECT
    limit    rows at most; not said = the configured number
    format   json, csv, ndjson, parquet or arrow (an IPC stream)
    summary  the statistics of every column instead of the rows
    """

    sql: Annotated[str, Meta(min_length=1, max_length=20_000)]
    limit: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    format: Format = "json"
    summary: bool = False


def queries(context: Context) -> Queries:
    """Who answers queries; 409 where nobody does."""
    if context.queries is None:
        raise ApiError(409, "no_sql", "this crosstape takes no SQL", allowed="a live crosstape with sql.enabled")
    return context.queries


async def query(context: Context, ask: Ask[Query]) -> Answer:
    """One SELECT over `live`, `assets`, `boards`, the history (`trades`, `quotes`, `candles`, `funding`,
    `open_interest`, `liquidations`, `metrics`) and the ledger's tables. Limited in time, memory and rows."""
    asked = read(ask.body, Question)
    result = await answered(queries(context), asked.sql, asked.limit)
    return await asyncio.to_thread(_answer, context, asked, result)


async def answered(asks: Queries, sql: str, limit: int | None) -> Any:
    """The result; a refusal as the API says it."""
    try:
        return await asyncio.to_thread(asks.query, sql, limit)
    except QueryError as error:
        raise refusal(error) from error
    except StoreError as error:
        raise ApiError(503, "store", "the ledger or the history is unavailable; try again") from error


def refusal(error: QueryError) -> ApiError:
    """A query that was not answered."""
    parameter = "limit" if error.kind == "rows" else "sql"
    return ApiError(STATUS.get(error.kind, 400), f"query_{error.kind}", str(error), parameter, error.allowed)


def _answer(context: Context, asked: Question, result: Any) -> Answer:
    table = summarised(result.table) if asked.summary else result.table
    if asked.format != "json":
        return Answer(encoded(table, asked.format), MEDIA[asked.format])
    columns = [{"name": field.name, "type": str(field.type)} for field in table.schema]
    rows = [list(row.values()) for row in _unique(plain(table)).to_pylist()]
    return context.json({"columns": columns, "rows": rows, "truncated": result.truncated,
                         "elapsed_ms": round(result.seconds * 1e3, 3)})  # fmt: skip


def _unique(table: Any) -> Any:
    """Two columns of one name are two columns."""
    return table.rename_columns([str(i) for i in range(table.num_columns)])


class Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """sql   one SELECT that gives `id` and at least one number; its order is the board's"""

    sql: Annotated[str, Meta(min_length=1, max_length=20_000)]


def _boards(context: Context) -> SqlBoards:
    if context.sql_boards is None:
        raise ApiError(
            409, "no_sql", "this crosstape keeps no SQL boards", allowed="a live crosstape with a ledger"
        )
    return context.sql_boards


async def sql_boards(context: Context, ask: Ask[Query]) -> Answer:
    """Boards that users wrote as a SELECT: name, text, owner, columns, and why one fails now."""
    return context.json({"rows": [_record(board) for board in _boards(context).all()]})


async def sql_board(context: Context, ask: Ask[Query]) -> Answer:
    """One board's SELECT; its rows are at `/boards/{name}` and the topic `board:{name}`."""
    return context.json(_record(_boards(context).named(ask.name)))


async def put_sql_board(context: Context, ask: Ask[Query]) -> Answer:
    """Save a SELECT as a board, or replace it, if it works."""
    boards = _boards(context)
    return context.json(_record(await boards.save(ask.name, read(ask.body, Written).sql, ask.caller.user)))


async def delete_sql_board(context: Context, ask: Ask[Query]) -> Answer:
    """Delete a board; who is subscribed to it keeps its last rows."""
    return context.json(_record(await _boards(context).delete(ask.name)))


def _record(board: SqlBoard) -> Record:
    return {"name": board.name, "sql": board.sql, "owner": board.owner, "updated_ms": millis(board.updated_ts),
            "columns": tuple(board.found.columns), "rows": len(board.found.ids), "error": board.error}  # fmt: skip
