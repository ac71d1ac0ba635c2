"""Endpoints that take ticks: answered when they are on the disk."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from crosstape.api.context import Answer, Ask, Context
from crosstape.api.errors import ApiError
from crosstape.api.query import Query
from crosstape.api.tables import to_json
from crosstape.model.errors import StoreError
from crosstape.model.push import PushBusy, Pushed, Tick

MOST_TICKS = 5_000
AHEAD_NS = 60_000_000_000
EARLIEST = 100_000_000 * 1_000_000_000
Amount = Annotated[float, Meta(gt=0, lt=1e15)]


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tick as it is pushed.

    `timestamp`: seconds to nanoseconds by its size, or ISO 8601; `id`: pushed again it is the same tick.
    """

    symbol: Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[^\s:]+$")]
    timestamp: int | float | str
    price: Amount
    size: Amount
    side: Literal["", "buy", "sell"] = ""
    id: Annotated[str, Meta(max_length=100)] = ""


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Several ticks: all are taken, or none."""

    ticks: Annotated[list[Given], Meta(min_length=1, max_length=MOST_TICKS)]


async def tick(context: Context, ask: Ask[Query]) -> Answer:
    """Push one tick of the market `push`: symbol, timestamp, price, size, and side and id where they are known."""
    return await _taken(context, [read(ask.body, Given)])


async def batch(context: Context, ask: Ask[Query]) -> Answer:
    """Push up to 5 000 ticks at once."""
    return await _taken(context, read(ask.body, Batch).ticks)


async def _taken(context: Context, given: Sequence[Given]) -> Answer:
    return Answer(to_json(msgspec.structs.asdict(await taken(context, given))))


def read(body: bytes, kind: Any) -> Any:
    """A body; 400 says what is wrong with it."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(
            400, "bad_body", str(error)[:300], "body", "symbol, timestamp, price, size, side, id"
        ) from error


async def taken(context: Context, given: Sequence[Given]) -> Pushed:
    """Onto the disk; 503 with a time to wait where there is no room or no disk."""
    if context.pushes is None:
        raise ApiError(503, "no_push", "no ticks are taken here: this is a replay")
    latest = time.time_ns() + AHEAD_NS
    ticks = [Tick(g.symbol, _moment(g.timestamp, latest), g.price, g.size, g.side, g.id) for g in given]
    try:
        return await context.pushes.push(ticks)
    except PushBusy as error:
        raise ApiError(503, "busy", str(error), retry_after_s=1.0) from error
    except StoreError as error:
        raise ApiError(503, "store", str(error), retry_after_s=5.0) from error


def _moment(given: int | float | str, latest: int) -> int:
    """ns."""
    found = _iso(given) if isinstance(given, str) else _number(given)
    if not EARLIEST <= found <= latest:
        raise ApiError(400, "bad_body", f"timestamp: {str(given)[:60]!r} is not from 1973 to a minute from now",
                       "timestamp", "seconds, milli-, micro- or nanoseconds, or ISO 8601")  # fmt: skip
    return found


def _number(given: int | float) -> int:
    for below, factor in ((1e11, 1_000_000_000), (1e14, 1_000_000), (1e17, 1_000), (1e20, 1)):
        if given < below:
            # A float has no more than microseconds to tell: whole ones, so that they are what was written.
            return given * factor if isinstance(given, int) else round(given * factor / 1_000) * 1_000
    return -1


def _iso(given: str) -> int:
    try:
        found = dt.datetime.fromisoformat(given)
    except ValueError:
        return -1
    found = found if found.tzinfo is not None else found.replace(tzinfo=dt.UTC)
    since = found - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
