"""Ticks that somebody pushes."""

from __future__ import annotations

import msgspec

from crosstape.model.errors import CrosstapeError

MARKET = "push"


class Tick(msgspec.Struct, frozen=True, gc=False):
    """One trade of the user's own market `push`.

    `ts` ns; `side` the taker's, "" = not known; `id` makes a tick that is pushed again the same one.
    """

    symbol: str
    ts: int
    price: float
    size: float
    side: str = ""
    id: str = ""


class Pushed(msgspec.Struct, frozen=True):
    """What became of ticks: how many were not there before, how many of those went into the live machine."""

    accepted: int
    new: int
    live: int


class PushBusy(CrosstapeError):
    """More ticks wait than may: nothing of these was taken, push them again later."""
