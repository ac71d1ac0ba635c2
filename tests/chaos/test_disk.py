"""A disk that is really full and one that really does not answer, under a whole crosstape over sockets."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import httpx

from crosstape.sim.server import SimSettings, serve
from crosstape.tape.inspection import verify
from crosstape.tape.reader import next_seq
from support.disks import freezable, small
from support.process import BOUND_S, Process

WORLD = SimSettings(seed=3, assets=12, rate=600)
# What waits for the disk, and the noise of a process that works.
GROWS = 120_000_000


async def goes_on(one: Process, since: dict[str, Any]) -> dict[str, Any]:
    """The live path lives: views and frames go on, nothing waits, memory does not grow."""
    later = await one.until("views go on", lambda s: s["view"] > since["view"] + 20)
    assert later["process"]["frames"] > since["process"]["frames"]
    assert later["process"]["intake_waiting"] < later["process"]["intake_limit"] / 10
    assert later["process"]["memory_bytes"] < since["process"]["memory_bytes"] + GROWS
    assert later["reasons_not_ready"] == []
    return later


async def is_loud(one: Process, why: str) -> None:
    """Whoever asks is told that recording has ended: /ready, the status, Prometheus, the log."""
    async with httpx.AsyncClient(timeout=30.0) as client:
        ready = await client.get(f"{one.address}ready")
        metrics = (await client.get(f"{one.address}metrics")).text
    assert ready.status_code == 200
    (warning,) = [text for text in ready.json()["warnings"] if text.startswith("recording has ended")]
    assert why in warning
    assert "frames are on no tape" in warning
    assert any(why in text for text in (await one.status())["warnings"])
    assert "crosstape_tape_recording 0.0" in metrics
    assert "RECORDING HAS ENDED" in one.log.read_text()


async def ended(one: Process) -> None:
    """SIGTERM, and the process is over: at most a thread that waits in the kernel is left of it."""
    one.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + BOUND_S
    while one.process.poll() is None and state(one.process.pid) != "Z":
        assert time.monotonic() < deadline, f"it lives\n{one.log.read_text()[-2000:]}"
        await asyncio.sleep(0.05)


def state(pid: int) -> str:
    """Of a process's first thread, as the kernel has it; Z = it is over."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


async def test_a_full_disk(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    async with serve(WORLD) as world:
        one = Process(tmp_path, world.rest_url, world.ws_url, within=small(tape, "200k"), checkpoints="false")
        try:
            await one.ready()
            full = await one.until("recording ends", lambda s: s["tape"]["failed"])
            assert "No space left on device" in full["tape"]["failed"]
            assert full["tape"]["recording"] is False
            later = await goes_on(one, full)
            assert later["tape"]["lost"] > full["tape"]["lost"] >= 0
            await is_loud(one, "No space left on device")
            # The tape as the process sees it: whole up to where the room ended.
            seen = Path(f"/proc/{one.process.pid}/root{tape}")
            assert verify(seen).sound
            assert next_seq(seen) > 0
            assert await one.end(signal.SIGTERM) == 0
        finally:
            one.close()


async def test_a_disk_that_does_not_answer_ends_the_tape_and_nothing_else(tmp_path: Path) -> None:
    with freezable(tmp_path / "disk") as disk:
        tape = disk.folder / "tape"
        async with serve(WORLD) as world:
            one = recording(tmp_path, tape, world)
            try:
                await one.ready()
                before = await one.until("it records", lambda s: s["tape"]["bytes"] > 50_000)
                disk.freeze()
                stalled = await one.until("recording ends", lambda s: s["tape"]["failed"])
                assert "the disk has not answered for" in stalled["tape"]["failed"]
                assert stalled["view"] > before["view"]
                later = await goes_on(one, stalled)
                assert later["tape"]["lost"] > stalled["tape"]["lost"] > 0
                await is_loud(one, "the disk has not answered for")
                await ended(one)
                disk.thaw()
                assert await asyncio.to_thread(one.process.wait, BOUND_S) == 0
            finally:
                disk.thaw()
                one.close()
            kept = next_seq(tape)
            assert kept > 0
            # The disk is back: it goes on behind the hole.
            one = recording(tmp_path, tape, world)
            try:
                await one.ready()
                again = await one.until("it records", lambda s: s["tape"]["bytes"] > 50_000)
                assert (again["tape"]["recording"], again["warnings"]) == (True, [])
                assert await one.end(signal.SIGTERM) == 0
            finally:
                one.close()
        assert next_seq(tape) > kept
        assert verify(tape).sound


async def test_when_nothing_of_the_disk_answers_the_live_path_does_and_the_end_is_bounded(tmp_path: Path) -> None:
    """Tape, history and ledger on one disk: the last two cannot be closed either."""
    with freezable(tmp_path / "disk") as disk:
        async with serve(WORLD) as world:
            more = ["stop_s = 5", "[history]", "flush_s = 1"]
            one = Process(tmp_path, world.rest_url, world.ws_url, data=disk.folder, more=more, stalled_s=2)
            try:
                await one.ready()
                await one.until("it records", lambda s: s["history"]["rows"] and s["tape"]["bytes"] > 50_000)
                disk.freeze()
                stalled = await one.until("recording ends", lambda s: s["tape"]["failed"])
                await goes_on(one, stalled)
                await is_loud(one, "the disk has not answered for")
                await ended(one)
                disk.thaw()
                await asyncio.to_thread(one.process.wait, BOUND_S)
            finally:
                disk.thaw()
                one.close()
            assert "a disk or a server does not answer" in one.log.read_text()
        assert verify(disk.folder / "tape").sound


def recording(folder: Path, tape: Path, world: Any) -> Process:
    """With its tape on that disk, and impatient."""
    return Process(folder, world.rest_url, world.ws_url, folder=f'"{tape}"', stalled_s=2)
