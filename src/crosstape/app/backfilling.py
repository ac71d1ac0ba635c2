"""The past from a venue's REST into the history: asked within its budget, once, going on where it ended."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from crosstape.feeds.clock import WallClock
from crosstape.feeds.host import Host, new_session
from crosstape.feeds.settings import FeedSettings, Ports
from crosstape.model.errors import ConfigError, RemoteError
from crosstape.model.event import (
    NAN,
    AnyEvent,
    Candle,
    CatalogueEnd,
    Funding,
    Listed,
    OpenInterest,
    Side,
    Trade,
)
from crosstape.model.frame import Kind
from crosstape.model.instrument import Fold, Instrument, fold_of
from crosstape.store.history.files import History
from crosstape.store.history.resample import longer
from crosstape.store.history.schemas import TIMEFRAMES_S
from crosstape.wire.effect import Fetch
from crosstape.wire.request import Request
from crosstape.wire.venue import Poll, Venue

if TYPE_CHECKING:
    import aiohttp
    import pyarrow as pa

MINUTE_NS = 60_000_000_000
HOUR_NS = 60 * MINUTE_NS
MS = 1_000_000
KINDS = ("candles", "trades", "funding", "open_interest")
Step = Callable[[str, int, int], None]


class Answers:
    """Where a host's frames go: the newest answer is looked at at once, nothing waits."""

    def __init__(self) -> None:
        self.body, self.reason = b"", ""

    def put(
        self, ts_recv: int, source: str, conn: int, kind: Kind, payload: bytes, request: str = "", status: int = 0,
        headers: str = "",
    ) -> bool:  # fmt: skip
        """Keep what was said."""
        if kind is Kind.ANSWER:
            self.body = payload
        else:
            self.reason = f"HTTP {status}" if status else payload.decode("utf-8", "replace")[:200]
        return True

    async def drained(self) -> None:
        """There is room."""


