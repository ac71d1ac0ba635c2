"""What each kind of history holds: times in ns since the epoch, unified prices and sizes; NaN = not known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from crosstape.model.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

TIMEFRAMES_S = {
    "1s": 1, "1m": 60, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "4h": 14400, "1d": 86400,
}  # fmt: skip
ORIGINS = ("live", "import", "push", "backfill")
SIDES = ("buy", "sell", "")


class Kind(msgspec.Struct, frozen=True):
    """One kind of row.

    columns    name -> type: "int64", "float64", "bool", "string", or "word" (a string that repeats)
    key        rows that agree in these are one row; the first that came is kept
    identity   a column of the key that may be empty: such rows are told apart by `otherwise` and by how many equal
               ones came before them in what was appended at once
    open       further float64 columns are allowed
    """

    columns: dict[str, str]
    key: tuple[str, ...]
    identity: str = ""
    otherwise: tuple[str, ...] = ()
    open: bool = False


_PLACE = {"ts": "int64", "id": "word"}
_CANDLE = Kind(
    {
        **_PLACE, "timeframe": "word", "open": "float64", "high": "float64", "low": "float64", "close": "float64",
        "volume": "float64", "turnover": "float64", "trades": "float64", "taker_buy_volume": "float64",
        "repaired": "bool", "origin": "word",
    },
    ("id", "ts"),
)  # fmt: skip
KINDS: dict[str, Kind] = {
    "trades": Kind(
        {**_PLACE, "price": "float64", "size": "float64", "side": "word", "trade_id": "string", "block": "bool",
         "origin": "word"},
        ("id", "trade_id"), "trade_id", ("ts", "price", "size", "side"),
    ),
    "quotes": Kind(
        {**_PLACE, "bid": "float64", "bid_size": "float64", "ask": "float64", "ask_size": "float64",
         "origin": "word"},
        ("id", "ts"),
    ),
    **{f"candles_{name}": _CANDLE for name in TIMEFRAMES_S},
    "funding": Kind({**_PLACE, "rate": "float64", "interval_hours": "float64", "origin": "word"}, ("id", "ts")),
    "open_interest": Kind({**_PLACE, "oi": "float64", "oi_usd": "float64", "origin": "word"}, ("id", "ts")),
    "liquidations": Kind(
        {**_PLACE, "side": "word", "price": "float64", "size": "float64", "origin": "word"},
        ("id", "ts", "side", "price", "size"),
    ),
    "metrics": Kind({**_PLACE, "origin": "word"}, ("id", "ts"), open=True),
}  # fmt: skip


def kind_of(name: str) -> Kind:
    """ConfigError: there is no such kind."""
    found = KINDS.get(name)
    if found is None:
        raise ConfigError(f"history: {name!r} is no kind; allowed: {', '.join(KINDS)}")
    return found


def schema(name: str, further: Iterable[str] = ()) -> pa.Schema:
    """The Arrow schema of a kind, with the further columns where it is open."""
    import pyarrow as pa

    types = {
        "int64": pa.int64(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "string": pa.string(),
        "word": pa.dictionary(pa.int32(), pa.string()),
    }
    columns = [(column, types[kind]) for column, kind in kind_of(name).columns.items()]
    return pa.schema(columns + [(column, pa.float64()) for column in further])


def fitted(name: str, table: pa.Table) -> pa.Table:
    """The table in its kind's columns and types.

    Columns it lacks are filled: measures NaN, words and strings "", `origin` "import", flags False.
    ConfigError: no `ts`, `id` or `price`, a column the kind does not have, or values that do not fit.
    """
    import pyarrow as pa

    kind = kind_of(name)
    needed = [column for column in ("ts", "id", "price") if column in kind.columns]
    if missing := [column for column in needed if column not in table.column_names]:
        raise ConfigError(f"history {name}: column {missing[0]} is missing; needed: {', '.join(needed)}")
    further = [column for column in table.column_names if column not in kind.columns]
    if further and not kind.open:
        raise ConfigError(f"history {name}: column {further[0]} is unknown; allowed: {', '.join(kind.columns)}")
    wanted = schema(name, further)
    filler = {"float64": float("nan"), "bool": False, "string": "", "word": "", "int64": 0}
    arrays = []
    for field in wanted:
        if field.name in table.column_names:
            arrays.append(_typed(name, table[field.name].combine_chunks(), field))
            continue
        value = "import" if field.name == "origin" else filler[kind.columns[field.name]]
        plain = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        array = pa.repeat(pa.scalar(value, plain), table.num_rows)
        arrays.append(array.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=wanted)


def _typed(name: str, array: pa.Array, field: pa.Field) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        if pa.types.is_dictionary(field.type):
            if not pa.types.is_dictionary(array.type):
                array = array.cast(pa.string()).dictionary_encode()
            array = array.cast(field.type)
        else:
            array = array.cast(field.type)
    except pa.ArrowException as error:
        raise ConfigError(f"history {name}: column {field.name} is no {field.type}: {error}") from error
    if not array.null_count:
        return array
    if pa.types.is_floating(field.type):
        return pc.fill_null(array, float("nan"))
    raise ConfigError(f"history {name}: column {field.name} has {array.null_count} empty values")
