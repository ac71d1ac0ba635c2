"""The declaration of a venue: what the shell and the machine need to know, as values and pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

import msgspec

from crosstape.model.credential import Credential
from crosstape.model.event import AnyEvent
from crosstape.model.instrument import Instrument
from crosstape.wire.account import Account
from crosstape.wire.effect import Effect
from crosstape.wire.request import Request

# What a FAILED frame of an account answers when the venue will not have its key.
KEY = "key"
Decoded = Sequence[AnyEvent | Effect]
Decoder = Callable[[bytes], Decoded]


class Ack(msgspec.Struct, frozen=True):
    """The venue's answer to a subscribe or unsubscribe. `request_id` as we sent it, "" when it does not echo."""

    ok: bool
    request_id: str
    reason: str = ""


class Ping(msgspec.Struct, frozen=True):
    """What to send every so often to keep the connection, and how to know the answer."""

    payload: bytes
    every_s: float


class StreamLimits(msgspec.Struct, frozen=True):
    """What the venue allows on its sockets. 0 = no limit known. `topics`: on all of the stream's together."""

    topics_per_request: int = 0
    characters_per_connection: int = 0
    topics_per_connection: int = 0
    topics: int = 0
    requests_per_s: float = 5.0
    connects_per_window: int = 0
    connect_window_s: float = 300.0
    lifetime_s: float = 0.0


class BookRule(StrEnum):
    """How a delta is known to follow the one before.

    STEP   it begins one behind the last id
    RISE   STEP where the venue was found to leave ids out: a later id follows, and is counted
    CHAIN  it names the last id
    SPAN   it begins one behind the last id or before; snapshots come from elsewhere
    JOIN   CHAIN, but the first one behind a snapshot may reach over it; snapshots come from elsewhere
    """

    NONE = "none"
    STEP = "step"
    RISE = "rise"
    CHAIN = "chain"
    SPAN = "span"
    JOIN = "join"


class Stream(msgspec.Struct, frozen=True):
    """One socket address of one market.

    route   "" carries books and quotes; a market whose other topics need an address of their own has a second
            stream with another route. Both use the same shard numbers
    bulk    topics about the whole market, taken once on shard 0
    snapshot  (instrument) -> the request for its book, answered by the poll "books"; None = a fresh subscription
            brings it
    check   (instrument) -> the request for a picture of its book to hold ours against, answered by the poll
            "check"; None = the venue's pictures cannot be compared
    past    (instrument, since ns, until ns) -> the request for its trades of that time, answered by the poll
            "trades"; on the stream that carries trades; None = the venue has none
    lossy   the venue leaves forced orders out
    sampled   books come as pictures every so often, without a sequence
    candles_in_base   candles count base and quote units, whatever trades and books count
    subscribe, unsubscribe   (topics, request id) -> the message
    open    a fresh decoder for a fresh connection: bytes -> events; raises WireError
    ack     bytes -> Ack when the message answers a subscribe/unsubscribe, else None; must be cheap on data
    topics  (instrument, tier "A"|"B"|"C") -> the topics that instrument needs
    """

    market: str
    url: str
    subscribe: Callable[[Sequence[str], str], bytes]
    unsubscribe: Callable[[Sequence[str], str], bytes]
    open: Callable[[], Decoder]
    ack: Callable[[bytes], Ack | None]
    topics: Callable[[Instrument, str], tuple[str, ...]]
    book_topics: Callable[[Instrument, str], tuple[str, ...]]
    ping: Ping | None = None
    limits: StreamLimits = StreamLimits()
    book_rule: BookRule = BookRule.NONE
    route: str = ""
    bulk: tuple[str, ...] = ()
    snapshot: Callable[[Instrument], Request] | None = None
    check: Callable[[Instrument], Request] | None = None
    past: Callable[[Instrument, int, int], Request] | None = None
    lossy: bool = False
    sampled: bool = False
    candles_in_base: bool = False

    @property
    def name(self) -> str:
        """What its sources are called before the slash."""
        return f"{self.market}.{self.route}" if self.route else self.market


class Poll(msgspec.Struct, frozen=True):
    """Something asked over REST.

    first   the request(s) that start a round; further pages come as Fetch effects out of `decode`
    every_s 0 = only when the core asks (Fetch)
    decode  (request, body) -> events and effects; raises WireError
    each    (instrument) -> the request asked for every tier A instrument every `each_s`, spread evenly and at most
            `per_s` a second
    """

    market: str
    name: str
    first: Callable[[], tuple[Request, ...]]
    every_s: float
    decode: Callable[[Request, bytes], Decoded]
    each: Callable[[Instrument], Request] | None = None
    each_s: float = 0.0
    per_s: float = 10.0

    @property
    def source(self) -> str:
        """The source its frames carry."""
        return f"{self.market}/{self.name}"


class Budget(msgspec.Struct, frozen=True):
    """What a host lets us ask: `weight` per `window_s`."""

    weight: float
    window_s: float


