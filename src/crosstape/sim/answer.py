"""What a simulated venue says over HTTP."""

from msgspec import Struct


class Answer(Struct, frozen=True):
    """A status, a body and headers."""

    status: int
    body: bytes
    headers: dict[str, str] = {}
