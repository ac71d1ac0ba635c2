"""One error body for everything that goes wrong, naming the bad parameter and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from difflib import get_close_matches

import msgspec

from crosstape.model.errors import CrosstapeError

CANDIDATES = 300


class ErrorDetail(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong; `id` is also in the log."""

    code: str
    message: str
    parameter: str = ""
    allowed: str = ""
    id: str = ""


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of every answer that is not a success."""

    error: ErrorDetail


class ApiError(CrosstapeError):
    """The caller asked for something that cannot be answered; `retry_after_s` > 0 = not yet."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        parameter: str = "",
        allowed: str = "",
        retry_after_s: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.status, self.retry_after_s = status, retry_after_s
        self.detail = ErrorDetail(code, message, parameter, allowed)

    @property
    def headers(self) -> dict[str, str]:
        """Retry-After in whole seconds, where it helps to come again."""
        return {"retry-after": str(math.ceil(self.retry_after_s))} if self.retry_after_s > 0 else {}

    @property
    def body(self) -> bytes:
        """JSON."""
        return msgspec.json.encode(ErrorBody(self.detail))


def bad(parameter: str, message: str, allowed: str = "") -> ApiError:
    """400: a parameter's value."""
    return ApiError(400, "bad_parameter", message, parameter, allowed)


def unknown(what: str, parameter: str, value: str, options: Iterable[str]) -> ApiError:
    """404: no such thing, with the nearest that exist."""
    hint = ", ".join(nearest(value, options))
    return ApiError(404, "not_found", f"no {what} {value[:100]!r}", parameter, f"nearest: {hint}" if hint else "")


def nearest(word: str, options: Iterable[str], most: int = 3) -> list[str]:
    """The options most like the word. Bounded work: of many options only those that share letters are compared."""
    folded = {option.lower(): option for option in options}
    word = word[:100].lower()
    if len(folded) > CANDIDATES:
        folded = _narrowed(word, folded)
    return [folded[match] for match in get_close_matches(word, folded, most, 0.5)]


def _narrowed(word: str, folded: dict[str, str]) -> dict[str, str]:
    native = word.rpartition(":")[2]
    for length in (len(native), 5, 4, 3, 2):
        part = native[:length]
        kept = [(key, option) for key, option in folded.items() if part and part in key]
        if kept:
            return dict(kept[:CANDIDATES])
    return {}


def one_of(parameter: str, value: str, options: Iterable[str]) -> ApiError:
    """400: a value that is none of a known set; names the set when short, else the nearest."""
    known = list(options)
    close = nearest(value, known)
    allowed = ", ".join(known) if len(known) <= 40 else "nearest: " + (", ".join(close) or "none")
    hint = f"; did you mean {close[0]}?" if close else ""
    return bad(parameter, f"{value[:100]!r} is not known here{hint}", allowed)
