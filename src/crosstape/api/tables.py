"""Rows out of a view as records, and records as JSON or CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from crosstape.api.errors import bad, one_of
from crosstape.api.lookup import Lookup
from crosstape.api.query import Filtered, flags, words
from crosstape.engine.view import View
from crosstape.model import quality

Mask = NDArray[np.bool_]
Picked = NDArray[np.intp]
Record = dict[str, Any]

DEFAULT_FIELDS = (
    "last", "change_5m", "change_24h", "turnover_usd_24h", "spread_bps", "funding_apr", "oi_usd", "coverage_1h",
)  # fmt: skip
NAMES = ("id", "symbol", "base")
FILTERS = ("market", "venue", "kind", "base", "quote", "tier")
UPPER = frozenset({"kind", "base", "quote", "tier"})
MS = 1e-6
_encode = msgspec.json.Encoder()


@lru_cache(maxsize=4096)
def flag_names(value: int) -> tuple[str, ...]:
    """Names of the quality flags set."""
    return tuple(quality.names(value))


def millis(ts: int) -> float:
    """ns since the epoch as ms; a whole number where it is one."""
    whole, rest = divmod(ts, 1_000_000)
    return whole + rest * MS if rest else whole


def chosen(parameter: str, text: str, known: Iterable[str], default: Sequence[str]) -> tuple[str, ...]:
    """The columns asked for."""
    options = tuple(known)
    if not text.strip():
        return tuple(name for name in default if name in options)
    if text.strip() == "all":
        return options
    wanted = words(text)
    allowed = set(options)
    for name in wanted:
        if name not in allowed:
            raise one_of(parameter, name, options)
    return wanted


def filtered(view: View, lookup: Lookup, query: Filtered) -> Mask:
    """Rows that are alive and pass."""
    return named(lookup, query) & measured(view, query)


def named(lookup: Lookup, query: Filtered) -> Mask:
    """Rows that pass by what they are called; the same until the catalogue changes."""
    mask: Mask = np.ones(len(lookup.ids), bool)
    for name in FILTERS:
        text: str = getattr(query, name)
        if not text:
            continue
        values = words(text.upper() if name in UPPER else text)
        known = lookup.known(name)
        for value in values:
            if value not in known:
                raise one_of(name, value, known)
        mask &= lookup.is_any(name, values)
    if query.q:
        mask &= lookup.matches(query.q)
    return mask


def measured(view: View, query: Filtered) -> Mask:
    """Rows that are alive and pass by their figures."""
    mask: Mask = view.rows.alive.copy()
    if query.min_turnover_usd > 0:
        mask &= view.columns["turnover_usd_24h"] >= query.min_turnover_usd
    if query.quality_not:
        mask &= (view.quality & flags("quality_not", query.quality_not)) == 0
    return mask


def ordered(
    rows: Picked, sort: str, columns: Mapping[str, NDArray[Any]], names: Mapping[str, Sequence[str]]
) -> Picked:
    """Sorted by a column or a name; unknown values last, ties by row."""
    descending, key = sort.startswith("-"), sort.lstrip("-+ ")
    if key in names:
        by = names[key]
        found = sorted(rows.tolist(), key=by.__getitem__, reverse=descending)
        return np.array(found, np.intp)
    if key not in columns:
        raise one_of("sort", key, (*names, *columns))
    values = columns[key][rows]
    order = np.lexsort((rows, -values if descending else values))
    return rows[order]


def page(rows: Picked, limit: int, offset: int, most: int, default: int) -> Picked:
    """The rows of one page."""
    if limit > most:
        raise bad("limit", f"{limit} is too many", f"0 … {most}")
    return rows[offset : offset + (limit or default)]


def records(
    view: View, lookup: Lookup, rows: Picked, fields: Sequence[str], mode_flag: int, rank_from: int = 0
) -> list[Record]:
    """One record a row: names, quality, then the columns."""
    values = [view.columns[name][rows].tolist() for name in fields]
    qualities = (view.quality[rows] | np.uint32(mode_flag)).tolist()
    found: list[Record] = []
    known = view.rows.instruments
    for i, row in enumerate(rows.tolist()):
        instrument = known[row]
        record: Record = {
            "rank": rank_from + i + 1,
            "id": lookup.ids[row],
            "symbol": lookup.symbols[row],
            "market": instrument.market if instrument is not None else "",
            "base": instrument.base if instrument is not None else "",
            "quote": instrument.quote if instrument is not None else "",
            "kind": instrument.kind.value if instrument is not None else "",
            "tier": view.rows.tiers[row],
            "quality": flag_names(qualities[i]),
        }
        for name, column in zip(fields, values, strict=True):
            record[name] = column[i]
        found.append(record)
    return found


def to_json(answer: Any) -> bytes:
    """NaN and infinities become null; numbers are the shortest that round-trip."""
    return _encode.encode(answer)


def to_csv(rows: Sequence[Record], header: Sequence[str]) -> bytes:
    """The same rows as the JSON; unknown = empty, flags joined by |."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in header])
    return out.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ""
    if isinstance(value, list | tuple):
        return "|".join(map(str, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value[:1] in ("=", "@", "+", "\t", "\r"):
        # A spreadsheet would run it as a formula.
        return "'" + value
    return "" if value is None else value
