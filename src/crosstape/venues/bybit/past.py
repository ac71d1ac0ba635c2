"""Bybit's settled funding rates."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crosstape.model.errors import WireError
from crosstape.model.event import AnyEvent, Funding
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.venues.bybit.rest import open_answer
from crosstape.venues.bybit.ticker import MS
from crosstape.wire.effect import Effect
from crosstape.wire.past import funding, spans
from crosstape.wire.request import Request

PER_PAGE = 200


class _Settled(msgspec.Struct, rename="camel"):
    symbol: str
    funding_rate: float
    funding_rate_timestamp: int


class _Answer(msgspec.Struct):
    list: Sequence[_Settled]


_settled = msgspec.json.Decoder(_Answer, strict=False)


def funding_past(instrument: Instrument, since: int, until: int) -> tuple[Request, ...]:
    """Rates settled in [since, until), at most 200 a request; spot and dated futures have none."""
    if instrument.kind is not InstrumentKind.PERP:
        return ()
    what = (("category", instrument.market.removeprefix("bybit-")), ("symbol", instrument.native))
    return tuple(
        Request("funding_past", "/v5/market/funding/history",
                (*what, ("startTime", str(a // MS)), ("endTime", str(b // MS - 1)), ("limit", str(PER_PAGE))),
                priority=7)
        for a, b in spans(since, until, PER_PAGE)
    )  # fmt: skip


def decode_funding_past(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """What was paid, oldest first."""
    answer = open_answer(body)
    try:
        rows = _settled.decode(answer.result).list
    except msgspec.MsgspecError as error:
        raise WireError(f"bybit funding: {error}") from error
    return funding(Funding(row.symbol, row.funding_rate_timestamp * MS, row.funding_rate) for row in rows)
