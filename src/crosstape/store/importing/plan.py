"""What a file's columns mean: recognised, or told; and what is not sure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

import msgspec

from crosstape.model.errors import ConfigError
from crosstape.store.importing.batches import Shape, batches
from crosstape.store.importing.convert import converted, span_of
from crosstape.store.importing.layouts import FIELDS, LAYOUTS, NEEDED, WORDS, ImportKind, Layout, plain

SAMPLE = 500
ENOUGH = 0.75
_NAMED = re.compile(r"^([A-Z0-9]{2,20}(?:[-_/]?[A-Z0-9]{2,12})*)(?=[-_.])")
# A date or a number of minutes behind it; six digits are an expiry, and part of the name.
_DATED = re.compile(r"(?:[-_](?:\d{1,4}|\d{8}))+$")
_SPAN = re.compile(r"[-_](1s|1m|5m|15m|30m|1h|4h|1d)[-_.]")


class Plan(msgspec.Struct, frozen=True):
    """How a file is read.

    layout     whose it is, "generic" or "told"
    columns    field -> column
    symbol     of every row, where no column says
    market     in front of the symbol
    span_s     of candles
    unsure     questions that must be answered before anything is imported
    """

    layout: str
    kind: ImportKind
    shape: Shape
    columns: dict[str, str]
    market: str = "import"
    symbol: str = ""
    span_s: int = 0
    flipped: bool = False
    paid: bool = False
    unsure: tuple[str, ...] = ()


class Told(msgspec.Struct, frozen=True):
    """What whoever imports says himself; empty = find out. `columns`: field -> column."""

    kind: str = ""
    market: str = ""
    symbol: str = ""
    columns: dict[str, str] = {}


def plan_of(path: Path, shape: Shape, told: Told, name: str = "") -> Plan:
    """The plan for a file. `name`: the file's, where it lies under another. ConfigError: what was told."""
    if told.kind and told.kind not in get_args(ImportKind):
        raise ConfigError(f"kind: {told.kind!r}; allowed: {', '.join(get_args(ImportKind))}")
    plan = None if told.columns else _recognised(path, shape, told)
    plan = plan or _generic(shape, told)
    symbol = told.symbol or ("" if "symbol" in plan.columns else _named(name or path.name))
    plan = msgspec.structs.replace(plan, market=told.market or plan.market, symbol=symbol)
    return _judged(path, plan, name or path.name)


def _recognised(path: Path, shape: Shape, told: Told) -> Plan | None:
    for layout in LAYOUTS:
        if told.kind in ("", layout.kind) and (plan := _fitting(layout, shape)) and _reads(path, plan, layout):
            return plan
    return None


def _fitting(layout: Layout, shape: Shape) -> Plan | None:
    """A plan where every column of the layout is there."""
    if shape.header and layout.bare:
        return None
    if shape.header:
        there = {plain(name): name for name in shape.columns}
    elif len(layout.order) == len(shape.columns):
        there = dict(zip(map(plain, layout.order), shape.columns, strict=True))
    else:
        return None
    if not all(plain(column) in there for column in (*layout.columns.values(), *layout.told_by)):
        return None
    columns = {field: there[plain(column)] for field, column in layout.columns.items()}
    return Plan(layout.name, layout.kind, shape, columns, layout.market, flipped=layout.flipped, paid=layout.paid)


def _reads(path: Path, plan: Plan, layout: Layout) -> bool:
    """Whether nearly all of the first rows make sense so: what tells apart two files with the same columns."""
    batch = next(batches(path, plan.shape, SAMPLE), None)
    if batch is None or not batch.frame.height:
        return False
    if layout.stamp and not any(layout.stamp in (text or "") for text in batch.frame[plan.columns["ts"]][:5]):
        return False
    good, _ = converted(batch.frame, msgspec.structs.replace(plan, symbol="X"))
    return good.height >= ENOUGH * batch.frame.height


def _generic(shape: Shape, told: Told) -> Plan:
    there = {plain(name): name for name in reversed(shape.columns)}
    for field, column in told.columns.items():
        allowed = dict.fromkeys(f for fields in FIELDS.values() for f in fields)
        if field not in allowed:
            raise ConfigError(f"map: no field {field!r}; allowed: {', '.join(allowed)}")
        if column not in shape.columns:
            raise ConfigError(
                f"map.{field}: the file has no column {column!r}; it has: {', '.join(shape.columns)}"
            )
    found = {f: there[w] for f, words in WORDS.items() for w in map(plain, reversed(words)) if w in there}
    found |= told.columns
    kind: ImportKind = "trades"
    if {"open", "high", "low", "close"} <= set(found):
        kind = "candles"
    elif "fee" in found and ("side" in found or "buyer" in found):
        kind = "executions"
    kind = told.kind or kind  # type: ignore[assignment]
    columns = _without_doubles({f: found[f] for f in FIELDS[kind] if f in found}, told.columns)
    return Plan("told" if told.columns else "generic", kind, shape, columns)


def _without_doubles(columns: dict[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """One column means one thing: what was told wins, then what was found first."""
    kept, used = dict(told), set(told.values())
    for field, column in columns.items():
        if field not in kept and column not in used:
            kept[field] = column
            used.add(column)
    return {field: kept[field] for field in (*columns, *told) if field in kept}


def _named(name: str) -> str:
    """BTCUSDT of BTCUSDT-trades-2026-01.csv: how venues name the files of one instrument."""
    found = _NAMED.match(name)
    symbol = _DATED.sub("", found[1]) if found else ""
    return symbol if any(c.isalpha() for c in symbol) else ""


def _judged(path: Path, plan: Plan, name: str) -> Plan:
    """The plan with what is not sure about it, and the span of candles."""
    unsure = [f"{field}: no column for it; say --map {field}=COLUMN" for field in NEEDED[plan.kind]
              if field not in plan.columns and not (field == "side" and "buyer" in plan.columns)]  # fmt: skip
    if "symbol" not in plan.columns and not plan.symbol:
        unsure.append("symbol: no column for it, nor does the file's name say; say --symbol")
    if plan.layout == "generic":
        unsure += _rivals(plan)
    if plan.kind == "candles" and "ts" in plan.columns:
        batch = next(batches(path, plan.shape, SAMPLE), None)
        tail = _SPAN.search(name)
        span = span_of(batch.frame, plan) if batch is not None else 0
        if not span:
            allowed = "1s 1m 5m 15m 30m 1h 4h 1d"
            said = f"; the name says {tail[1]}" if tail else ""
            unsure.append(f"timeframe: the rows are not spaced by any of {allowed}{said}")
        plan = msgspec.structs.replace(plan, span_s=span)
    return msgspec.structs.replace(plan, unsure=tuple(unsure))


def _rivals(plan: Plan) -> Sequence[str]:
    """Fields for which the file has two columns of the names they usually have."""
    there = {plain(name): name for name in plan.shape.columns}
    found = []
    for field in NEEDED[plan.kind]:
        taken = plan.columns.get(field)
        others = [there[w] for w in dict.fromkeys(map(plain, WORDS.get(field, ()))) if w in there]
        others = [name for name in others if name != taken and name not in plan.columns.values()]
        if taken and others:
            found.append(f"{field}: {taken} or {', '.join(others)}? say --map {field}=COLUMN")
    return found
