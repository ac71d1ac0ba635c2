"""Queries: one SELECT, its rows as Python values, DataFrames or bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crosstape.client.endpoints import V1, Request
from crosstape.client.errors import ClientError
from crosstape.client.results import Answer, Rows

if TYPE_CHECKING:
    import pandas
    import polars

QUERY = f"{V1}/query"


class Selected(Answer, frozen=True):
    """What a SELECT gave: `columns` with name and type, rows in their order; `truncated` = there were more."""

    columns: tuple[dict[str, str], ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    truncated: bool = False
    elapsed_ms: float = 0.0

    def __len__(self) -> int:
        return len(self.rows)

    def polars(self) -> polars.DataFrame:
        """As a polars DataFrame."""
        import polars

        names = [column["name"] for column in self.columns]
        return polars.DataFrame(self.rows, schema=names, orient="row", infer_schema_length=None)

    def pandas(self) -> pandas.DataFrame:
        """As a pandas DataFrame; ClientError when pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            raise ClientError("pandas is not installed; .polars() gives the same table") from error
        return pandas.DataFrame(list(self.rows), columns=[column["name"] for column in self.columns])


def sql(query: str, limit: int | None = None, summary: bool = False) -> Request[Selected]:
    """One SELECT over live columns, history and ledger; `summary`: the statistics of every column instead."""
    return Request(Selected, QUERY, method="POST", body=_body(query, limit, "json", summary))


def sql_bytes(
    query: str, format: str = "arrow", limit: int | None = None, summary: bool = False
) -> Request[bytes]:
    """The same as csv, ndjson, parquet, arrow (an IPC stream) or json, as it comes."""
    return Request(bytes, QUERY, method="POST", body=_body(query, limit, format, summary))


def _body(query: str, limit: int | None, form: str, summary: bool) -> bytes:
    asked: dict[str, object] = {"sql": query, "format": form, "summary": summary}
    return msgspec.json.encode(asked | ({"limit": limit} if limit is not None else {}))


class SqlBoard(Answer, frozen=True):
    """A board that is a SELECT; `error` says why it fails now."""

    name: str = ""
    sql: str = ""
    owner: str = ""
    updated_ms: float = 0.0
    columns: tuple[str, ...] = ()
    rows: int = 0
    error: str = ""


BOARDS = f"{V1}/sql/boards"


def sql_boards() -> Request[Rows[SqlBoard]]:
    """Boards that users wrote as a SELECT."""
    return Request(Rows[SqlBoard], BOARDS)


def sql_board(name: str) -> Request[SqlBoard]:
    """One of them; its rows are those of `board` and `topics.board`."""
    return Request(SqlBoard, f"{BOARDS}/{{name}}", name)


def put_sql_board(name: str, sql: str) -> Request[SqlBoard]:
    """Save a SELECT that gives `id` and at least one number; Refused when it does not work."""
    return Request(SqlBoard, f"{BOARDS}/{{name}}", name, method="PUT", body=msgspec.json.encode({"sql": sql}))


def delete_sql_board(name: str) -> Request[SqlBoard]:
    """Delete one."""
    return Request(SqlBoard, f"{BOARDS}/{{name}}", name, method="DELETE")
