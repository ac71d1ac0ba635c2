"""What is known of one own account."""

from __future__ import annotations

import msgspec

from crosstape.model.event import OwnBalance, OwnFill, OwnOrder, OwnPosition


class Picture(msgspec.Struct):
    """One that is coming in: the venue's time when it began (0 = not told), and what it named so far."""

    ts: int
    named: list[str] = []


class Owned(msgspec.Struct):
    """One account, all derived from its source's frames. Bounded: of fills, of their ids, and of orders that ended
    the oldest go.

    balances by asset, positions by market, symbol and leg, orders (the open ones) by market and id
    fills    the newest, by time; known: the ids of more of them
    ended    when orders ended: older news of one must not open it again
    touched  when each balance, position and order last came
    seen     the pictures that are coming in
    whole_ts when everything about it had last been asked and answered
    refused  why its key is not taken, "" = it is
    version  changes with whatever is shown of it
    """

    balances: dict[str, OwnBalance] = {}
    positions: dict[str, OwnPosition] = {}
    orders: dict[str, OwnOrder] = {}
    fills: list[OwnFill] = []
    known: dict[str, None] = {}
    ended: dict[str, int] = {}
    touched: dict[str, int] = {}
    seen: dict[str, Picture] = {}
    whole_ts: int = 0
    refused: str = ""
    version: int = 0
