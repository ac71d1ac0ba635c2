"""Hyperliquid's settled funding rates."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crosstape.model.errors import WireError
from crosstape.model.event import AnyEvent, Funding
from crosstape.model.instrument import Instrument
from crosstape.venues.hyperliquid.names import PERPS
from crosstape.wire.effect import Effect
from crosstape.wire.past import funding, spans
from crosstape.wire.request import Request

MS = 1_000_000
PER_PAGE = 500


class _Settled(msgspec.Struct, rename="camel"):
    coin: str
    funding_rate: float
    time: int


_settled = msgspec.json.Decoder(list[_Settled], strict=False)


def funding_past(instrument: Instrument, since: int, until: int) -> tuple[Request, ...]:
    """Rates settled in [since, until), hourly, at most 500 a request."""
    if instrument.market != PERPS:
        return ()
    # 20, and one more for every 20 rows.
    return tuple(
        Request("funding_past", "/info",
                body=msgspec.json.encode({"type": "fundingHistory", "coin": instrument.native,
                                          "startTime": a // MS, "endTime": b // MS - 1}).decode(),
                weight=20.0 + PER_PAGE / 20, priority=7)
        for a, b in spans(since, until, PER_PAGE)
    )  # fmt: skip


def decode_funding_past(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """What was paid, oldest first."""
    try:
        return funding(Funding(r.coin, r.time * MS, r.funding_rate) for r in _settled.decode(body))
    except msgspec.MsgspecError as error:
        raise WireError(f"hyperliquid funding: {error}") from error
