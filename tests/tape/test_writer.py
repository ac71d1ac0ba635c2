"""The recorder: rolls, checkpoints, retention, and a disk that fails."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crosstape.model.errors import StoreError, TapeError
from crosstape.model.frame import Frame
from crosstape.model.ports import Recorder
from crosstape.tape import files
from crosstape.tape.checkpoint import checkpoints, newest_checkpoint, read_checkpoint
from crosstape.tape.inspection import inspect, verify
from crosstape.tape.layout import Limits, Origin, config_hash
from crosstape.tape.reader import play, runs, segments
from crosstape.tape.writer import TapeWriter, write_tape

Make = Callable[..., list[Frame]]
SECTIONS = [("books", bytes(range(256)) * 100), ("rings", b""), ("näme", b"x")]


def filled(folder: Path, frames: list[Frame], every: int, limits: Limits = Limits()) -> TapeWriter:  # noqa: B008
    """A tape rolled each `every` frames, with a checkpoint at each roll."""
    writer = TapeWriter(folder, Origin("r1", "v1", {"b": 2, "a": 1}), 0, frames[0].ts_recv, limits)
    for at in range(0, len(frames), every):
        if at:
            writer.roll(at, frames[at].ts_recv, SECTIONS)
        writer.append(frames[at : at + every])
        writer.drain()
    writer.close()
    return writer


def test_it_is_a_recorder(tmp_path: Path, make: Make) -> None:
    writer: Recorder = TapeWriter(tmp_path, Origin("r"), 0, 0)
    writer.append(make(1))
    assert isinstance(writer, TapeWriter)
    writer.close()
    assert (writer.failed, writer.lost) == ("", 0)
    assert list(play(tmp_path)) == make(1)


def test_a_second_of_tape_time_reaches_the_disk(tmp_path: Path, make: Make) -> None:
    frames = make(150, step=10_000_000)
    writer = TapeWriter(tmp_path, Origin("r"), 0, 0)
    for frame in frames:
        writer.append([frame])
    writer._disk.reach()
    assert list(play(tmp_path)) == frames[:101]
    writer.close()
    assert list(play(tmp_path)) == frames


def test_roll_is_due_by_age_frames_and_size(tmp_path: Path, make: Make) -> None:
    frames = make(100)
    ts = frames[0].ts_recv
    writer = TapeWriter(tmp_path / "a", Origin("r"), 0, ts, Limits(segment_ns=5, segment_frames=10))
    assert not writer.due(ts + 50)
    writer.append(frames[:3])
    assert not writer.due(ts + 4)
    assert writer.due(ts + 5)
    writer.append(frames[3:10])
    assert writer.due(ts)
    writer.roll(10, ts + 100)
    assert not writer.due(ts + 200)
    writer.close()
    writer = TapeWriter(tmp_path / "b", Origin("r"), 0, ts, Limits(segment_bytes=1000))
    writer.append(frames[:50])
    assert not writer.due(ts)
    writer.append(frames[50:])
    writer.drain()
    assert writer.due(ts) == (segments(tmp_path / "b")[0].size >= 1000)
    writer.close()


def test_roll_with_checkpoints_reads_back(tmp_path: Path, make: Make) -> None:
    frames = make(50)
    filled(tmp_path, frames, 10)
    assert list(play(tmp_path)) == frames
    assert len(segments(tmp_path)) == 5
    assert [s.header.previous for s in segments(tmp_path)] == [None, 0, 10, 20, 30]
    assert len(runs(tmp_path)) == 1
    newest = newest_checkpoint(tmp_path)
    assert newest is not None
    header, sections = read_checkpoint(newest)
    assert (header.seq, header.run, header.code) == (40, "r1", "v1")
    assert header.ts == frames[40].ts_recv
    assert header.config_hash == config_hash({"a": 1, "b": 2})
    assert list(sections.items()) == SECTIONS
    assert inspect(tmp_path).checkpoints == tuple(map(str, checkpoints(tmp_path)))
    assert verify(tmp_path).checkpoints == 4


def damage(checkpoint: Path) -> TapeError | None:
    """Why a checkpoint cannot be read; what can be read is right."""
    try:
        sections = read_checkpoint(checkpoint)[1]
    except TapeError as e:
        return e
    assert list(sections.items()) == SECTIONS
    return None


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path, make: Make) -> None:
    filled(tmp_path, make(50), 10)
    newest, before = checkpoints(tmp_path)[:2]
    whole = newest.read_bytes()
    passed = 0
    for at in range(len(whole)):
        spoiled = bytearray(whole)
        spoiled[at] ^= 0x10
        newest.write_bytes(spoiled)
        problem = damage(newest)
        assert problem is None or (problem.path == str(newest) and 0 <= problem.offset <= at)
        passed += problem is None
    assert passed < 16, "only zstd's idle bits, and the frame around nothing, may pass"
    for length in range(len(whole)):
        newest.write_bytes(whole[:length])
        with pytest.raises(TapeError):
            read_checkpoint(newest)
    assert newest_checkpoint(tmp_path) == before
    assert [p.path for p in verify(tmp_path).problems] == [str(newest)]


def test_an_aborted_checkpoint_leaves_nothing(tmp_path: Path, make: Make) -> None:
    frames = make(20)
    writer = TapeWriter(tmp_path, Origin("r"), 0, frames[0].ts_recv, Limits(backlog_bytes=100_000))
    writer.append(frames[:10])
    sink = writer.begin_checkpoint(10, 0)
    assert sink.write("a", b"1")
    sink.abort()
    sink.commit()
    hungry = writer.begin_checkpoint(10, 0)
    assert not hungry.write("large", bytes(90_000))
    hungry.write("more", bytes(90_000))
    writer.drain()
    writer.begin_checkpoint(10, 0).write("unfinished", b"")
    writer.close()
    assert not writer.failed
    assert [p.suffix for p in tmp_path.iterdir() if "ckpt" in p.name and p.suffix != ".ckpt"] == []


def test_retention_keeps_the_newest_checkpointed_segment(tmp_path: Path, make: Make) -> None:
    frames = make(100)
    filled(tmp_path / "tiny", frames, 10, Limits(retention_bytes=1))
    assert [s.header.first_seq for s in segments(tmp_path / "tiny")] == [90]
    assert [int(p.stem) for p in checkpoints(tmp_path / "tiny")] == [90]
    filled(tmp_path / "all", frames, 10)
    sizes = [s.size for s in segments(tmp_path / "all")]
    marks = [p.stat().st_size for p in checkpoints(tmp_path / "all")]
    room = sum(sizes[-4:]) + sum(marks[:4])
    filled(tmp_path / "some", frames, 10, Limits(retention_bytes=room))
    kept = [s.header.first_seq for s in segments(tmp_path / "some")]
    assert kept == [60, 70, 80, 90]
    assert [int(p.stem) for p in checkpoints(tmp_path / "some")] == [90, 80, 70, 60]
    assert list(play(tmp_path / "some")) == frames[60:]


def test_what_is_left_of_an_unfinished_checkpoint_goes(tmp_path: Path, make: Make) -> None:
    (tmp_path / f"{7:020d}.ckpt-part").write_bytes(b"half")
    filled(tmp_path, make(3), 10)
    assert newest_checkpoint(tmp_path) is None
    assert [p.suffix for p in tmp_path.iterdir()] == [".tape"]


def test_retention_waits_for_a_newer_checkpoint(tmp_path: Path, make: Make) -> None:
    frames = make(40)
    writer = TapeWriter(tmp_path, Origin("r1"), 0, 0, Limits(retention_bytes=1))
    writer.append(frames[:10])
    writer.roll(10, 0, SECTIONS)
    for at in (10, 20, 30):
        if at > 10:
            writer.roll(at, 0)
        writer.append(frames[at : at + 10])
        writer.drain()
    writer.close()
    assert [s.header.first_seq for s in segments(tmp_path)] == [10, 20, 30]


def test_a_folder_that_goes_away_ends_recording(tmp_path: Path, make: Make) -> None:
    frames = make(30)
    writer = TapeWriter(tmp_path / "t", Origin("r"), 0, 0)
    writer.append(frames[:10])
    writer.drain()
    shutil.rmtree(tmp_path / "t")
    writer.roll(10, 0, SECTIONS)
    writer.append(frames[10:20])
    with pytest.raises(StoreError):
        writer.drain()
    writer.append(frames[20:])
    writer.close()
    assert "cannot write the tape" in writer.failed
    assert writer.lost == 20
    assert writer.troubles["checkpoint"] in (0, 1)


def test_a_folder_that_cannot_be_made_ends_recording(tmp_path: Path, make: Make) -> None:
    (tmp_path / "t").write_text("a file")
    writer = TapeWriter(tmp_path / "t", Origin("r"), 0, 0)
    writer.append(make(10))
    writer.roll(10, 0, SECTIONS)
    writer.close()
    assert "cannot open the tape" in writer.failed
    assert writer.lost == 10


def test_a_stalled_disk_ends_recording_without_waiting(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    whole = files.SegmentFile.append

    def stalled(*args: object) -> int:
        gate.wait(20)
        return whole(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(files.SegmentFile, "append", stalled)
    frames = make(20_000)
    writer = TapeWriter(tmp_path, Origin("r"), 0, 0, Limits(backlog_bytes=300_000, block_frames=500))
    began = time.monotonic()
    for at in range(0, len(frames), 100):
        writer.append(frames[at : at + 100])
    assert time.monotonic() - began < 5
    assert "the disk is behind" in writer.failed
    gate.set()
    writer.close()
    kept = list(play(tmp_path))
    assert kept == frames[: len(kept)]
    assert writer.lost == len(frames) - len(kept)
    assert 0 < writer.lost < len(frames)


def run_script(body: str, *args: str) -> subprocess.Popen[str]:
    prelude = """
        import sys
        from pathlib import Path
        from crosstape.model.frame import Frame, Kind
        from crosstape.tape.layout import Limits, Origin
        from crosstape.tape.writer import TapeWriter
        def frame(i):
            return Frame(i, i * 1_000_000, "okx/0", 1, Kind.DATA, "", 0, "", b"%d " % i * 50)
    """
    script = textwrap.dedent(prelude) + textwrap.dedent(body)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    return subprocess.Popen(
        [sys.executable, "-c", script, *args], env=environment, stdout=subprocess.PIPE, text=True
    )


def test_a_full_disk_ends_recording(tmp_path: Path) -> None:
    process = run_script(
        """
        import resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
        writer = TapeWriter(Path(sys.argv[1]), Origin("r"), 0, 0, Limits(block_frames=100))
        for i in range(50_000):
            writer.append([frame(i)])
        writer.close()
        print(writer.lost, writer.failed)
        """,
        str(tmp_path),
    )
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    lost, _, failed = out.partition(" ")
    assert "File too large" in failed
    kept = list(play(tmp_path))
    assert 0 < len(kept) == 50_000 - int(lost)
    assert not segments(tmp_path)[0].torn
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_kill_9_loses_nothing_older_than_the_last_flush(tmp_path: Path) -> None:
    for n in range(3):
        folder = tmp_path / str(n)
        process = run_script(
            """
            writer = TapeWriter(Path(sys.argv[1]), Origin("r"), 0, 0)
            i = 0
            while True:
                writer.append([frame(i + k) for k in range(37)])
                i += 37
                if i % 370 == 0:
                    writer.drain()
                    print(i, flush=True)
            """,
            str(folder),
        )
        assert process.stdout is not None
        for _ in range(20 + 7 * n):
            flushed = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        flushed = int(process.stdout.read().rpartition("\n")[0].rpartition("\n")[2] or flushed)
        process.wait()
        process.stdout.close()
        kept = list(play(folder))
        assert len(kept) >= flushed
        assert [f.seq for f in kept] == list(range(len(kept)))
        assert verify(folder).sound


def test_write_tape_rolls_and_refuses_a_bad_folder(tmp_path: Path, make: Make) -> None:
    frames = make(5000)
    limits = Limits(segment_frames=1000, block_frames=100)
    assert write_tape(tmp_path / "t", iter(frames), Origin("r"), limits) == 5000
    assert len(segments(tmp_path / "t")) == 5
    assert list(play(tmp_path / "t")) == frames
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        write_tape(tmp_path / "file", frames, Origin("r"))
