"""Trades of a file as a tape: the market `push`, as if they had been pushed when they happened."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from crosstape import __version__
from crosstape.engine.settings import Configure, EngineSettings, encode_command
from crosstape.model.errors import ConfigError
from crosstape.model.frame import CLOCK, CONFIG, Frame, Kind
from crosstape.model.push import MARKET, Tick
from crosstape.store.importing.batches import batches, shape_of
from crosstape.store.importing.convert import converted
from crosstape.store.importing.identity import Identity
from crosstape.store.importing.plan import Plan, Told, plan_of
from crosstape.tape.layout import Origin
from crosstape.tape.writer import write_tape
from crosstape.venues.push import encode

SECOND = 1_000_000_000
SOURCE = f"{MARKET}/0"


def to_tape(path: Path, told: Told, folder: Path) -> int:
    """Write a file's good trades as a tape that can be replayed; how many frames it has.

    ConfigError: it holds no trades, something about it is not sure, or there is a tape already.
    """
    plan = plan_of(path, shape_of(path), told)
    if plan.unsure:
        raise ConfigError("; ".join(plan.unsure))
    if plan.kind != "trades":
        raise ConfigError(f"file: {path.name} holds {plan.kind}; a tape is made of trades")
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"--to-tape: {folder} is not empty")
    return write_tape(folder, frames(path, plan), Origin(f"import of {path.name}"[:80], __version__, {}))


def frames(path: Path, plan: Plan) -> Iterator[Frame]:
    """The configuration, the trades in the file's order, and a TICK for each second that has any."""
    numbers, ts, due = count(), 0, 0

    def frame(source: str, kind: Kind, payload: bytes = b"", conn: int = 1) -> Frame:
        return Frame(next(numbers), ts, source, conn, kind, "", 0, "", payload)

    for tick in ticks(path, plan):
        if not ts:
            ts, due = tick.ts, tick.ts // SECOND * SECOND + SECOND
            yield frame(CONFIG, Kind.COMMAND, encode_command(Configure(EngineSettings())), 0)
            yield frame(SOURCE, Kind.OPEN)
        if tick.ts >= due:
            ts, due = due, tick.ts // SECOND * SECOND + SECOND
            yield frame(CLOCK, Kind.TICK, conn=0)
        # A tape's time never decreases: a trade out of order is read when it stands in the file.
        ts = max(ts, tick.ts)
        yield frame(SOURCE, Kind.DATA, encode(tick))
    if ts:
        ts = max(due, ts)
        yield frame(CLOCK, Kind.TICK, conn=0)


def ticks(path: Path, plan: Plan) -> Iterator[Tick]:
    """The good rows; the others are left out, as an import would."""
    identity = Identity()
    for batch in batches(path, plan.shape):
        good, _ = converted(batch.frame, plan)
        rows = identity.told("", good) if good.height else good
        names = ("symbol", "ts", "price", "size", "side", "trade_id")
        for row in rows.select(names).iter_rows() if rows.height else ():
            yield Tick(*row)
