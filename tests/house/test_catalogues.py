"""The literal tuples are complete and consistent."""

from __future__ import annotations

import importlib
import pkgutil

import crosstape.metrics
from crosstape.boards.catalogue import BOARDS
from crosstape.metrics import COLUMNS, METRICS
from crosstape.metrics.column import Metric
from crosstape.model.quality import MEANING, Quality
from crosstape.venues import VENUES

NAMES = {column.name for column in COLUMNS}


def test_every_metric_is_listed() -> None:
    declared = {}
    for found in pkgutil.walk_packages(crosstape.metrics.__path__, "crosstape.metrics."):
        for value in vars(importlib.import_module(found.name)).values():
            if isinstance(value, Metric):
                declared[value.name] = value
    assert set(declared) == {metric.name for metric in METRICS}
    assert len(METRICS) == len(declared)


def test_every_metric_has_a_unit_and_a_meaning() -> None:
    bare = [metric.name for metric in METRICS if not metric.unit or not metric.doc]
    assert not bare


def test_column_names_are_unique() -> None:
    assert len(NAMES) == len(COLUMNS)


def test_every_board_stands_on_columns_that_exist() -> None:
    wrong = [(b.name, c) for b in BOARDS for c in (b.column.name, *b.beside) if c not in NAMES]
    assert not wrong
    assert len({board.name for board in BOARDS}) == len(BOARDS)


def test_every_quality_flag_has_a_meaning() -> None:
    assert set(MEANING) == set(Quality)


def test_venues_and_their_sources_are_unique() -> None:
    assert len({venue.id for venue in VENUES}) == len(VENUES)
    names = [stream.name for venue in VENUES for stream in venue.streams]
    assert len(set(names)) == len(names)
    mains = {stream.market for venue in VENUES for stream in venue.streams if not stream.route}
    assert mains == {stream.market for venue in VENUES for stream in venue.streams}, "one route carries books"
    polls = [poll.source for venue in VENUES for poll in venue.polls]
    assert len(set(polls)) == len(polls)
    assert all(venue.capabilities and venue.docs for venue in VENUES)
