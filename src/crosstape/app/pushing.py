"""Takes ticks that users push: onto the disk first, then into the live machine, then it says so."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence
from itertools import count

import msgspec
import structlog

from crosstape.app.running import Live
from crosstape.model.errors import ConfigError, StoreError
from crosstape.model.frame import Kind
from crosstape.model.push import MARKET, PushBusy, Pushed, Tick
from crosstape.store.history.files import History
from crosstape.store.ledger import Ledger
from crosstape.venues.push import encode

SOURCE = f"{MARKET}/0"
MOST_WAITING = 50_000
# Ticks that come within this share one file and one sync: what an acknowledgement waits for at most, without load.
GROUP_S = 0.1
LIVE_NS = 60_000_000_000
Waiting = tuple[Sequence[Tick], asyncio.Future[Pushed]]


class Pusher:
    """Implements the API's `Pushes`. At most MOST_WAITING ticks wait; more are refused whole, none is dropped.

    The history decides what is new, by symbol and id: a tick that is pushed again, after a lost answer or a crash,
    is neither kept nor folded twice. A crash between disk and machine leaves a tick in the history alone.
    """

    def __init__(self, live: Live, history: History, ledger: Ledger | None) -> None:
        self._live, self._history, self._ledger = live, history, ledger
        self._queue: deque[Waiting] = deque()
        self._waiting = 0
        self._due = asyncio.Event()
        self._numbers, self._run_id = count(1), secrets.token_hex(4)
        self._conn = 0

    async def push(self, ticks: Sequence[Tick]) -> Pushed:
        """Returns when they are on the disk."""
        if self._waiting + len(ticks) > MOST_WAITING:
            raise PushBusy(f"{self._waiting} ticks wait to be written; at most {MOST_WAITING} may")
        named = [tick if tick.id else self._named(tick) for tick in ticks]
        done: asyncio.Future[Pushed] = asyncio.get_running_loop().create_future()
        self._queue.append((named, done))
        self._waiting += len(named)
        self._due.set()
        return await done

    async def run(self) -> None:
        """Until cancelled; what waits then is not acknowledged."""
        while True:
            await self._due.wait()
            await asyncio.sleep(GROUP_S)
            self._due.clear()
            taken, self._queue = list(self._queue), deque()
            self._waiting = 0
            try:
                new = await asyncio.to_thread(self._keep, [tick for ticks, _ in taken for tick in ticks])
            except StoreError as error:
                for _, done in taken:
                    if not done.cancelled():
                        done.set_exception(error)
                continue
            for ticks, done in taken:
                answer = self._fold(ticks, new)
                if not done.cancelled():
                    done.set_result(answer)

    def _named(self, tick: Tick) -> Tick:
        return msgspec.structs.replace(tick, id=f"{self._run_id}-{next(self._numbers)}")

    def _keep(self, ticks: list[Tick]) -> set[tuple[str, str]]:
        """On the disk when this returns; (symbol, id) of those that were not there before."""
        import pyarrow as pa

        wanted = {(tick.symbol, tick.id): tick for tick in reversed(ticks)}
        times = [tick.ts for tick in wanted.values()]
        ids = sorted({f"{MARKET}:{tick.symbol}" for tick in wanted.values()})
        span = (min(times) - LIVE_NS, max(times) + LIVE_NS)
        there = self._history.read("trades", MARKET, *span, ids=ids, columns=("id", "trade_id"))
        known = {(id.partition(":")[2], trade) for id, trade in zip(*there.to_pydict().values(), strict=True)}
        new = [tick for key, tick in wanted.items() if key not in known]
        if new:
            rows = [{"ts": t.ts, "id": f"{MARKET}:{t.symbol}", "price": t.price, "size": t.size, "side": t.side,
                     "trade_id": t.id, "origin": "push"} for t in new]  # fmt: skip
            self._history.append("trades", MARKET, pa.Table.from_pylist(rows))
            self._count(new)
        return {(tick.symbol, tick.id) for tick in new}

    def _count(self, new: list[Tick]) -> None:
        """The streams' figures; the ticks themselves are safe, so a ledger that is away costs only those."""
        if self._ledger is None:
            return
        try:
            for symbol in dict.fromkeys(tick.symbol for tick in new):
                times = [tick.ts for tick in new if tick.symbol == symbol]
                stream = self._ledger.streams.add(f"push {symbol}", "push", "trades", f"{MARKET}:{symbol}", MARKET)
                self._ledger.streams.grow(stream.id, len(times), min(times), max(times))
        except (StoreError, ConfigError) as error:
            structlog.get_logger("crosstape").warning(
                "pushed ticks are not counted in their stream", reason=str(error)
            )

    def _fold(self, ticks: Sequence[Tick], new: set[tuple[str, str]]) -> Pushed:
        """Those that are new and of this minute go into the machine, each once."""
        clock, intake = self._live.clock, self._live.intake
        fresh = folded = 0
        for tick in ticks:
            if (tick.symbol, tick.id) not in new:
                continue
            new.discard((tick.symbol, tick.id))
            fresh += 1
            now = clock.now()
            if abs(now - tick.ts) > LIVE_NS:
                continue
            if not self._conn:
                source = self._live.machine.state.sources.get(SOURCE)
                self._conn = (source.conn if source is not None else 0) + 1
                intake.put(now, SOURCE, self._conn, Kind.OPEN, b"")
            intake.put(now, SOURCE, self._conn, Kind.DATA, encode(tick))
            folded += 1
        return Pushed(len(ticks), fresh, folded)
