"""Encode → decode is the identity, for any frame."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstape.model.frame import Frame, Kind
from crosstape.tape.blocks import DAMAGE, count_block, decode_block, encode_block, pack_block
from crosstape.tape.layout import Origin
from crosstape.tape.reader import play, segments
from crosstape.tape.writer import write_tape

ANY = st.builds(
    Frame,
    seq=st.integers(0, 2**64 - 1),
    ts_recv=st.integers(-(2**63), 2**63 - 1),
    source=st.text(max_size=12),
    conn=st.integers(0, 2**40),
    kind=st.sampled_from(Kind),
    request=st.text(max_size=20),
    status=st.integers(-1, 2**31),
    headers=st.text(max_size=20),
    payload=st.binary(max_size=50),
)


@settings(deadline=None)
@given(st.lists(ANY, min_size=1, max_size=30))
def test_any_frames_come_back(frames: list[Frame]) -> None:
    raw, block = pack_block(encode_block(frames), frames)
    assert decode_block(raw, block) == frames
    assert all(isinstance(frame.kind, Kind) for frame in decode_block(raw, block))
    assert count_block(raw, block) == Counter((f.source, f.kind) for f in frames)


@settings(deadline=None)
@given(st.lists(ANY, min_size=1, max_size=10), st.data())
def test_bytes_cut_short_are_never_taken_for_frames(frames: list[Frame], draw: st.DataObject) -> None:
    raw, block = pack_block(encode_block(frames), frames)
    cut = raw[: draw.draw(st.integers(0, len(raw) - 1))]
    with pytest.raises(DAMAGE):
        decode_block(cut, block)


@settings(max_examples=15, deadline=None)
@given(st.lists(ANY, min_size=1, max_size=40))
def test_any_frames_come_back_from_disk(tmp_path_factory: pytest.TempPathFactory, frames: list[Frame]) -> None:
    folder = tmp_path_factory.mktemp("tape")
    frames = [
        Frame(i, i, f.source, f.conn, f.kind, f.request, f.status, f.headers, f.payload)
        for i, f in enumerate(frames, 3)
    ]
    assert write_tape(folder, frames, Origin("r")) == len(frames)
    assert list(play(folder)) == frames


def test_large_payloads(tmp_path: Path) -> None:
    large = bytes(range(256)) * 40_000
    frames = [Frame(i, i, "okx/0", 1, Kind.ANSWER, "catalogue /x", 200, "a: ä", large) for i in range(3)]
    write_tape(tmp_path, frames, Origin("r"))
    assert list(play(tmp_path)) == frames
    assert len(segments(tmp_path)[0].blocks) == 3


def test_no_frames_make_no_tape(tmp_path: Path) -> None:
    assert write_tape(tmp_path / "t", [], Origin("r")) == 0
    assert not (tmp_path / "t").exists()
