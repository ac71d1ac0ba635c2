"""Killed, starved of disk, told to go, a task crashed: what is lost is bounded and said, and the rest goes on."""

from __future__ import annotations

import asyncio
import random
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec

from crosstape.app.replaying import open_tape, replay
from crosstape.engine.view import View
from crosstape.model.frame import Kind
from crosstape.sim.server import SimSettings, serve
from crosstape.tape.checkpoint import newest_checkpoint, read_checkpoint
from crosstape.tape.inspection import verify
from crosstape.tape.reader import next_seq, play
from crosstape.wire.venue import Venue
from support.chaos import MARKET, instrument, running
from support.process import Process

WORLD = SimSettings(seed=3, assets=12, rate=600)
# A block leaves for the disk when a second of tape is in it; the thread that writes it may wait for its turn.
LOST_S = 1.0 + 2.0


async def test_kill_9_at_any_moment_loses_at_most_a_second(tmp_path: Path) -> None:
    chance, tape = random.Random(4), tmp_path / "tape"
    views = 0
    async with serve(WORLD) as world:
        for _ in range(3):
            one = Process(tmp_path, world.rest_url, world.ws_url, segment_frames=1500)
            try:
                assert await one.ready() < 60.0
                begun = (await one.status())["view"]
                assert begun >= views, "it went on from where the tape ended"
                wanted = begun + chance.randint(15, 40)
                seen = await one.until("views go on", lambda s, n=wanted: s["view"] >= n)
                await one.end(signal.SIGKILL)
            finally:
                one.close()
            last = 0
            for frame in play(tape):
                last = frame.ts_recv
            assert seen["ts_ms"] / 1e3 - last / 1e9 <= LOST_S
            views = replayed(tape)
    assert verify(tape).sound


def replayed(tape: Path) -> int:
    """How many views the tape holds."""
    found: list[View] = []
    frames, machine = open_tape([tape])
    replay(frames, machine, lambda view: found.__setitem__(slice(None), [view]))
    return found[0].number


def starved() -> None:
    """No file may grow beyond 200 kB: what a full disk does, without one."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))


async def test_a_full_disk_ends_the_tape_aloud_and_nothing_else(tmp_path: Path) -> None:
    async with serve(WORLD) as world:
        one = Process(tmp_path, world.rest_url, world.ws_url, limits=starved, checkpoints="false")
        try:
            await one.ready()
            full = await one.until("recording ends", lambda s: s["tape"]["failed"])
            assert "File too large" in full["tape"]["failed"]
            assert full["tape"]["recording"] is False
            later = await one.until("views go on without a tape", lambda s: s["view"] > full["view"] + 20)
            assert later["tape"]["lost"] > full["tape"]["lost"] >= 0
            assert later["reasons_not_ready"] == []
            assert "RECORDING HAS ENDED" in one.log.read_text()
            assert await one.end(signal.SIGTERM) == 0
        finally:
            one.close()
        kept = next_seq(tmp_path / "tape")
        assert kept > 0
        # With room again it goes on behind the hole.
        one = Process(tmp_path, world.rest_url, world.ws_url)
        try:
            await one.ready()
            await one.until("it records again", lambda s: s["tape"]["recording"] and s["tape"]["bytes"] > 50_000)
            assert await one.end(signal.SIGTERM) == 0
        finally:
            one.close()
    assert next_seq(tmp_path / "tape") > kept
    assert verify(tmp_path / "tape").sound


async def test_sigterm_drains(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    async with serve(WORLD) as world:
        one = Process(tmp_path, world.rest_url, world.ws_url)
        try:
            await one.ready()
            seen = await one.until("a few views", lambda s: s["view"] > 20)
            assert await one.end(signal.SIGTERM) == 0
        finally:
            one.close()
        async with asyncio.timeout(90):
            while next(iter(world.venues.values())).connections:
                await asyncio.sleep(0.05)
    newest = newest_checkpoint(tape)
    assert newest is not None
    header, _ = read_checkpoint(newest)
    assert header.seq == next_seq(tape), "the next start has nothing to fold"
    ticks = [frame.ts_recv for frame in play(tape) if frame.kind is Kind.TICK]
    assert ticks[-1] // 1_000_000 >= seen["ts_ms"], "everything that was seen is on the tape"
    assert verify(tape).sound


async def test_a_crashed_venue_task_is_restarted_alone(tmp_path: Path) -> None:
    crashes = {"left": 3}

    def broken(venue: Venue) -> Venue:
        streams = tuple(msgspec.structs.replace(s, subscribe=breaking(s.subscribe)) for s in venue.streams)
        return msgspec.structs.replace(venue, streams=streams) if venue.id == "okx" else venue

    def breaking(subscribe: Callable[..., bytes]) -> Callable[..., bytes]:
        def speak(topics: object, number: str) -> bytes:
            if crashes["left"]:
                crashes["left"] -= 1
                raise ZeroDivisionError("a bug in a venue")
            return subscribe(topics, number)

        return speak

    async with running(tmp_path, ("bybit", "okx", "hyperliquid"), adjust=broken) as run:
        health = {h.source: h for h in run.live.feeds.health()}
        assert health["okx-swap/0"].crashes == 3
        assert all(h.crashes == 0 for source, h in health.items() if not source.startswith("okx"))
        others = [e.source for _, e in run.said if e.what == "Closed" and not e.source.startswith(MARKET["okx"])]
        assert others == []
        assert run.synced(instrument("okx", "BTC"))