class Backfill:
    """One market of one venue.

    market    "bybit-linear"
    step      told (what, done, of) as it goes on
    """

    def __init__(
        self, venues: Sequence[Venue], market: str, history: History, settings: FeedSettings,
        step: Step = lambda what, done, of: None,
    ) -> None:  # fmt: skip
        known = sorted({stream.market for venue in venues for stream in venue.streams})
        if market not in known:
            raise ConfigError(f"venue: {market!r} is no market; allowed: {', '.join(known)}")
        self._venue = next(v for v in venues if any(s.market == market for s in v.streams))
        self._market, self._history, self._step = market, history, step
        self._polls = {poll.name: poll for poll in self._venue.polls if poll.market == market}
        self._answers = Answers()
        self._ports = Ports(self._answers, WallClock(), settings)
        self._settings = settings
        self._host = Host(_hosted(self._venue, market), self._ports, random.Random(0))
        self._session: aiohttp.ClientSession | None = None

    async def run(
        self, symbols: Sequence[str], since: int, until: int, kinds: Sequence[str] = KINDS
    ) -> dict[str, int]:
        """New rows by kind. What is there already is not asked for again; ConfigError: no such symbol or kind.

        RemoteError: the venue refused or did not answer; what came before is kept, and the next run goes on.
        """
        if wrong := [kind for kind in kinds if kind not in KINDS]:
            raise ConfigError(f"kinds: {wrong[0]!r} is not fetched; allowed: {', '.join(KINDS)}")
        until = min(until, self._ports.clock.now())
        since = -(-since // MINUTE_NS) * MINUTE_NS
        if since >= until:
            raise ConfigError("--since: is not before --until and now")
        async with self._asking():
            listed = await self._listed()
            if unknown := [symbol for symbol in symbols if symbol not in listed]:
                few = ", ".join(sorted(listed)[:8])
                raise ConfigError(f"symbols: {self._market} lists no {unknown[0]!r}; such as {few}")
            new: dict[str, int] = {}
            for symbol in symbols:
                instrument = listed[symbol]
                first = max(since, -(-instrument.listed_ts // MINUTE_NS) * MINUTE_NS)
                for kind in kinds:
                    fetch = {"candles": self._candles, "trades": self._trades, "funding": self._funding,
                             "open_interest": self._interest}  # fmt: skip
                    for name, rows in (await fetch[kind](instrument, first, until)).items():
                        new[name] = new.get(name, 0) + rows
            return new

    @contextlib.asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """A session, and the budget that lets requests through as it frees."""
        async with new_session(self._settings) as self._session:
            turns = asyncio.create_task(self._host.limiter.run())
            try:
                yield
            finally:
                turns.cancel()
                await asyncio.wait([turns])

    async def _listed(self) -> dict[str, Instrument]:
        """The catalogue, as the poll of instruments gives it."""
        poll, found = self._polls["instruments"], {}
        for request in poll.first():
            for event in await self._ask(poll, request):
                if type(event) is Listed:
                    found[event.symbol] = event.instrument
                elif type(event) is CatalogueEnd:
                    break
        return found

    async def _candles(self, instrument: Instrument, since: int, until: int) -> dict[str, int]:
        until = until // MINUTE_NS * MINUTE_NS
        step = a_request(self._venue, instrument) * MINUTE_NS
        # Up to now, because some venues keep what is recent at an address of its own; the rest is left.
        all_of_them = self._venue.backfill(instrument, since, self._ports.clock.now() // MINUTE_NS * MINUTE_NS)
        parts = [(start, min(start + step, until)) for start in range(since, until, step)]
        requests = all_of_them[: len(parts)]
        new, what = {"candles_1m": 0}, f"{instrument.native} candles"
        for n, (request, (start, end)) in enumerate(zip(requests, parts, strict=True)):
            self._step(what, n, len(requests))
            if self._whole(instrument, start, end):
                continue
            events = await self._ask(self._polls["klines"], request)
            bars = [e for e in events if type(e) is Candle and since <= e.ts_event < until]
            if bars:
                new["candles_1m"] += self._history.append(
                    "candles_1m", self._market, candle_table(instrument, bars)
                )
        self._step(what, len(requests), len(requests))
        if new["candles_1m"]:
            new |= resampled(self._history, instrument, since, until)
        return new

    def _whole(self, instrument: Instrument, since: int, until: int) -> bool:
        kept = self._history.read("candles_1m", self._market, since, until, (instrument.id,), ("ts",))
        return bool(kept.num_rows == (until - since) // MINUTE_NS)

    async def _trades(self, instrument: Instrument, since: int, until: int) -> dict[str, int]:
        """By the hour where the venue takes a time; elsewhere the newest, which is all there is."""
        past = next((s.past for s in self._venue.streams if s.market == self._market and s.past is not None), None)
        if past is None:
            return {}
        # Both ends are included, and an hour between them is too much for some.
        ends = [(start, min(start + HOUR_NS, until) - MS) for start in range(since, until, HOUR_NS)]
        asked = dict.fromkeys(past(instrument, start, end) for start, end in ends)
        new, what = 0, f"{instrument.native} trades"
        for n, request in enumerate(asked):
            self._step(what, n, len(asked))
            events = await self._ask(self._polls["trades"], request)
            trades = [e for e in events if type(e) is Trade and since <= e.ts_event < until]
            if trades:
                new += self._history.append("trades", self._market, trade_table(instrument, trades))
        self._step(what, len(asked), len(asked))
        return {"trades": new}

    async def _funding(self, instrument: Instrument, since: int, until: int) -> dict[str, int]:
        """Rates as they were settled; an interval is the time since the one before."""
        requests, new = self._venue.funding(instrument, since, until), 0
        for n, request in enumerate(requests):
            self._step(f"{instrument.native} funding", n + 1, len(requests))
            events = await self._ask(self._polls["funding_past"], request)
            rates = [e for e in events if type(e) is Funding and since <= e.ts_event < until]
            if rates:
                new += self._history.append("funding", self._market, funding_table(instrument, rates))
        return {"funding": new} if requests else {}

    async def _interest(self, instrument: Instrument, since: int, until: int) -> dict[str, int]:
        """Every five minutes; dollars by the minute's candle, where the history has it."""
        requests, new = self._venue.interest(instrument, since, until), 0
        for n, request in enumerate(requests):
            self._step(f"{instrument.native} open interest", n + 1, len(requests))
            events = await self._ask(self._polls["interest_past"], request)
            marks = [e for e in events if type(e) is OpenInterest and since <= e.ts_event < until]
            if marks:
                prices = self._prices(instrument, marks[0].ts_event, marks[-1].ts_event + MINUTE_NS)
                new += self._history.append(
                    "open_interest", self._market, interest_table(instrument, marks, prices)
                )
        return {"open_interest": new} if requests else {}

    def _prices(self, instrument: Instrument, since: int, until: int) -> dict[int, float]:
        kept = self._history.read("candles_1m", self._market, since, until, (instrument.id,), ("ts", "open"))
        return dict(zip(kept["ts"].to_pylist(), kept["open"].to_pylist(), strict=True))

    async def _ask(self, poll: Poll, request: Request) -> list[AnyEvent]:
        """An answer and the pages that follow it."""
        found: list[AnyEvent] = []
        waiting = [request]
        while waiting:
            request = waiting.pop(0)
            assert self._session is not None
            if await self._host.fetch(self._session, poll.source, request) < 0:
                raise RemoteError(f"{self._host.name} refused {request.path}: {self._answers.reason}")
            for one in poll.decode(request, self._answers.body):
                if type(one) is not Fetch:
                    found.append(one)  # type: ignore[arg-type]
                elif one.request.name == poll.name and one.request.key() != request.key():
                    waiting.append(one.request)
        return found


def _hosted(venue: Venue, market: str) -> Venue:
    """The venue at the host that answers for the market."""
    for other in venue.others:
        if market in other.markets:
            return msgspec.structs.replace(venue, rest=other.url, budget=other.budget)
    return venue


def a_request(venue: Venue, instrument: Instrument) -> int:
    """How many minutes one request for candles covers."""
    least, most = 1, 10_000
    while least < most:
        middle = (least + most + 1) // 2
        if len(venue.backfill(instrument, 0, middle * MINUTE_NS)) == 1:
            least = middle
        else:
            most = middle - 1
    return least


def resampled(
    history: History, instrument: Instrument, since: int, until: int, timeframe: str = "1m"
) -> dict[str, int]:  # fmt: skip
    """Longer candles out of those of a timeframe, whose whole span is inside; new rows by kind."""
    import pyarrow.compute as pc

    market, new = instrument.market, dict[str, int]()
    short = history.read(f"candles_{timeframe}", market, since, until, (instrument.id,))
    for name, seconds in TIMEFRAMES_S.items():
        span = seconds * 1_000_000_000
        first, last = -(-since // span) * span, until // span * span
        inside = short.filter(pc.and_(pc.greater_equal(short["ts"], first), pc.less(short["ts"], last)))
        if seconds > TIMEFRAMES_S[timeframe] and inside.num_rows:
            new[f"candles_{name}"] = history.append(f"candles_{name}", market, longer(inside, name))
    return new


def candle_table(instrument: Instrument, bars: Sequence[Candle]) -> pa.Table:
    """Native candles as unified rows."""
    fold = fold_of(instrument) or Fold(1.0, 1.0, False)
    scale = fold.contract * fold.multiplier
    rows: list[dict[str, Any]] = []
    for bar in bars:
        volume, turnover = bar.volume * scale, bar.turnover
        if fold.inverse:
            volume, turnover = turnover, volume
        rows.append(
            {"ts": bar.ts_event, "id": instrument.id, "timeframe": "1m", "open": fold.price(bar.open),
             "high": fold.price(bar.high), "low": fold.price(bar.low), "close": fold.price(bar.close),
             "volume": volume, "turnover": turnover, "trades": bar.trades,
             "taker_buy_volume": bar.taker_buy_volume, "repaired": True, "origin": "backfill"}
        )  # fmt: skip
    return table(rows)


def trade_table(instrument: Instrument, trades: Sequence[Trade]) -> pa.Table:
    """Native trades as unified rows."""
    fold = fold_of(instrument) or Fold(1.0, 1.0, False)
    return table(
        [
            {"ts": t.ts_event, "id": instrument.id, "price": fold.price(t.price),
             "size": fold.size(t.price, t.size), "side": "buy" if t.taker is Side.BUY else "sell",
             "trade_id": t.id, "block": t.block, "origin": "backfill"}
            for t in trades
        ]
    )  # fmt: skip


def funding_table(instrument: Instrument, rates: Sequence[Funding]) -> pa.Table:
    """Settled rates as rows."""
    times = [rate.ts_event for rate in rates]
    hours = [(b - a) / HOUR_NS for a, b in pairwise(times)]
    hours.insert(0, hours[0] if hours else instrument.funding_hours)
    return table(
        [{"ts": rate.ts_event, "id": instrument.id, "rate": rate.rate, "interval_hours": float(round(gap)),
          "origin": "backfill"} for rate, gap in zip(rates, hours, strict=True)]
    )  # fmt: skip


def interest_table(instrument: Instrument, marks: Sequence[OpenInterest], prices: Mapping[int, float]) -> pa.Table:
    """Native open interest as base units; what is counted in dollars needs the minute's price."""
    fold = fold_of(instrument) or Fold(1.0, 1.0, False)
    rows = []
    for mark in marks:
        price = prices.get(mark.ts_event, NAN)
        size = fold.size(price * fold.multiplier, mark.size / mark.sides)
        rows.append({"ts": mark.ts_event, "id": instrument.id, "oi": size, "oi_usd": size * price,
                     "origin": "backfill"})  # fmt: skip
    return table([row for row in rows if row["oi"] == row["oi"]])


def table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as columns."""
    import pyarrow as pa

    return pa.Table.from_pylist(rows)
