"""Endpoints about what a user keeps and did."""

from __future__ import annotations

import msgspec

from crosstape.client.endpoints import V1, Request, query_of
from crosstape.client.results import Answer, Number, Row, Rows


class Stats(Rows[Row], frozen=True):
    """Own trading: a row a currency."""

    method: str = ""
    executions: int = 0
    positions: tuple[Row, ...] = ()
    unpriced_fees: dict[str, int] = msgspec.field(default_factory=dict)


class Account(msgspec.Struct, frozen=True):
    """One own account; amounts are exact texts. `state`: synced, stale, opening or refused (see `reason`)."""

    name: str
    venue: str
    state: str
    reason: str = ""
    age_ms: float = 0
    heard_ms: float = 0
    whole_ms: float = 0
    balances: tuple[Row, ...] = ()
    positions: tuple[Row, ...] = ()
    orders: tuple[Row, ...] = ()
    fills: tuple[Row, ...] = ()


class Accounts(Answer, frozen=True):
    """Own accounts, by name."""

    accounts: tuple[Account, ...] = ()


class Profile(Rows[Row], frozen=True):
    """How the account trades: a row a currency."""

    executions: int = 0
    first_ms: int = 0
    last_ms: int = 0
    active_days: int = 0
    executions_a_day: Number = None
    maker_share: Number = None
    symbols: tuple[Row, ...] = ()
    by_hour: tuple[Row, ...] = ()
    by_weekday: tuple[Row, ...] = ()


def account(name: str = "") -> Request[Accounts]:
    """Own accounts: balances, positions, open orders, newest fills. Needs the role trader."""
    return Request(Accounts, f"{V1}/account", query=query_of({"name": name}))


def stats(
    *, stream: int = 0, id: str = "", method: str = "", since_ms: int = 0, until_ms: int = 0, capital: float = 0
) -> Request[Stats]:
    """Own trades by currency; `method` fifo or average."""
    asked = {"stream": stream, "id": id, "method": method, "since_ms": since_ms, "until_ms": until_ms}
    return Request(Stats, f"{V1}/stats", query=query_of(asked | {"capital": capital}))


def profile(
    *, stream: int = 0, id: str = "", method: str = "", since_ms: int = 0, until_ms: int = 0, capital: float = 0
) -> Request[Profile]:
    """How the account trades."""
    asked = {"stream": stream, "id": id, "method": method, "since_ms": since_ms, "until_ms": until_ms}
    return Request(Profile, f"{V1}/profile", query=query_of(asked | {"capital": capital}))


class Made(Rows[Row], frozen=True):
    """Market making; lists of a row are by `horizons_s`."""

    horizons_s: tuple[int, ...] = ()


def mm_stats(
    *, stream: int = 0, id: str = "", since_ms: int = 0, until_ms: int = 0, gap_s: float = 0,
    max_inventory: float = 0, max_loss: float = 0,
) -> Request[Made]:  # fmt: skip
    """Market making by instrument."""
    return _made("stats", stream, id, since_ms, until_ms, gap_s, max_inventory, max_loss)


def mm_sessions(
    *, stream: int = 0, id: str = "", since_ms: int = 0, until_ms: int = 0, gap_s: float = 0,
    max_inventory: float = 0, max_loss: float = 0,
) -> Request[Made]:  # fmt: skip
    """Market making by session, newest first."""
    return _made("sessions", stream, id, since_ms, until_ms, gap_s, max_inventory, max_loss)


def _made(what: str, *given: object) -> Request[Made]:
    names = ("stream", "id", "since_ms", "until_ms", "gap_s", "max_inventory", "max_loss")
    return Request(Made, f"{V1}/mm/{what}", query=query_of(dict(zip(names, given, strict=True))))


def audit(*, since_ms: int = 0, until_ms: int = 0, who: str = "", limit: int = 0) -> Request[Rows[Row]]:
    """Requests that meant to change something, newest first; needs the role admin."""
    asked = {"since_ms": since_ms, "until_ms": until_ms, "who": who, "limit": limit}
    return Request(Rows[Row], f"{V1}/audit", query=query_of(asked))


def admin_system() -> Request[Row]:
    """The machine and the process, and the newest log lines; needs the role admin."""
    return Request(Row, f"{V1}/admin/system")
