"""Connected and silent: topics that freeze, that are acknowledged and never served, that are refused in a batch."""

from __future__ import annotations

from pathlib import Path

from crosstape.engine.settings import EngineSettings, Universe
from crosstape.state.pulse import ENOUGH
from support.chaos import FORM, MARKET, VENUES, instrument, running

# Bitcoin is taken whatever its rank in so small a world.
BITCOIN = tuple(form.format("BTC") for form in FORM.values())
SMALL = EngineSettings(
    mode="simulated", universe=Universe(top=3, deep=3, min_24h_volume=0, symbols=BITCOIN), backfill_hours=0
)
# Every row must have spoken often enough to have a usual pace; a machine that is busy otherwise takes its time.
PATIENCE_S = 240.0


async def test_a_frozen_instrument_is_seen_asked_anew_and_heard_again(tmp_path: Path) -> None:
    """Everybody else is busy and pongs go on: only the row's own pace can tell."""
    async with running(tmp_path, engine=SMALL, rate=400.0, assets=6) as run:
        names = {venue: instrument(venue, "BTC") for venue in VENUES}
        touching = run.live.machine.state.touching
        rows = [run.rows()[name] for name in names.values()]
        await run.until("BTC's pace is known", lambda: bool((touching.gaps[rows] >= ENOUGH).all()), PATIENCE_S)
        before = len(run.said)
        for venue, name in names.items():
            run.put(venue, f"freeze:{name.partition(':')[2]}@0s")
        for name in names.values():
            await run.until(f"{name} is stale", lambda n=name: n in run.whose("Stale", before), PATIENCE_S)
        assert run.whose("Stale", before) <= set(names.values())
        for venue in VENUES:
            run.server(venue).lab.clear()
        for name in names.values():
            await run.until(f"{name} speaks again", lambda n=name: n in run.whose("Resumed", before), PATIENCE_S)
        await run.until("every book is in sync", run.synced)


async def test_an_instrument_that_is_refused_leaves_its_batch_alone(tmp_path: Path) -> None:
    faults = tuple(f"bad-subscribe:{FORM[venue].format('SOL')}@0s" for venue in ("bybit", "okx", "hyperliquid"))
    refused = [instrument(venue, "SOL") for venue in ("bybit", "okx", "hyperliquid")]
    async with running(tmp_path, ("bybit", "okx", "hyperliquid"), faults=faults, without=refused) as run:
        for venue in ("bybit", "okx", "hyperliquid"):
            held = run.held()[venue]
            symbol = FORM[venue].format("SOL")
            assert not any(symbol in topic.split(":") + topic.split(".") for topic in held)
            assert any(FORM[venue].format("BTC") in topic for topic in held)
            sources = run.live.machine.state.sources
            assert sources[f"{MARKET[venue]}/0"].failed >= 1
        assert run.count("Closed") == 0
