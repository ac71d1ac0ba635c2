"""One tree of errors; the name says who must act."""


class CrosstapeError(Exception):
    """Anything crosstape itself raises."""


class WireError(CrosstapeError):
    """The venue sent bytes we cannot read: count it, keep the frame, go on."""


class ConfigError(CrosstapeError):
    """The operator asked for the impossible: stop at start, exit 2."""


class TapeError(CrosstapeError):
    """A tape is damaged: stop the replay at this offset, say where."""

    def __init__(self, message: str, path: str = "", offset: int = -1) -> None:
        where = f" at {path}:{offset}" if path else ""
        super().__init__(f"{message}{where}")
        self.path = path
        self.offset = offset


class RemoteError(CrosstapeError):
    """Another exchange, asked for somebody, did not answer or refused: tell who asked, the live path goes on."""


class StoreError(CrosstapeError):
    """Disk, database or cache unavailable: retry, the live path goes on."""


class QueryError(CrosstapeError):
    """A query that cannot be answered: its author must act.

    `kind` is one of sql, statement, time, memory, size, rows, busy; `allowed` says what would do.
    """

    def __init__(self, kind: str, message: str, allowed: str = "") -> None:
        super().__init__(message)
        self.kind, self.allowed = kind, allowed
