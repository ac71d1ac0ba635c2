"""The past of an exchange that ccxt speaks with into the history, where the live source would have put it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import structlog

from crosstape.app.backfilling import HOUR_NS, KINDS, MINUTE_NS, MS, Step, resampled, table, trade_table
from crosstape.feeds.ccxt_past import CcxtPast, Page
from crosstape.feeds.ccxt_source import message
from crosstape.model.errors import ConfigError
from crosstape.model.event import Listed, Trade
from crosstape.model.instrument import Instrument
from crosstape.model.ports import Clock
from crosstape.store.history.asked import Asked
from crosstape.store.history.files import History
from crosstape.store.history.schemas import TIMEFRAMES_S
from crosstape.venues.ccxt import decode

if TYPE_CHECKING:
    import pyarrow as pa

# Younger ones may still be on their way to where the past is asked.
SETTLED_NS = MINUTE_NS
SECOND_NS = 1_000_000_000
FILE_ROWS = 20_000
Keep = Callable[[list[Any]], "pa.Table | None"]


class BackfillCcxt:
    """Candles of the shortest timeframe from 1m on and the longer ones out of them, trades, settled funding.

    step   told (what, done, of) as it goes on: minutes
    """

    def __init__(
        self, past: CcxtPast, history: History, clock: Clock, step: Step = lambda what, done, of: None
    ) -> None:  # fmt: skip
        self._past, self._history, self._clock, self._step = past, history, clock, step

    async def run(
        self, symbols: Sequence[str], since: int, until: int, kinds: Sequence[str] = KINDS
    ) -> dict[str, int]:
        """New rows by kind; a kind that the exchange does not tell is missing. What was asked before is not again.

        ConfigError: no such symbol or kind. RemoteError: what came before is kept, and the next run goes on.
        """
        if wrong := [kind for kind in kinds if kind not in KINDS]:
            raise ConfigError(f"kinds: {wrong[0]!r} is not fetched; allowed: {', '.join(KINDS)}")
        since, until = -(-since // MS) * MS, min(until, self._clock.now() - SETTLED_NS) // MS * MS
        if since >= until:
            raise ConfigError("--since: is not before --until and a minute ago")
        new: dict[str, int] = {}
        for symbol, described in (await self._past.markets(symbols)).items():
            (listed,) = decode(described)
            assert type(listed) is Listed
            fetch = {"candles": self._candles, "trades": self._trades, "funding": self._funding}
            for kind in kinds:
                if kind in fetch:
                    for name, rows in (await fetch[kind](symbol, listed.instrument, since, until)).items():
                        new[name] = new.get(name, 0) + rows
        return new

    async def _candles(self, symbol: str, instrument: Instrument, since: int, until: int) -> dict[str, int]:
        timeframe = await self._past.shortest([name for name, seconds in TIMEFRAMES_S.items() if seconds >= 60])
        if not timeframe:
            return {}
        span = TIMEFRAMES_S[timeframe] * SECOND_NS
        since, until = -(-since // span) * span, until // span * span

        def pages(at: int) -> AsyncIterator[Page]:
            return self._past.candles(symbol, timeframe, span // MS, at // MS, until // MS)

        def rows(found: list[Any]) -> pa.Table | None:
            bars = [bar for bar in found if since <= bar[0] * MS < until and bar[0] * MS % span == 0]
            return candle_table(instrument, timeframe, bars)

        kind = f"candles_{timeframe}"
        new = await self._through(kind, instrument, since, until, pages, rows)
        return new | (resampled(self._history, instrument, since, until, timeframe) if new.get(kind) else {})

    async def _trades(self, symbol: str, instrument: Instrument, since: int, until: int) -> dict[str, int]:
        def pages(at: int) -> AsyncIterator[Page]:
            return self._past.trades(symbol, at // MS, until // MS)

        def rows(found: list[Any]) -> pa.Table | None:
            # As the live source has them: a trade that both bring is one.
            told = decode(message(self._past.exchange, "trades", symbol, found))
            trades = [one for one in told if type(one) is Trade and since <= one.ts_event < until]
            return trade_table(instrument, trades) if trades else None

        return await self._through("trades", instrument, since, until, pages, rows)

    async def _funding(self, symbol: str, instrument: Instrument, since: int, until: int) -> dict[str, int]:
        def pages(at: int) -> AsyncIterator[Page]:
            return self._past.funding(symbol, at // MS, until // MS)

        before = 0

        def rows(found: list[Any]) -> pa.Table | None:
            nonlocal before
            rates = sorted((int(row["timestamp"]) * MS, float(row["fundingRate"])) for row in found)
            rates = [rate for rate in rates if max(since, before + 1) <= rate[0] < until]
            made = funding_table(instrument, rates, before)
            before = rates[-1][0] if rates else before
            return made

        return await self._through("funding", instrument, since, until, pages, rows)

    async def _through(
        self, kind: str, instrument: Instrument, since: int, until: int,
        pages: Callable[[int], AsyncIterator[Page]], rows: Keep,
    ) -> dict[str, int]:  # fmt: skip
        """Every page into the history, from where an earlier run ended; nothing where there are no pages."""
        what, minutes = f"{instrument.native} {kind}", (until - since) // MINUTE_NS
        asked, new = Asked(self._history, kind, instrument.id), dict[str, int]()
        while (begun := asked.behind(since)) < until:
            held = _Held(self._history, asked, kind, begun)
            try:
                async for page in pages(begun):
                    held.put(page.reached * MS, rows(page.rows))
                    self._step(what, (held.reached - since) // MINUTE_NS, minutes)
            finally:
                held.flush()
            if held.reached == begun:
                return new
            new[kind] = new.get(kind, 0) + held.new
        self._step(what, minutes, minutes)
        return new or {kind: 0}


class _Held:
    """Rows on their way into the history, a file's worth at a time. Whatever ends the way, `flush` keeps them."""

    def __init__(self, history: History, asked: Asked, kind: str, begun: int) -> None:
        self._history, self._asked, self._kind, self._begun = history, asked, kind, begun
        self._tables: list[pa.Table] = []
        self.reached, self.new = begun, 0

    def put(self, reached: int, found: pa.Table | None) -> None:
        """A page's rows, and the time before which nothing more is asked for."""
        self.reached = max(self.reached, reached)
        if found is not None:
            self._tables.append(found)
        if sum(one.num_rows for one in self._tables) >= FILE_ROWS:
            self.flush()

    def flush(self) -> None:
        """On the disk, and remembered as asked for."""
        import pyarrow as pa

        kept = 0
        if self._tables:
            market = self._tables[0]["id"][0].as_py().partition(":")[0]
            kept = self._history.append(self._kind, market, pa.concat_tables(self._tables))
        if self.reached > self._begun:
            self._asked.add(self._begun, self.reached, kept)
        self._tables, self._begun, self.new = [], self.reached, self.new + kept


