"""Texts into numbers, all rows at once; each row that does not fit with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from crosstape.store.importing.layouts import NEEDED

if TYPE_CHECKING:
    import polars as pl

SPANS = (1, 60, 300, 900, 1_800, 3_600, 14_400, 86_400)
BUYS = ("buy", "b", "bid", "long", "1", "bought")
SELLS = ("sell", "s", "a", "ask", "short", "-1", "sold")
TRUE = ("true", "1", "t", "yes", "maker", "m", "added", "addedliquidity")
FALSE = ("false", "0", "f", "no", "taker", "removed", "removedliquidity")
EARLIEST = 100_000_000 * 1_000_000_000
# In front of a time of day, whatever stands there; "D" is how BitMEX writes it.
_DAY = r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})[TD ,]*"
_AMERICAN = r"^(\d{1,2})/(\d{1,2})/(\d{4})[ ,-]*"
_OFFSET = r"([+-]\d{2}):?(\d{2})$"
OPTIONAL = ("volume", "turnover", "trades", "taker_buy_volume")


class Columns(Protocol):
    """The part of a plan that this needs."""

    @property
    def kind(self) -> str:
        """trades, candles or executions."""
        ...

    @property
    def columns(self) -> dict[str, str]:
        """Field -> column."""
        ...

    @property
    def symbol(self) -> str:
        """Of every row, where no column says."""
        ...

    @property
    def flipped(self) -> bool:
        """The side is the maker's."""
        ...


