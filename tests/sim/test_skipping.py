"""Bybit whose count leaves numbers out: recognised over real sockets, watched over REST, and taken back when one of
the gaps was a loss."""

from __future__ import annotations

from pathlib import Path

from crosstape.app.running import Live
from crosstape.engine.settings import EngineSettings, Universe
from crosstape.engine.view import View
from crosstape.model.event import Continuity
from crosstape.model.quality import Quality
from crosstape.sim.chaos.lab import Lab
from crosstape.sim.server import SimSettings
from crosstape.state.apply_book import EQUAL
from crosstape.state.source import Source
from crosstape.wire.venue import BookRule
from support.running import one_market, run_until

SETTINGS = EngineSettings(mode="simulated", universe=Universe(top=6, deep=6, min_24h_volume=0), backfill_hours=0.0)
MARKET = "bybit-linear"
# Quiet enough that a book is often still the same when its picture comes: only such ones are compared.
SIM = SimSettings(venues=("bybit",), seed=5, assets=8, rate=60)


class Story:
    """What happens in turn; every step waits for the one before, on one connection."""

    def __init__(self, live: Live, views: list[View], lab: Lab) -> None:
        self.live, self.views, self.lab = live, views, lab
        self.gaps = self.unproven = 0
        self.looked = 0
        self.said: list[str] = []
        lab.add("skip:?@1s,every=100ms")

    @property
    def source(self) -> Source:
        return self.live.machine.state.sources[f"{MARKET}/0"]

    def over(self) -> bool:
        new, self.looked = self.views[self.looked :], len(self.views)
        self.said += [e.what for v in new for _, e in v.events if isinstance(e, Continuity)]
        if not self.gaps:
            self.gaps = self.said.count("Gap") if "Lenient" in self.said else 0
        elif not self.unproven and self.source.skips >= 10 and self.source.checked >= 3:
            flags = self.views[-1].quality
            self.unproven = sum(Quality.UNPROVEN in Quality(int(flag)) for flag in flags)
            assert self.source.differing == 0
            self.lab.add("gap:?@0s,every=200ms")
        return "Differs" in self.said


async def test_ids_that_skip_are_recognised_and_a_loss_among_them_is_found(tmp_path: Path) -> None:
    views: list[View] = []
    async with one_market(tmp_path, MARKET, SETTINGS, SIM) as (simulation, _, live):
        story = Story(live, views, simulation.venues["bybit"].lab)
        await run_until(live, views, story.over)
        assert story.gaps >= EQUAL
        assert story.unproven >= 1, "it is said of the rows"
        between = story.said[story.said.index("Lenient") : story.said.index("Differs")]
        assert between.count("Skipped") >= 10
        assert "Gap" not in between, "nothing is taken anew meanwhile"
        assert story.source.rule is BookRule.STEP, "the loss ended it"
