"""Binance's settled funding rates."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crosstape.model.errors import WireError
from crosstape.model.event import AnyEvent, Funding
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.wire.effect import Effect
from crosstape.wire.past import funding, spans
from crosstape.wire.request import Request

MS = 1_000_000
PER_PAGE = 1_000


class _Settled(msgspec.Struct, rename="camel"):
    symbol: str
    funding_time: int
    funding_rate: float


_settled = msgspec.json.Decoder(list[_Settled], strict=False)


def funding_past(instrument: Instrument, since: int, until: int) -> tuple[Request, ...]:
    """USD-M rates settled in [since, until), at most 1 000 a request."""
    if instrument.market != "binance-usdm" or instrument.kind is not InstrumentKind.PERP:
        return ()
    return tuple(
        Request("funding_past", "/fapi/v1/fundingRate",
                (("symbol", instrument.native), ("startTime", str(a // MS)), ("endTime", str(b // MS - 1)),
                 ("limit", str(PER_PAGE))), priority=7)
        for a, b in spans(since, until, PER_PAGE)
    )  # fmt: skip


def decode_funding_past(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """What was paid, oldest first."""
    try:
        return funding(Funding(r.symbol, r.funding_time * MS, r.funding_rate) for r in _settled.decode(body))
    except msgspec.MsgspecError as error:
        raise WireError(f"binance funding: {error}") from error
