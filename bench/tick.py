"""What a tick costs: 5 000 instruments, full rings, 1 000 of them with a book and a change every tick."""

from __future__ import annotations

import gc
import time

from bench.figures import Figure, at_most, percentile, pin, plain, unpin
from bench.traffic import Traffic, fill
from crosstape.boards.board import rank
from crosstape.boards.catalogue import BOARDS
from crosstape.engine.view import View
from crosstape.live.pump import BATCH, SLICE_S, until_ticks
from crosstape.metrics import COLUMNS

TITLE = (
    "5 000 instruments, every ring slot filled. In every tick 1 000 rows are dirty: each gets an "
    "orderbook.1 and an orderbook.200 delta (12 levels), half of them a trade, as Bybit's tier A does. "
    "310 simulated seconds, so seconds, minutes and a five-minute close are in. CPU time of the thread, "
    "because other work shares the machine; collector on."
)
ROWS, HOT = 5_000, 1_000
TICKS = 3_100


class Spent:
    """CPU seconds: whole ticks by what they close, steps between two yields, what holds the loop, batches fed."""

    def __init__(self) -> None:
        self.ticks: list[float] = []
        self.seconds: list[float] = []
        self.steps: list[float] = []
        self.held: list[float] = []
        self.batches: list[float] = []
        self.walls: list[float] = []

    def tick(self, traffic: Traffic) -> View:
        """One tick, in the portions the live loop takes it in."""
        frame, view, clock = traffic.tick(), None, time.thread_time
        wall = time.perf_counter()
        began = step = held = clock()
        for view in traffic.machine.tick(frame):
            now = clock()
            self.steps.append(now - step)
            if view is None and now - held > SLICE_S / 2:
                self.held.append(now - held)
                held = now
            step = now
        self.held.append(clock() - held)
        whole = clock() - began
        self.walls.append(time.perf_counter() - wall)
        (self.seconds if frame.ts_recv % 1_000_000_000 == 0 else self.ticks).append(whole)
        assert view is not None
        traffic.machine.take_effects()
        return view

    def feed(self, traffic: Traffic, n: int) -> None:
        """A tenth of a second of messages, in the live loop's batches."""
        trades = traffic.hot[n % 2 :: 2]
        frames = traffic.tenth(n, traffic.hot, trades)
        feed = traffic.machine.feed
        for start in range(0, len(frames), BATCH):
            for portion in until_ticks(frames[start : start + BATCH]):
                began = time.thread_time()
                for frame in portion:
                    feed(frame)
                self.batches.append(time.thread_time() - began)


def run() -> list[Figure]:
    """Build, warm, run, report."""
    pin(0)
    try:
        traffic = Traffic(ROWS, HOT)
        traffic.step(list(traffic.wake()))
        traffic.machine.step(traffic.tick())
        fill(traffic.machine)
        for n in range(20):
            Spent().feed(traffic, n)
            Spent().tick(traffic)
        gc.collect()
        spent = Spent()
        for n in range(TICKS):
            spent.feed(traffic, n)
            view = spent.tick(traffic)
        return [_ranking(view), *_figures(spent)]
    finally:
        unpin()


def _ranking(view: View) -> Figure:
    best = []
    for _ in range(200):
        began = time.thread_time()
        for board in BOARDS:
            rank(board, view.columns, view.quality, view.rows.alive)
        best.append(time.thread_time() - began)
    rows = int(view.rows.alive.sum())
    return at_most(
        f"all {len(BOARDS)} boards ranked", percentile(best, 0.5) * 1e3, 3.0, "ms", f"{rows:,} rows, median"
    )


def _figures(spent: Spent) -> list[Figure]:
    whole = spent.ticks + spent.seconds
    note = (
        f"{len(COLUMNS)} columns, {HOT:,} dirty rows; wall mean {sum(spent.walls) / len(spent.walls) * 1e3:.2f} ms"
    )
    held = spent.held + spent.batches
    edges = f"p99 {percentile(spent.seconds, 0.99) * 1e3:.1f} ms, worst {max(spent.seconds) * 1e3:.1f} ms"
    return [
        at_most("tick, mean", sum(whole) / len(whole) * 1e3, 10.0, "ms", note),
        plain("tick within a second, mean", sum(spent.ticks) / len(spent.ticks) * 1e3, "ms"),
        plain("tick that closes a second, mean", sum(spent.seconds) / len(spent.seconds) * 1e3, "ms", edges),
        at_most("what holds the loop, p99", percentile(held, 0.99) * 1e3, 5.0, "ms",
                f"slices of ticks and batches of {BATCH} frames; worst {max(held) * 1e3:.1f} ms"),
        at_most("step between two yields, p99", percentile(spent.steps, 0.99) * 1e3, 5.0, "ms",
                f"worst {max(spent.steps) * 1e3:.1f} ms"),
        plain("a frame fed", sum(spent.batches) / (TICKS * HOT * 2.5) * 1e6, "µs",
              "two fifths quotes, two fifths deltas, one fifth trades"),
    ]  # fmt: skip
