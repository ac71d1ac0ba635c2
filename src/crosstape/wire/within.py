"""Of a venue whose frames come from inside the process: nothing is dialled, subscribed or asked over REST."""

from __future__ import annotations

from collections.abc import Sequence

from crosstape.model.instrument import Instrument
from crosstape.wire.request import Request
from crosstape.wire.venue import Ack, Refusal


def nothing(topics: Sequence[str], request_id: str) -> bytes:
    """There is nobody to send it to."""
    return b""


def no_ack(payload: bytes) -> Ack | None:
    """Nobody answers."""
    return None


def no_topics(instrument: Instrument, tier: str) -> tuple[str, ...]:
    """Everything comes by itself."""
    return ()


def no_refusal(status: int, headers: str, body: bytes) -> Refusal | None:
    """Nothing is asked."""
    return None


def no_past(instrument: Instrument, since: int, until: int) -> tuple[Request, ...]:
    """There is none to ask for."""
    return ()
