"""What every capture format comes down to, and how it becomes frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import msgspec

from crosstape.model.errors import TapeError
from crosstape.model.frame import Frame, Kind


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """One thing a capture says reached its recorder.

    socket   which connection, in the capture's own words
    address  the URL: of the socket for OPEN, of the request for ANSWER, else ""
    offset   where in the plain text it lies
    """

    ts: int
    kind: Kind
    socket: str
    address: str
    payload: bytes
    offset: int


class Naming:
    """Addresses and sockets of one capture to sources and connection numbers; remembers the time as well."""

    def __init__(self, path: str, market_of: Callable[[str], str | None], market: str, shard: int) -> None:
        self.clamped = 0
        self.last_ts = 0
        self._path = path
        self._market_of = market_of
        self._market = market
        self._shard = shard
        self._shards: dict[str, int] = {}
        self._sources: dict[str, str] = {}
        self._conns: dict[str, int] = {}

    def opened(self, arrival: Arrival) -> tuple[str, int]:
        """Source and connection number of a socket that opens."""
        socket = arrival.socket
        if socket not in self._sources:
            market = self.market(arrival)
            shard = self._shards.get(market, self._shard)
            self._shards[market] = shard + 1
            self._sources[socket] = f"{market}/{shard}"
        self._conns[socket] = self._conns.get(socket, 0) + 1
        return self._sources[socket], self._conns[socket]

    def spoke(self, arrival: Arrival) -> tuple[str, int]:
        """Source and connection number of a socket that is open."""
        socket = arrival.socket
        if socket not in self._sources:
            market = self.market(arrival)
            self._sources[socket] = f"{market}/{self._shards.setdefault(market, self._shard)}"
            self._conns[socket] = 1
        return self._sources[socket], self._conns[socket]

    def market(self, arrival: Arrival) -> str:
        """The market of an address."""
        market = self._market or self._market_of(arrival.address)
        if not market:
            what = f"no market is known for {arrival.address}" if arrival.address else "it names no address"
            raise TapeError(f"{what}; pass --market", self._path, arrival.offset)
        return market

    def time(self, ts: int) -> int:
        """The time, never before the one before."""
        if ts < self.last_ts:
            self.clamped += 1
            return self.last_ts
        self.last_ts = ts
        return ts


def framed(arrivals: Iterator[Arrival], naming: Naming) -> Iterator[Frame]:
    """Arrivals in order to frames numbered from 0."""
    for seq, arrival in enumerate(arrivals):
        ts = naming.time(arrival.ts)
        if arrival.kind is Kind.ANSWER:
            source = f"{naming.market(arrival)}/rest"
            request = f"rest {target(arrival.address)}"
            yield Frame(seq, ts, source, 0, Kind.ANSWER, request, 200, "", arrival.payload)
        else:
            place = naming.opened if arrival.kind is Kind.OPEN else naming.spoke
            source, conn = place(arrival)
            yield Frame(seq, ts, source, conn, arrival.kind, "", 0, "", arrival.payload)


def target(address: str) -> str:
    """The path?query of an address."""
    parts = urlsplit(address)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def nanoseconds(seconds: bytes, path: str, offset: int) -> int:
    """Decimal text of seconds since the epoch to ns, without the loss of a float."""
    whole, _, part = seconds.partition(b".")
    try:
        return int(whole) * 1_000_000_000 + int(part[:9].ljust(9, b"0"))
    except ValueError:
        raise TapeError(f"unreadable time {seconds!r}", path, offset) from None
