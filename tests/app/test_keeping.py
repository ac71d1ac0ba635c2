"""Hours of the fold reach a real ledger, once each, also when it was away for a while."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from crosstape.app import keeping
from crosstape.app.keeping import Keeper
from crosstape.model.event import Tally
from crosstape.store.ledger import Ledger

HOUR = 3_600_000_000_000


def tally(hour: int, frames: int, source: str = "bybit-linear/0") -> Tally:
    return Tally("", hour * HOUR, source, 1.5, 4.0, 9.0, -2.0, frames, 10 * frames, 1, 2, 3, 4)


def view(*ended: Tally, running: tuple[Tally, ...] = ()) -> Any:
    return SimpleNamespace(events=tuple((-1, t) for t in ended), hours=running, own=())


async def test_the_running_hour_grows_and_ended_ones_stay(tmp_path: Path) -> None:
    ledger = Ledger.open("", tmp_path)
    try:
        keeper = Keeper(ledger)
        keeper.take(view(running=(tally(5, 10),)))
        await keeper.flush()
        keeper.take(view(tally(5, 70), running=(tally(6, 1),)))
        await keeper.flush()
        found = ledger.completeness("", 0, 10 * HOUR)
    finally:
        ledger.close()
    assert [(row.hour // HOUR, row.frames) for row in found] == [(5, 70), (6, 1)]
    first = found[0]
    assert (first.seconds_lost, first.lag_p50_ms, first.lag_p99_ms, first.clock_offset_ms) == (1.5, 4.0, 9.0, -2.0)
    assert (first.bytes, first.gaps, first.repaired, first.duplicates, first.decode_errors) == (700, 1, 2, 3, 4)


async def test_a_ledger_that_is_away_is_made_up_for(tmp_path: Path) -> None:
    ledger = Ledger.open("", tmp_path)
    keeper = Keeper(ledger)
    ledger.close()
    keeper.take(view(tally(5, 70)))
    await keeper.flush()
    keeper._ledger = ledger = Ledger.open("", tmp_path)
    try:
        await keeper.flush()
        assert [row.frames for row in ledger.completeness("", 0, 10 * HOUR)] == [70]
    finally:
        ledger.close()


async def test_what_waits_is_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(keeping, "MOST", 10)
    keeper = Keeper(None)
    for hour in range(25):
        keeper.take(view(tally(hour, 1)))
    assert keeper.lost == 15
