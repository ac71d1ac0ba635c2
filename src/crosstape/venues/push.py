"""The market of ticks that users push: a venue without a network, whose frames this machine itself made."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crosstape.model.errors import WireError
from crosstape.model.event import AnyEvent, Side, Trade
from crosstape.model.push import MARKET, Tick
from crosstape.wire.venue import Budget, Capability, Stream, Venue
from crosstape.wire.within import no_ack, no_past, no_refusal, no_topics, nothing

MOST_SYMBOLS = 10_000
_ticks = msgspec.json.Decoder(Tick)
_encode = msgspec.json.Encoder()


class Memory(msgspec.Struct):
    """The last price and side of each symbol."""

    last: dict[str, tuple[float, int]] = {}


class Decoder:
    """A tick without a side gets it by the tick rule: up is bought, down is sold, the same price is as before
    (Lee and Ready, 1991)."""

    def __init__(self) -> None:
        self.memory = Memory()

    def __call__(self, payload: bytes) -> Sequence[AnyEvent]:
        """One tick -> its trade."""
        try:
            tick = _ticks.decode(payload)
        except msgspec.MsgspecError as error:
            raise WireError(f"push: {error}") from error
        side = self._side(tick)
        return [Trade(tick.symbol, tick.ts, tick.price, tick.size, side, tick.id)]

    def _side(self, tick: Tick) -> Side:
        last = self.memory.last
        before, side = last.pop(tick.symbol, (tick.price, Side.BUY.value))
        if tick.side:
            side = Side.BUY.value if tick.side == "buy" else Side.SELL.value
        elif tick.price != before:
            side = Side.BUY.value if tick.price > before else Side.SELL.value
        last[tick.symbol] = (tick.price, side)
        if len(last) > MOST_SYMBOLS:
            del last[next(iter(last))]
        return Side(side)


def encode(tick: Tick) -> bytes:
    """The frame's payload."""
    return _encode.encode(tick)


PUSH = Venue(
    id=MARKET,
    docs="docs/records.md",
    rest="",
    budget=Budget(1.0, 1.0),
    streams=(Stream(MARKET, "", nothing, nothing, Decoder, no_ack, no_topics, no_topics),),
    polls=(),
    capabilities=(Capability("trades", "pushed", "by REST, by WebSocket, by the collector page"),),
    refusal=no_refusal,
    backfill=no_past,
    builtin=tuple,
)
