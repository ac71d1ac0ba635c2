"""Determinism: the same frames give the same views, whole, from a checkpoint, from disk, or spliced."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crosstape.app.replaying import open_tape, replay
from crosstape.engine.checkpoint import load, save
from crosstape.engine.machine import Machine
from crosstape.engine.view import View
from crosstape.model.errors import TapeError
from crosstape.model.frame import Frame, Kind
from crosstape.tape.layout import Limits, Origin
from crosstape.tape.reader import play
from crosstape.tape.splice import splice
from crosstape.tape.writer import write_tape
from crosstape.venues import VENUES


def views_of(frames: Iterable[Frame], machine: Machine | None = None) -> list[View]:
    views: list[View] = []
    replay(frames, machine or Machine(VENUES), views.append)
    return views


@pytest.fixture(scope="module")
def views(tape: list[Frame]) -> list[View]:
    return views_of(tape)


def test_twice_the_same(tape: list[Frame], views: list[View]) -> None:
    again = views_of(tape)
    assert [v.digest for v in again] == [v.digest for v in views]
    assert len(views) == sum(f.kind is Kind.TICK for f in tape) > 60


def test_a_changed_byte_changes_the_digest(tape: list[Frame], views: list[View]) -> None:
    at = next(i for i, f in enumerate(tape) if b'"publicTrade' in f.payload)
    other = tape[at]
    payload = other.payload.replace(b'"S":"Buy"', b'"S":"Sell"') if b'"Buy"' in other.payload else (
        other.payload.replace(b'"S":"Sell"', b'"S":"Buy"')
    )  # fmt: skip
    changed = Frame(other.seq, other.ts_recv, other.source, other.conn, other.kind, "", 0, "", payload)
    assert views_of([*tape[:at], changed, *tape[at + 1 :]])[-1].digest != views[-1].digest


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(number=st.integers(1, 60))
def test_checkpoint_and_tail_equal_the_whole(number: int, tape: list[Frame], views: list[View]) -> None:
    ticks = [i for i, f in enumerate(tape) if f.kind is Kind.TICK]
    cut = ticks[number - 1] + 1
    first = Machine(VENUES)
    views_of(tape[:cut], first)
    second = Machine(VENUES)
    load(second, dict(save(first)))
    tail = views_of(tape[cut:], second)
    assert [v.digest for v in tail] == [v.digest for v in views[number:]]
    assert tail[-1].columns.keys() == views[-1].columns.keys()
    for name, values in views[-1].columns.items():
        np.testing.assert_array_equal(tail[-1].columns[name], values, err_msg=name)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.integers(30, 1_000))
def test_a_checkpoint_between_ticks_keeps_what_has_not_left_yet(
    cut: int, tape: list[Frame], views: list[View]
) -> None:
    first, second = Machine(VENUES), Machine(VENUES)
    begun = views_of(tape[:cut], first)
    load(second, dict(save(first)))
    tail = views_of(tape[cut:], second)
    assert [v.digest for v in tail] == [v.digest for v in views[len(begun) :]]
    assert tail[0].events == views[len(begun)].events


def test_a_catalogue_told_again_after_a_checkpoint_changes_nothing(tape: list[Frame]) -> None:
    first, second = Machine(VENUES), Machine(VENUES)
    views_of(tape[:500], first)
    load(second, dict(save(first)))
    again = [f for f in tape if f.source.endswith("/instruments")]
    for frame in again:
        first.feed(frame)
        second.feed(frame)
    assert first.state.table.version == second.state.table.version


def test_a_checkpoint_that_is_not_whole_is_refused(tape: list[Frame]) -> None:
    machine = Machine(VENUES)
    views_of(tape[:500], machine)
    sections = dict(save(machine))
    del sections["ring.1.close"]
    with pytest.raises(TapeError, match="not whole"):
        load(Machine(VENUES), sections)


def test_from_disk(tape: list[Frame], views: list[View], tmp_path: Path) -> None:
    write_tape(tmp_path, tape, Origin("test"), Limits(segment_frames=1_000))
    frames, machine = open_tape([tmp_path])
    assert views_of(frames, machine)[-1].digest == views[-1].digest


def test_split_by_source_and_spliced(tape: list[Frame], views: list[View], tmp_path: Path) -> None:
    sources = sorted({frame.source for frame in tape})
    for n, source in enumerate(sources):
        write_tape(tmp_path / str(n), [f for f in tape if f.source == source], Origin("test"))
    spliced = splice([play(tmp_path / str(n)) for n in range(len(sources))])
    assert views_of(spliced)[-1].digest == views[-1].digest


def test_views_are_immutable_and_whole(views: list[View]) -> None:
    view = views[-1]
    for name, values in view.columns.items():
        assert values.shape == (len(view.rows.instruments),), name
        with pytest.raises(ValueError):
            values[:] = 0.0
    assert views[10].columns["last"] is not views[11].columns["last"]
    assert view.mode == "simulated"
    assert view.boards["turnover_24h"].rows.size > 0
    assert dict(view.rows.index).items() == {i.id: n for n, i in enumerate(view.rows.instruments) if i}.items()


def test_what_the_tape_says_is_what_the_view_shows(tape: list[Frame], views: list[View]) -> None:
    trades = [event for view in views for _, event in view.events if type(event).__name__ == "Trade"]
    recorded = sum(f.payload.count(b'"S":"') for f in tape if b'"publicTrade' in f.payload[:40])
    assert len(trades) == recorded > 50
    view = views[-1]
    row = view.rows.index["bybit-linear:BTCUSDT"]
    last = [event for v in views for r, event in v.events if r == row and type(event).__name__ == "Trade"][-1]
    assert view.columns["last"][row] == last.price


def test_assets_sum_their_instruments(views: list[View]) -> None:
    view = views[-1]
    btc = view.assets.names.index("BTC")
    rows = np.flatnonzero(view.assets.code == btc)
    assert view.assets.columns["instruments"][btc] == rows.size > 2
    total = np.nansum(view.columns["oi_usd"][rows])
    # Sums are taken on the second, columns on the tick.
    assert view.assets.columns["oi_usd"][btc] == pytest.approx(total, rel=1e-2)
