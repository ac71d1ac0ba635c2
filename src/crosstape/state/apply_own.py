"""Events of an own account into what is known of it: pictures over REST and news of its socket, in any order."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec

from crosstape.model.event import OwnBalance, OwnFill, OwnOrder, OwnPicture, OwnPosition, OwnRefused
from crosstape.state.owned import Owned, Picture
from crosstape.state.source import Source
from crosstape.state.state import State

FILLS = 200
KNOWN_FILLS = 5_000
ENDED = 2_000
TOUCHED = 5_000
# What happened so shortly before a picture may not be in it yet; without the venue's time for it, what came so
# shortly before it did.
SLACK_NS = 1_000_000_000
GRACE_NS = 3_000_000_000
OPEN = "open"
Dated = TypeVar("Dated", OwnBalance, OwnPosition, OwnOrder)


def owned_of(state: State, source: Source) -> Owned:
    """The source's account; one that was forgotten begins anew."""
    return state.own.setdefault(source.name, Owned())


def refuse(state: State, source: Source, reason: str, ts: int) -> None:
    """Its key is not taken."""
    owned = owned_of(state, source)
    if owned.refused != reason:
        owned.refused = reason
        owned.version += 1
        state.events.append((-1, OwnRefused(source.name, ts, reason)))


def _balance(state: State, source: Source, event: OwnBalance, ts: int) -> None:
    owned = owned_of(state, source)
    _put(owned, owned.balances, ("balances", ""), event.symbol, event, _zero(event.total), ts)


def _position(state: State, source: Source, event: OwnPosition, ts: int) -> None:
    owned, key = owned_of(state, source), f"{event.market}:{event.symbol}:{event.leg}"
    _put(owned, owned.positions, ("positions", event.market), key, event, _zero(event.size), ts)


def _order(state: State, source: Source, event: OwnOrder, ts: int) -> None:
    owned, over = owned_of(state, source), event.status != OPEN
    # An id is a symbol's own at some venues.
    key = f"{event.market}:{event.symbol}:{event.id}"
    event = msgspec.structs.replace(event, account=_name(source))
    ended = owned.ended.get(key)
    if ended is not None and (not over or event.ts_event <= ended):
        return
    before = owned.orders.get(key)
    if _put(owned, owned.orders, ("orders", event.market), key, event, over, ts) and event != before:
        if over:
            owned.ended[key] = event.ts_event
            _bound(owned.ended, ENDED)
        state.events.append((-1, event))


def _fill(state: State, source: Source, event: OwnFill, ts: int) -> None:
    owned, key = owned_of(state, source), f"{event.market}:{event.symbol}:{event.id}"
    if key in owned.known:
        source.duplicates += 1
        return
    event = msgspec.structs.replace(event, account=_name(source))
    owned.known[key] = None
    _bound(owned.known, KNOWN_FILLS)
    # One that was missed is older than those that came since.
    insort(owned.fills, event, key=lambda fill: fill.ts_event)
    del owned.fills[:-FILLS]
    owned.version += 1
    state.events.append((-1, event))


def _picture(state: State, source: Source, event: OwnPicture, ts: int) -> None:
    owned, name = owned_of(state, source), f"{event.what}/{event.market}"
    if event.begins:
        owned.seen[name] = Picture(event.ts_event)
    if event.ends and (picture := owned.seen.pop(name, None)) is not None:
        _forget(owned, event, picture, ts)
    if event.whole:
        owned.whole_ts, owned.refused = ts, ""
        owned.version += 1


def _refused(state: State, source: Source, event: OwnRefused, ts: int) -> None:
    refuse(state, source, event.reason, ts)


def _put(
    owned: Owned, kept: dict[str, Dated], of: tuple[str, str], key: str, event: Dated, gone: bool, ts: int
) -> bool:
    """Whether it is news: what is older than what is known is not."""
    what, market = of
    if (picture := owned.seen.get(f"{what}/{market}")) is not None:
        picture.named.append(key)
    before = kept.get(key)
    if before is not None and event.ts_event < before.ts_event:
        return False
    owned.touched.pop(f"{what}/{key}", None)
    if gone:
        kept.pop(key, None)
    else:
        kept[key] = event
        owned.touched[f"{what}/{key}"] = ts
        _bound(owned.touched, TOUCHED)
    owned.version += before != (None if gone else event)
    return True


def _forget(owned: Owned, event: OwnPicture, picture: Picture, ts: int) -> None:
    """What is not in the picture is gone, unless it is newer."""
    named = frozenset(picture.named)
    kept: dict[str, Any] = {"balances": owned.balances, "positions": owned.positions, "orders": owned.orders}
    mine = kept.get(event.what, {})
    for key, one in list(mine.items()):
        if picture.ts:
            newer = one.ts_event > picture.ts - SLACK_NS
        else:
            newer = ts - owned.touched.get(f"{event.what}/{key}", 0) <= GRACE_NS
        here = not event.market or key.startswith(f"{event.market}:")
        if here and key not in named and not newer:
            del mine[key]
            owned.touched.pop(f"{event.what}/{key}", None)
            owned.version += 1


def _name(source: Source) -> str:
    return source.name.partition("/")[2]


def _zero(amount: str) -> bool:
    try:
        return not Decimal(amount)
    except InvalidOperation:
        return False


def _bound(kept: dict[str, Any], most: int) -> None:
    while len(kept) > most:
        del kept[next(iter(kept))]


OWN: dict[type, Callable[[State, Source, Any, int], None]] = {
    OwnBalance: _balance,
    OwnPosition: _position,
    OwnOrder: _order,
    OwnFill: _fill,
    OwnPicture: _picture,
    OwnRefused: _refused,
}
