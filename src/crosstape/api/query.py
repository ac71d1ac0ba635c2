"""Query parameters: declared as structs, parsed strictly, documented from the same declaration."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta

from crosstape.api.errors import ApiError, bad, nearest
from crosstape.api.formats import Format
from crosstape.model import quality

Q = TypeVar("Q", bound="Query")
MAX_QUERY = 8_192
_AT = re.compile(r" - at `\$\.(\w+)`")

Text = Annotated[str, Meta(max_length=200)]
Rank = Annotated[int, Meta(ge=0, le=1_000_000)]
Money = Annotated[float, Meta(ge=0)]
Millis = Annotated[int, Meta(ge=0, le=10_000_000_000_000)]


PAGE = ("format", "limit", "offset")


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters. Fields of the structs below are parameters; their docs are in `PARAMETERS`."""


class Formatted(Query, frozen=True):
    """Tables."""

    format: Format = "json"


class Paged(Formatted, frozen=True):
    """A page of a table; limit 0 = the configured page."""

    limit: Rank = 0
    offset: Rank = 0


class Audited(Formatted, frozen=True):
    """Which entries of the audit log; limit 0 = the configured page."""

    limit: Rank = 0
    since_ms: Millis = 0
    until_ms: Millis = 0
    who: Text = ""


class Own(Query, frozen=True):
    """Which own executions, and how their lots are matched."""

    stream: Rank = 0
    id: Text = ""
    method: Literal["fifo", "average"] = "fifo"
    since_ms: Millis = 0
    until_ms: Millis = 0
    capital: Money = 0.0


class OfAccount(Query, frozen=True):
    """Which own account; "" = all."""

    name: Text = ""


class MarketMaking(Query, frozen=True):
    """Which own executions, and the limits they were to keep."""

    stream: Rank = 0
    id: Text = ""
    since_ms: Millis = 0
    until_ms: Millis = 0
    gap_s: Annotated[float, Meta(gt=0, le=31_536_000)] = 1_800.0
    max_inventory: Money = 0.0
    max_loss: Money = 0.0


class Filtered(Paged, frozen=True):
    """Which instruments."""

    market: Text = ""
    venue: Text = ""
    kind: Text = ""
    base: Text = ""
    quote: Text = ""
    tier: Text = ""
    q: Text = ""
    min_turnover_usd: Money = 0.0
    quality_not: Text = ""


class Listed(Filtered, frozen=True):
    """Instruments with columns, sorted."""

    sort: Text = "-turnover_usd_24h"
    fields: Annotated[str, Meta(max_length=4_000)] = ""


class Ranked(Filtered, frozen=True):
    """A board; its order is its own."""

    fields: Annotated[str, Meta(max_length=4_000)] = ""


class OfAssets(Paged, frozen=True):
    """Assets."""

    q: Text = ""
    sort: Text = "-turnover_usd_24h"


class Across(OfAssets, frozen=True):
    """Assets across venues. `min_venues`: on at least so many."""

    sort: Text = "-turnover_usd_24h"
    min_venues: Annotated[int, Meta(ge=1, le=50)] = 1


class OneAsset(Formatted, frozen=True):
    """An asset's instruments."""

    fields: Annotated[str, Meta(max_length=4_000)] = ""


class Recent(Formatted, frozen=True):
    """The newest of something."""

    limit: Rank = 0
    since_ms: Millis = 0


class Bars(Recent, frozen=True):
    """Candles."""

    tf: Text = "1m"


class Sampled(Recent, frozen=True):
    """Series."""

    fields: Annotated[str, Meta(max_length=4_000)] = ""


class Deep(Query, frozen=True):
    """A book."""

    depth: Annotated[int, Meta(ge=1, le=200)] = 50


class Liquidated(Recent, frozen=True):
    """Liquidations."""

    id: Text = ""
    market: Text = ""
    side: Literal["", "BUY", "SELL"] = ""
    min_usd: Money = 0.0


class Described(Query, frozen=True):
    """Columns."""

    q: Text = ""


class Trusted(Formatted, frozen=True):
    """The completeness ledger."""

    hours: Annotated[int, Meta(ge=1, le=24 * 366)] = 24
    source: Text = ""
    market: Text = ""


