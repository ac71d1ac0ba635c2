"""Instruments that come and go, a clock that is wrong, a line that drips: seen, flagged, and nothing else suffers."""

from __future__ import annotations

from pathlib import Path

from crosstape.model.quality import Quality
from crosstape.wire.effect import Fetch
from support.chaos import FORM, MARKET, VENUES, Run, instrument, running


def ask_catalogues(run: Run) -> None:
    """Now instead of in five minutes."""
    for venue in run.live.venues:
        for poll in venue.polls:
            if poll.name == "instruments":
                run.live.feeds.perform([Fetch(poll.source, request) for request in poll.first()])


async def test_instruments_come_and_go(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        before = len(run.said)
        gone = {venue: instrument(venue, "SOL") for venue in VENUES}
        fresh = {venue: instrument(venue, "NEWCOIN") for venue in VENUES}
        run.without = frozenset(gone.values())
        for venue in VENUES:
            run.put(venue, f"delist:{FORM[venue].format('SOL')}@0s,market={market(venue)}")
            run.put(venue, f"list:{FORM[venue].format('NEWCOIN')}@0s,like={FORM[venue].format('ETH')}")
        await run.until(
            "the venues list them",
            lambda: all(FORM[v].format("NEWCOIN") in run.server(v).lab.symbols() for v in VENUES),
        )
        servers = [run.server(v) for v in VENUES]
        await run.until("their REST knows", lambda: all(s.stream.listings == s.world.listings for s in servers))
        ask_catalogues(run)
        await run.until("the new ones have rows", lambda: all(name in run.rows() for name in fresh.values()))
        await run.until("the old ones are gone", lambda: not any(alive(run, name) for name in gone.values()))
        await run.until("every other book is in sync", run.synced)
        assert not run.whose("Gap", before)


def market(venue: str) -> str:
    """What the simulator calls the main market."""
    return {"bybit": "linear", "binance": "usdm", "okx": "swap", "hyperliquid": ""}[venue]


def alive(run: Run, name: str) -> bool:
    """Whether an instrument is listed."""
    row = run.rows().get(name, -1)
    return run.view is not None and row >= 0 and bool(run.view.rows.alive[row])


async def test_a_venue_whose_clock_is_wrong_is_flagged_and_no_other(tmp_path: Path) -> None:
    async with running(tmp_path, ("bybit", "okx")) as run:
        run.put("bybit", "skew:*@0s,by=30s")
        name = instrument("bybit", "BTC")
        await run.until(f"{name} is flagged SKEWED", lambda: flagged(run, name))
        assert not flagged(run, instrument("okx", "BTC"))
        run.server("bybit").lab.clear()
        await run.until("the flag goes when the clock is right", lambda: not flagged(run, name))
        assert not run.whose("Gap")


def flagged(run: Run, name: str) -> bool:
    """Whether the row bears SKEWED."""
    return run.view is not None and bool(int(run.view.quality[run.rows()[name]]) & Quality.SKEWED)


async def test_a_dripping_line_is_late_and_loses_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, ("bybit", "okx")) as run:
        before = len(run.said)
        run.put("bybit", "drip:*@0s,for=2s,bytes_per_s=20000,times=5")
        await run.until("it drips", lambda: run.server("bybit").lab.listed()[0].hits >= 5)
        await run.until("every book is in sync", run.synced)
        assert not run.whose("Gap", before)
        assert not any(e.source.startswith(MARKET["okx"]) for _, e in run.said[before:] if e.what == "Closed")
