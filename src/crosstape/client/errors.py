"""What can go wrong for who asks a crosstape, in the server's own words."""

from __future__ import annotations

from crosstape.model.errors import CrosstapeError


class ClientError(CrosstapeError):
    """A crosstape could not be asked, or would not answer."""


class Unreachable(ClientError):
    """Nothing answers at the address, or not in time: start one, or ask again."""


class Refused(ClientError):
    """The server refused; `parameter` and `allowed` where it named them.

    status as in HTTP, code for programs
    """

    def __init__(self, status: int, code: str, message: str, parameter: str = "", allowed: str = "") -> None:
        text = f"{parameter}: {message}" if parameter else message
        super().__init__(f"{text} (allowed: {allowed})" if allowed else text)
        self.status, self.code, self.message = status, code, message
        self.parameter, self.allowed = parameter, allowed
