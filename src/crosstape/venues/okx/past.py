"""OKX's settled funding rates; they keep three months."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crosstape.model.errors import WireError
from crosstape.model.event import AnyEvent, Funding
from crosstape.model.instrument import Instrument
from crosstape.venues.okx.names import MS, number
from crosstape.venues.okx.rest import open_answer
from crosstape.wire.effect import Effect
from crosstape.wire.past import funding, spans
from crosstape.wire.request import Request

PER_PAGE = 400


class _Settled(msgspec.Struct, rename="camel"):
    inst_id: str
    funding_time: int
    funding_rate: str = ""
    realized_rate: str = ""


_settled = msgspec.json.Decoder(list[_Settled], strict=False)


def funding_past(instrument: Instrument, since: int, until: int) -> tuple[Request, ...]:
    """Rates settled in [since, until), at most 400 a request; only swaps have any."""
    if instrument.market != "okx-swap":
        return ()
    # Both bounds are left out by them.
    return tuple(
        Request("funding_past", "/api/v5/public/funding-rate-history",
                (("instId", instrument.native), ("before", str(a // MS - 1)), ("after", str(b // MS)),
                 ("limit", str(PER_PAGE))), priority=7)
        for a, b in spans(since, until, PER_PAGE)
    )  # fmt: skip


def decode_funding_past(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """What was paid, oldest first: the realised rate where it is given."""
    try:
        rows = _settled.decode(open_answer(body))
        return funding(
            Funding(row.inst_id, row.funding_time * MS, number(row.realized_rate or row.funding_rate))
            for row in rows
        )
    except (msgspec.MsgspecError, ValueError) as error:
        raise WireError(f"okx funding: {error}") from error
