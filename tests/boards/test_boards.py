"""Every board against plain sorting; the catalogue's promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.boards.board import Board, rank
from crosstape.boards.catalogue import BOARDS
from crosstape.metrics import COLUMNS
from crosstape.model.quality import Quality

NAMES = {column.name for column in COLUMNS}
VALUES = st.lists(st.one_of(st.floats(-5, 5), st.just(float("nan")), st.just(1.0)), min_size=1, max_size=40)


@pytest.mark.parametrize("board", BOARDS, ids=lambda b: b.name)
@given(values=VALUES, data=st.data())
def test_rank_is_sorting(board: Board, values: list[float], data: st.DataObject) -> None:
    n = len(values)
    column = np.array(values)
    turnover = np.array(data.draw(st.lists(st.sampled_from([0.0, 5e6, float("nan")]), min_size=n, max_size=n)))
    allowed = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    columns = {"turnover_usd_24h": turnover} | {board.column.name: column}
    flags = st.sampled_from([0, Quality.STALE.value, Quality.CROSSED.value, Quality.SIMULATED.value])
    quality = np.array(data.draw(st.lists(flags, min_size=n, max_size=n)), np.uint32)
    got = rank(board, columns, quality, allowed, top=10)
    key = (lambda v: v) if board.key is None else (lambda v: float(board.key(np.array([v]))[0]))  # type: ignore[misc]
    sign = 1 if board.ascending else -1
    floor = columns["turnover_usd_24h"]
    fit = [
        row for row in range(n)
        if allowed[row] and not quality[row] & board.refuse.value and not np.isnan(key(column[row]))
        and (board.min_turnover_usd == 0 or floor[row] >= board.min_turnover_usd)
    ]  # fmt: skip
    want = sorted(fit, key=lambda row: (sign * key(column[row]), row))[:10]
    assert [sign * key(column[row]) for row in got.rows] == [sign * key(column[row]) for row in want]
    assert got.values.tolist() == column[got.rows].tolist()
    if len(fit) <= 10:
        assert got.rows.tolist() == want


def test_only_boards_about_trust_and_listings_take_stale_rows() -> None:
    assert [board.name for board in BOARDS if Quality.STALE not in board.refuse] == ["newest", "worst_quality"]
    assert all(Quality.CROSSED in board.refuse for board in BOARDS if board.name in ("cross_edge", "divergence"))


def test_catalogue() -> None:
    assert len(BOARDS) >= 24
    assert len({board.name for board in BOARDS}) == len(BOARDS)
    for board in BOARDS:
        assert board.column.name in NAMES
        assert set(board.beside) <= NAMES, board.name