PARAMETERS: dict[str, str] = {
    "name": "the name of an own account's key",
    "format": "json, or the same rows as csv, ndjson, parquet or arrow (an IPC stream)",
    "limit": "rows at most; 0 = the default",
    "offset": "rows to skip",
    "market": "markets, comma-separated: bybit-linear,bybit-spot",
    "venue": "venues, comma-separated",
    "kind": "SPOT, PERP, FUTURE, OPTION; comma-separated",
    "base": "base assets, comma-separated",
    "quote": "quote currencies, comma-separated",
    "tier": "A, B or C; comma-separated",
    "q": "search: every word must occur in the name",
    "min_turnover_usd": "least turnover in 24 h, dollars; rows of unknown turnover are left out",
    "min_venues": "only assets on at least so many venues",
    "quality_not": "leave out rows with any of these quality flags, comma-separated: GAP,CROSSED",
    "sort": "a column, id, symbol or base; a leading - sorts descending; unknown values come last",
    "fields": "columns, comma-separated; all = every one",
    "since_ms": "only later than this, ms since the epoch",
    "until_ms": "only earlier than this, ms since the epoch; 0 = until now",
    "stream": "one stream of executions, by its number; 0 = all",
    "method": "which lot is closed: fifo = the oldest, average = at average cost",
    "capital": "what the account began with: returns are of it; 0 = of a capital that stays the same",
    "gap_s": "a pause of so many seconds ends a session",
    "max_inventory": "a limit of the position's size, in its own unit; 0 = none",
    "max_loss": "a limit of the drawdown, in the currency that profit is paid in; 0 = none",
    "who": "only of this key, by its name",
    "tf": "timeframe: 1m 3m 5m 15m 30m 1h 2h 4h 6h 12h 1d",
    "depth": "levels a side",
    "id": "instrument id",
    "hours": "so many hours, the running one included",
    "source": "one source of frames: bybit-linear/0",
    "side": "side of the forced order: SELL closed a long",
    "file": "the file's name: it may say the symbol; with an empty body a file of the import folder",
    "into": "the name of the stream it goes into; the file's otherwise",
    "map": "what columns are, comma-separated: price=px,size=qty",
    "exchange": "an exchange's name as ccxt has it: kraken, coinbase, bitget",
    "symbol": "a symbol as ccxt writes it: BTC/USD, BTC/USDT:USDT for the perpetual",
    "timeframe": "as the exchange has them: 1m 5m 1h 1d",
    "min_usd": "least value in dollars",
}


def parse(kind: type[Q], raw: bytes) -> Q:
    """The query string as a struct; errors name the parameter and what is allowed."""
    if len(raw) > MAX_QUERY:
        raise ApiError(414, "too_long", f"the query string is longer than {MAX_QUERY} bytes")
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=64)
    except ValueError as error:
        raise bad("", "the query string cannot be read", "percent-encoded UTF-8, at most 64 parameters") from error
    return strict(kind, pairs)


def strict(kind: type[Q], pairs: Iterable[tuple[str, str]]) -> Q:
    """Named texts as the struct; errors name the parameter and what is allowed."""
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in kind.__struct_fields__:
            raise _stranger(name, kind.__struct_fields__)
        if name in given:
            raise bad(name, "given more than once", "once; several values are comma-separated")
        given[name] = value
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), given) from error


def _stranger(name: str, fields: Iterable[str]) -> ApiError:
    close = nearest(name, fields)
    hint = f"; did you mean {close[0]}?" if close else ""
    return ApiError(400, "unknown_parameter", f"no parameter {name[:60]!r} here{hint}", name[:60],
                    ", ".join(fields) or "none")  # fmt: skip


def _invalid(message: str, given: dict[str, Any]) -> ApiError:
    at = _AT.search(message)
    name = at.group(1) if at else ""
    expected = _AT.sub("", message)
    allowed = expected.removeprefix("Expected ").replace("`", "")
    if expected.startswith("Invalid enum value"):
        allowed = PARAMETERS.get(name, "")
    return bad(name, f"{given.get(name, '')[:100]!r} is not allowed", allowed)


def words(text: str) -> tuple[str, ...]:
    """Comma-separated words, without empty ones, each once."""
    return tuple(dict.fromkeys(word for part in text.split(",") if (word := part.strip())))


def flags(parameter: str, text: str) -> int:
    """Quality flags by name."""
    try:
        return quality.parse(text)
    except ValueError as error:
        message, _, allowed = str(error).partition("; allowed: ")
        raise bad(parameter, message, allowed) from error