def candle_table(instrument: Instrument, timeframe: str, bars: Sequence[Sequence[Any]]) -> pa.Table | None:
    """ccxt's bars, whose volume is in base units, as rows. What contradicts itself is left out, and said so."""
    good = [bar for bar in bars if _sane(bar)]
    if len(good) < len(bars):
        log = structlog.get_logger("crosstape")
        log.warning("candles are left out: they contradict themselves", id=instrument.id, n=len(bars) - len(good))
    rows = [
        {"ts": int(ts) * MS, "id": instrument.id, "timeframe": timeframe, "open": float(o), "high": float(high),
         "low": float(low), "close": float(close), "volume": float(volume or 0.0),
         "turnover": float(volume or 0.0) * (float(o) + float(close)) / 2, "repaired": True, "origin": "backfill"}
        for ts, o, high, low, close, volume in (bar[:6] for bar in good)
    ]  # fmt: skip
    return table(rows) if rows else None


def _sane(bar: Sequence[Any]) -> bool:
    opened, high, low, close = (float(bar[n]) if bar[n] is not None else math.nan for n in (1, 2, 3, 4))
    return low > 0 and low <= min(opened, close) <= max(opened, close) <= high and (bar[5] or 0.0) >= 0


def funding_table(instrument: Instrument, rates: Sequence[tuple[int, float]], before: int) -> pa.Table | None:
    """Settled rates, oldest first; the interval is the time since the one before (0 = not known: to the next)."""
    times = [ts for ts, _ in rates]
    hours = [float(round((b - a) / HOUR_NS)) for a, b in pairwise([before, *times] if before else times)]
    if len(hours) < len(times):
        hours.insert(0, hours[0] if hours else math.nan)
    rows = [
        {"ts": ts, "id": instrument.id, "rate": rate, "interval_hours": gap, "origin": "backfill"}
        for (ts, rate), gap in zip(rates, hours, strict=True)
    ]
    return table(rows) if rows else None
