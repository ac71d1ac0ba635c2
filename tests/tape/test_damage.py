"""A torn tail costs its block and nothing else; damage anywhere else is named by path and offset."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from crosstape.model.errors import TapeError
from crosstape.model.frame import Frame
from crosstape.tape.inspection import inspect, verify
from crosstape.tape.layout import LENGTH, SEGMENT_MAGIC, Limits, Origin
from crosstape.tape.reader import next_seq, play, runs, scan, segments
from crosstape.tape.writer import TapeWriter

Make = Callable[..., list[Frame]]
Record = Callable[..., TapeWriter]


def test_torn_at_every_byte_of_the_last_block(tmp_path: Path, make: Make, record: Record) -> None:
    frames = make(12)
    record(tmp_path, frames[:4], frames[4:8], frames[8:])
    segment = segments(tmp_path)[0]
    whole = segment.path.read_bytes()
    last = segment.blocks[-1]
    for length in range(last.offset + 1, last.end):
        segment.path.write_bytes(whole[:length])
        assert list(play(tmp_path)) == frames[:8]
        (found,) = segments(tmp_path)
        assert found.torn
        assert found.torn_at == last.offset
    assert inspect(tmp_path).torn == (str(segment.path),)
    verification = verify(tmp_path)
    assert verification.sound
    assert verification.torn == (str(segment.path),)
    assert verification.frames == 8


def test_a_tail_of_zeros_or_a_spoiled_last_block_is_torn(tmp_path: Path, make: Make, record: Record) -> None:
    frames = make(12)
    record(tmp_path, frames[:8], frames[8:])
    segment = segments(tmp_path)[0]
    whole = segment.path.read_bytes()
    last = segment.blocks[-1]
    segment.path.write_bytes(whole + bytes(4096))
    assert segments(tmp_path)[0].torn_at == len(whole)
    assert list(play(tmp_path)) == frames
    segment.path.write_bytes(whole[: last.end - 3] + bytes(3))
    assert segments(tmp_path)[0].torn_at == last.offset
    assert list(play(tmp_path)) == frames[:8]


def test_a_flipped_byte_before_the_last_block_is_named(tmp_path: Path, make: Make, record: Record) -> None:
    frames = make(24)
    record(tmp_path, frames[:8], frames[8:16], frames[16:])
    segment = segments(tmp_path)[0]
    whole = segment.path.read_bytes()
    header_end = segment.blocks[0].offset
    for at in range(segment.blocks[-1].offset):
        spoiled = bytearray(whole)
        spoiled[at] ^= 0x41
        segment.path.write_bytes(spoiled)
        with pytest.raises(TapeError) as caught:
            list(play(tmp_path))
        assert caught.value.path == str(segment.path)
        if at >= header_end:
            hit = next(block for block in segment.blocks if at < block.end)
            assert caught.value.offset == hit.offset
        else:
            assert caught.value.offset in (0, len(SEGMENT_MAGIC))
        assert not verify(tmp_path).sound


def test_a_torn_block_inside_a_run_is_damage(tmp_path: Path, make: Make) -> None:
    frames = make(20)
    writer = TapeWriter(tmp_path, Origin("r1"), 0, frames[0].ts_recv)
    writer.append(frames[:10])
    writer.roll(10, frames[10].ts_recv)
    writer.append(frames[10:])
    writer.close()
    first = segments(tmp_path)[0]
    first.path.write_bytes(first.path.read_bytes()[:-1])
    with pytest.raises(TapeError, match="torn block inside a run"):
        list(play(tmp_path))
    problems = verify(tmp_path).problems
    assert problems[0].offset == first.blocks[0].offset
    assert list(play(tmp_path, 10)) == frames[10:]


def test_a_new_run_after_a_torn_tail_never_overwrites(tmp_path: Path, make: Make, record: Record) -> None:
    frames = make(20)
    record(tmp_path, frames[:5], frames[5:10])
    first = segments(tmp_path)[0]
    torn = first.path.read_bytes()[:-1]
    first.path.write_bytes(torn)
    assert next_seq(tmp_path) == 5
    record(tmp_path, frames[5:], run="r2")
    assert first.path.read_bytes() == torn
    assert list(play(tmp_path)) == frames
    assert [(run.run, run.first_seq, run.next_seq) for run in runs(tmp_path)] == [("r1", 0, 5), ("r2", 5, 20)]
    assert verify(tmp_path).sound


def test_a_segment_without_a_whole_block_makes_way(tmp_path: Path, make: Make, record: Record) -> None:
    frames = make(5)
    record(tmp_path, frames)
    path = segments(tmp_path)[0].path
    path.write_bytes(path.read_bytes()[:-1])
    assert next_seq(tmp_path) == 0
    record(tmp_path, frames, run="r2")
    assert list(play(tmp_path)) == frames
    assert path.with_suffix(".tape-torn").exists()


def test_a_folder_that_holds_these_frames_is_refused(tmp_path: Path, make: Make, record: Record) -> None:
    frames = make(5)
    record(tmp_path, frames)
    with pytest.raises(TapeError, match="begin at 5"):
        TapeWriter(tmp_path, Origin("r2"), 4, 0)


def test_holes_are_seen(tmp_path: Path, make: Make, record: Record) -> None:
    frames = make(30)
    record(tmp_path / "a", [*frames[:5], *frames[7:10]])
    assert list(play(tmp_path / "a")) == [*frames[:5], *frames[7:10]]
    assert [p.message for p in verify(tmp_path / "a").problems] == ["frame 7 where 5 should be"]
    writer = TapeWriter(tmp_path / "b", Origin("r1"), 0, frames[0].ts_recv)
    for at in (0, 10, 20):
        if at:
            writer.roll(at, frames[at].ts_recv)
        writer.append(frames[at : at + 10])
    writer.close()
    segments(tmp_path / "b")[1].path.unlink()
    assert [(r.first_seq, r.next_seq) for r in runs(tmp_path / "b")] == [(0, 10), (20, 30)]
    assert [p.message for p in verify(tmp_path / "b").problems] == ["frames 10..19 are missing"]


def test_time_that_goes_back_is_a_problem(tmp_path: Path, make: Make, record: Record) -> None:
    one, two = make(2)
    back = Frame(1, one.ts_recv - 5, *[getattr(two, name) for name in two.__struct_fields__[2:]])
    record(tmp_path, [one, back])
    assert [p.message for p in verify(tmp_path).problems] == ["frame 1 is 5 ns older than the one before"]


def test_what_is_not_a_tape_is_refused(tmp_path: Path, make: Make, record: Record) -> None:
    other = tmp_path / "x.tape"
    other.write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(TapeError, match="not a tape"):
        list(play(other))
    with pytest.raises(TapeError, match="no such tape"):
        list(play(tmp_path / "absent"))
    with pytest.raises(TapeError, match="no tape in here"):
        list(play(tmp_path))


def test_a_newer_format_is_refused(tmp_path: Path, make: Make, record: Record) -> None:
    text = msgspec.json.encode({"format": 7, "whatever": "comes then"})
    path = tmp_path / f"{0:020d}.tape"
    path.write_bytes(SEGMENT_MAGIC + LENGTH.pack(len(text)) + text + LENGTH.pack(zlib.crc32(text)))
    with pytest.raises(TapeError, match="made by a newer crosstape, format 7; this one reads up to 1"):
        list(play(tmp_path))


def test_play_from_a_seq_and_over_several(tmp_path: Path, make: Make, record: Record) -> None:
    frames = make(40)
    record(tmp_path / "a", frames[:10], frames[10:20])
    record(tmp_path / "b", frames[20:30], frames[30:], run="r2", limits=Limits(block_frames=4))
    places = [tmp_path / "a", str(tmp_path / "b")]
    for start in range(42):
        assert list(play(places, start)) == frames[start:]
    assert list(play(segments(places)[0].path)) == frames[:20]
    shutil.copy(segments(places)[1].path, tmp_path / "named.tape")
    assert scan(tmp_path / "named.tape").frames == 20