class Hello(msgspec.Struct, frozen=True):
    """The message that makes a connection an account's; nobody may see it, nor `secret` of it in an answer."""

    payload: bytes
    secret: str

    def __repr__(self) -> str:
        """Nothing of it."""
        return "Hello()"


class Listen(msgspec.Struct, frozen=True):
    """A key for the private address: asked for by POST `path`, kept alive by PUT every `keep_s`, read out of the
    answer (WireError), and made part of the address."""

    path: str
    keep_s: float
    headers: Callable[[Credential], tuple[tuple[str, str], ...]]
    read: Callable[[bytes], str]
    url: Callable[[str, str], str]


class Remembered(msgspec.Struct, frozen=True):
    """What is known of an account before everything about it is asked.

    since    from when on fills have to be asked for, ns
    assets   what it held
    symbols  where it has orders, and had fills
    listed   the symbols of the private side's market
    """

    since: int
    assets: frozenset[str] = frozenset()
    symbols: frozenset[str] = frozenset()
    listed: tuple[str, ...] = ()


class Private(msgspec.Struct, frozen=True):
    """An own account, live. Its sources are called `<market>/<name of the key>`, for frames of its socket and of
    its REST alike; requests are on the tape without their signature.

    stream    its socket
    topics    what every connection subscribes to
    poll      reads the answers
    pictures  (since ns, until ns) -> all that is asked, in order: what there is, and what was filled; the last
              answer makes the account whole
    more      (request, answer) -> what is still to be asked for it: further pages. WireError
    hello     (credential, ns) -> the first message of a connection; None = there is none
    listen    how the address is completed; None = it is complete
    final     codes of refusals that asking again does not change
    market    whose catalogue `fills` goes by; "" = none
    fills     (request, answer, what is known) -> the requests for fills, where the venue tells them by symbol
              alone; None = `pictures` and `more` ask for all of them. WireError
    budget    what it may ask, beside what the venue's own polls may
    rest      base address of its REST; "" = the venue's
    guest     a key that everybody has: a simulator's
    """

    stream: Stream
    topics: tuple[str, ...]
    poll: Poll
    pictures: Callable[[int, int], tuple[Request, ...]]
    more: Callable[[Request, bytes], tuple[Request, ...]]
    final: frozenset[str]
    market: str = ""
    fills: Callable[[Request, bytes, Remembered], tuple[Request, ...]] | None = None
    budget: Budget = Budget(600.0, 60.0)
    hello: Callable[[Credential, int], Hello] | None = None
    listen: Listen | None = None
    rest: str = ""
    guest: Credential | None = None


class Refusal(msgspec.Struct, frozen=True):
    """What an unhappy answer means: stop this host for `ban_s`, or retry, or neither."""

    reason: str
    ban_s: float = 0.0
    retry: bool = False


class Rest(msgspec.Struct, frozen=True):
    """A REST host of some of a venue's markets, with a budget of its own."""

    markets: tuple[str, ...]
    url: str
    budget: Budget


class Capability(msgspec.Struct, frozen=True):
    """One cell of the capability table: how a venue gives one kind of data."""

    what: str
    how: str
    note: str = ""


class Venue(msgspec.Struct, frozen=True):
    """Everything crosstape knows about a venue.

    rest       base address of its REST API (one host = one budget)
    others     hosts of markets that are not at `rest`
    refusal    (status, headers, body) -> what it means, or None when the answer is good
    backfill   (instrument, since ns, until ns) -> the requests that fetch its candles
    interest   the same for its open interest, answered by the poll "interest_past" where a market has one
    funding    the same for rates that were settled, answered by the poll "funding_past"
    builtin    instruments to go on with when REST refuses the catalogue
    account    how an own account is asked; None = not known here
    private    how an own account is followed live, each side for itself: a key may open one and not the other
    """

    id: str
    docs: str
    rest: str
    budget: Budget
    streams: tuple[Stream, ...]
    polls: tuple[Poll, ...]
    capabilities: tuple[Capability, ...]
    refusal: Callable[[int, str, bytes], Refusal | None]
    backfill: Callable[[Instrument, int, int], tuple[Request, ...]]
    builtin: Callable[[], tuple[Instrument, ...]]
    interest: Callable[[Instrument, int, int], tuple[Request, ...]] = lambda instrument, since, until: ()
    funding: Callable[[Instrument, int, int], tuple[Request, ...]] = lambda instrument, since, until: ()
    others: tuple[Rest, ...] = ()
    account: Account | None = None
    private: tuple[Private, ...] = ()


def by_market(streams: Iterable[Stream]) -> dict[str, tuple[Stream, ...]]:
    """A market's streams, the one with books first."""
    found: dict[str, tuple[Stream, ...]] = {}
    for stream in sorted(streams, key=lambda s: s.route):
        found[stream.market] = (*found.get(stream.market, ()), stream)
    return found