def converted(frame: pl.DataFrame, plan: Columns) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Good rows: `at` (place in the frame), ts (ns), symbol, what their kind has. Bad ones: `at`, `reason`."""
    import polars as pl

    fields = [field for field in NEEDED[plan.kind] if field in plan.columns or field == "side"]
    typed = frame.with_row_index("at").select("at", *_fields(plan))
    checks = [*_checks(fields), *(_of_candles() if plan.kind == "candles" else ()), *_of_volumes(typed.columns)]
    reason = pl.coalesce(pl.when(bad).then(pl.lit(text)) for bad, text in checks)
    judged = typed.with_columns(reason.alias("reason"))
    bad = judged.filter(pl.col("reason").is_not_null()).select("at", "reason")
    return judged.filter(pl.col("reason").is_null()).drop("reason"), bad


def span_of(frame: pl.DataFrame, plan: Columns) -> int:
    """Seconds between candles: the smallest step of any symbol, where candles of that length are kept; else 0."""
    import polars as pl

    good, _ = converted(frame, plan)
    steps = good.sort("symbol", "ts").select(pl.col("ts").diff().over("symbol")).filter(pl.col("ts") > 0)
    smallest = steps["ts"].min()
    seconds = int(smallest) // 1_000_000_000 if isinstance(smallest, int) else 0
    return seconds if seconds in SPANS else 0


def _fields(plan: Columns) -> list[pl.Expr]:
    import polars as pl

    columns, found = plan.columns, []
    if "ts" in columns:
        found.append(nanoseconds(pl.col(columns["ts"])).alias("ts"))
    symbol = pl.col(columns["symbol"]) if "symbol" in columns else pl.lit(plan.symbol or None, pl.String)
    found.append(symbol.alias("symbol"))
    numbers = ("price", "size", "open", "high", "low", "close", *OPTIONAL)
    found += [_number(pl.col(columns[name])).alias(name) for name in numbers if name in columns]
    if plan.kind == "candles":
        return found
    side = _side(plan)
    found.append((side if plan.kind == "executions" else side.fill_null("")).alias("side"))
    if "trade_id" in columns:
        found.append(pl.col(columns["trade_id"]).fill_null("").alias("trade_id"))
    return found


def _checks(fields: list[str]) -> list[tuple[pl.Expr, str]]:
    import polars as pl

    symbol = pl.col("symbol")
    found = [
        (symbol.is_null() | (symbol.str.len_chars() > 80) | symbol.str.contains(r"[\s\x00-\x1f]"),
         "symbol: empty, longer than 80 characters, or with blanks"),
    ]  # fmt: skip
    for name in fields:
        column = pl.col(name)
        if name == "ts":
            late = column >= 4_102_444_800_000_000_000
            found.append((column.is_null() | (column < EARLIEST) | late, "ts: no time between 1973 and 2100"))
        elif name == "side":
            found.append((column.is_null() | (column == ""), "side: neither buy nor sell"))
        else:
            wrong = column.is_null() | column.is_nan() | column.is_infinite() | (column <= 0)
            found.append((wrong, f"{name}: no number above 0"))
    return found


def _of_candles() -> list[tuple[pl.Expr, str]]:
    import polars as pl

    top, bottom = pl.col("high"), pl.col("low")
    inside = (pl.max_horizontal("open", "close") <= top) & (pl.min_horizontal("open", "close") >= bottom)
    return [(top < bottom, "high: below low"), (~inside, "open, close: outside of low to high")]


def _of_volumes(names: Iterable[str]) -> list[tuple[pl.Expr, str]]:
    import polars as pl

    return [(pl.col(name) < 0, f"{name}: below 0") for name in names if name in OPTIONAL]


def nanoseconds(text: pl.Expr) -> pl.Expr:
    """Seconds, milli-, micro- or nanoseconds by their size, or ISO and its relatives; UTC unless said."""
    import polars as pl

    text = text.str.strip_chars()
    parts = text.str.split_exact(".", 1)
    whole = parts.struct.field("field_0").cast(pl.Int64, strict=False)
    rest = parts.struct.field("field_1").fill_null("").str.pad_end(9, "0").str.slice(0, 9)
    rest = rest.cast(pl.Int64, strict=False)
    seconds = whole * 1_000_000_000 + rest
    millis = whole * 1_000_000 + rest // 1_000
    number = (
        pl.when(whole < 100_000_000_000).then(seconds)
        .when(whole < 100_000_000_000_000).then(millis)
        .when(whole < 100_000_000_000_000_000).then(whole * 1_000)
        .otherwise(whole)
    )  # fmt: skip
    return pl.when(whole.is_not_null()).then(number).otherwise(_dated(text))


def _dated(text: pl.Expr) -> pl.Expr:
    import polars as pl

    text = text.str.replace(_DAY, "${1}-${2}-${3}T").str.replace(_AMERICAN, "${3}-${1}-${2}T")
    text = text.str.replace(r"\s*(Z|UTC|GMT)$", "").str.replace(r"T$", "T00:00:00")
    text = text.str.replace(r"T(\d{1,2}:\d{2})$", "T${1}:00").str.replace(
        r"T(\d{1,2}:\d{2})([+-])", "T${1}:00${2}"
    )
    clock = text.str.replace(_OFFSET, "")
    clock = pl.when(text.str.contains(r"T.*" + _OFFSET)).then(clock).otherwise(text)
    hours = text.str.extract(r"T.*?" + _OFFSET, 1).cast(pl.Int64, strict=False).fill_null(0)
    minutes = text.str.extract(r"T.*?" + _OFFSET, 2).cast(pl.Int64, strict=False).fill_null(0)
    sign = pl.when(text.str.contains(r"T.*-\d{2}:?\d{2}$")).then(-1).otherwise(1)
    local = clock.str.strptime(pl.Datetime("ns"), "%Y-%m-%dT%H:%M:%S%.f", strict=False).cast(pl.Int64)
    return local - (hours * 3_600 + sign * minutes * 60) * 1_000_000_000


def _number(text: pl.Expr) -> pl.Expr:
    """A number; thousands may be set off by commas, a unit may follow at once, as in 0.5BTC."""
    import polars as pl

    plain = text.cast(pl.Float64, strict=False)
    loose = text.str.replace_all(",", "").str.extract(r"^\s*([+-]?\d*\.?\d+(?:[eE][+-]?\d+)?)\s*[A-Z]{0,10}$", 1)
    return pl.coalesce(plain, loose.cast(pl.Float64, strict=False))


def _side(plan: Columns) -> pl.Expr:
    """buy, sell, or "" where the file does not say; null = it says something else."""
    import polars as pl

    columns = plan.columns
    for field, yes, no in (("buyer_maker", "sell", "buy"), ("buyer", "buy", "sell")):
        if field in columns:
            said = _word(columns[field])
            return pl.when(said.is_in(TRUE)).then(pl.lit(yes)).when(said.is_in(FALSE)).then(pl.lit(no))
    if "side" not in columns:
        return pl.lit("")
    said = _word(columns["side"])
    buy, sell = ("sell", "buy") if plan.flipped else ("buy", "sell")
    return pl.when(said.is_in(BUYS)).then(pl.lit(buy)).when(said.is_in(SELLS)).then(pl.lit(sell))


def _word(column: str) -> pl.Expr:
    import polars as pl

    return pl.col(column).str.to_lowercase().str.strip_chars()
