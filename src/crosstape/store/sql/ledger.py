"""The ledger's tables as Arrow. Keys, preferences and the audit log are not among them, nor is any secret."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from crosstape.store.ledger import Ledger

if TYPE_CHECKING:
    import pyarrow as pa

# Named one by one: what is added to the ledger is not shown before somebody decides so. `entries` may hold
# addresses with tokens in them.
SHOWN = (
    "streams", "executions", "alerts", "signals", "saved_boards", "strategy_executions", "wallets",
    "wallet_balances", "token_prices", "transactions", "completeness",
)  # fmt: skip
HIDDEN = frozenset({"entries", "hash"})
MOST_ROWS = 500_000


def ledger_tables(ledger: Ledger, names: Iterable[str]) -> dict[str, pa.Table]:
    """Those of `names` that are shown, the newest MOST_ROWS rows of each. StoreError: it does not answer."""
    from sqlalchemy import desc, select

    from crosstape.store import tables_chain, tables_user  # noqa: F401  (they are part of TABLES once imported)
    from crosstape.store.tables import TABLES

    found = {}
    for name in SHOWN:
        if name not in names:
            continue
        table = TABLES.tables[name]
        columns = [column for column in table.columns if column.name not in HIDDEN]
        query = select(*columns).order_by(*(desc(key) for key in table.primary_key)).limit(MOST_ROWS)
        rows = ledger.rows(query)
        found[name] = _arrow(columns, rows)
    return found


def _arrow(columns: list[Any], rows: list[Any]) -> pa.Table:
    import pyarrow as pa

    by_column = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [
        pa.array(map(_plain, values), _type(column)) for column, values in zip(columns, by_column, strict=True)
    ]
    return pa.Table.from_arrays(arrays, [column.name for column in columns])


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, dict | list) else value


def _type(column: Any) -> pa.DataType:
    import pyarrow as pa
    from sqlalchemy import BigInteger, Boolean, Double, Integer

    from crosstape.store.types import Id, Measure, Money

    kind = column.type
    if isinstance(kind, Money):
        return pa.decimal128(38, 18)
    if isinstance(kind, Boolean):
        return pa.bool_()
    if isinstance(kind, Measure | Double):
        return pa.float64()
    if isinstance(kind, Id | BigInteger | Integer):
        return pa.int64()
    return pa.string()
