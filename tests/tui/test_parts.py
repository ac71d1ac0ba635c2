"""Formats, drawings and rows, without a terminal."""

from __future__ import annotations

import math

import numpy as np
import pytest

from crosstape.client.merged import Table
from crosstape.tui.drawing import bar, columns, line
from crosstape.tui.formats import compact, duration, price, shown
from crosstape.tui.rows import TableRows


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (91250.4, "price", "91,250.4"), (0.0000107, "price", "0.0000107000"), (0.0, "price", "0"),
        (0.0123, "fraction", "▲ +1.23%"), (-0.5, "fraction", "▼ -50.00%"), (0.0, "fraction", "  +0.00%"),
        (0.0001, "rate", "▲ +0.0100%"), (-2.5e9, "quote", "-2.50B"), (999.9, "usd", "999.90"),
        (999_999.0, "usd", "1.00M"), (1.5, "bps", "1.50"), (85.0, "ms", "85 ms"), (12_000.0, "ms", "12 s"),
        (7200.0, "s", "2 h"), (3.0, "count", "3"), (math.nan, "price", "–"), (None, "usd", "–"),
        (math.inf, "usd", "–"),
    ],
)  # fmt: skip
def test_numbers(value: float | None, unit: str, text: str) -> None:
    assert shown(value, unit)[0] == text


def test_widths_are_bounded() -> None:
    for exponent in range(-9, 13):
        assert len(price(1.234567 * 10.0**exponent)) <= 17
        assert len(compact(1.234567 * 10.0**exponent)) <= 8
    assert len(duration(1e9)) < 8


def test_a_braille_line() -> None:
    rising = line([0.0, 1.0, 2.0, 3.0], 2, 1)
    assert rising == ["⣠⠞"]
    assert line([1.0, 1.0], 3, 1) == ["⠤⠤⠤"]
    assert line([], 2, 1) == ["⠀⠀"]
    assert line([math.nan, 1.0], 1, 1) == ["⠠"]
    tall = line([0.0, 7.0], 1, 2)
    assert [len(row) for row in tall] == [1, 1]
    assert tall == ["⢸", "⣸"]


def test_bars_and_columns() -> None:
    assert bar(0.5, 4) == "██  "
    assert bar(1.5, 2) == "██"
    assert bar(math.nan, 3) == "   "
    assert bar(1 / 16, 2) == "▏ "
    assert columns([1.0, 2.0, math.nan, 4.0], 4) == "▂▄ █"
    assert columns([], 3) == "   "
    assert columns([0.0], 2) == "  "


def table(ids: str, **values: list[float]) -> Table:
    arrays = {name: np.array(value) for name, value in values.items()}
    return Table("markets", 1, 0.0, tuple(ids), arrays, {"last": "price"}, np.zeros(len(ids), np.uint32))


def shown_ids(rows: TableRows) -> str:
    return "".join(rows.key(i) for i in range(len(rows)))


def test_the_order_holds_for_a_second_and_values_tick() -> None:
    rows = TableRows()
    rows.sort = "last"
    rows.take(table("abc", last=[1.0, 2.0, 3.0]), 0.0)
    assert shown_ids(rows) == "cba"
    rows.take(table("abc", last=[9.0, 2.0, 3.0]), 0.5)
    assert shown_ids(rows) == "cba"
    assert rows.cells(2)[2][0] == "9.00000"
    rows.take(table("bac", last=[2.0, 9.0, 3.0]), 0.9)
    assert shown_ids(rows) == "cba"
    assert rows.cells(2)[2][0] == "9.00000"
    rows.take(table("abc", last=[9.0, 2.0, 3.0]), 1.1)
    assert shown_ids(rows) == "acb"
    rows.take(table("abcd", last=[9.0, 2.0, 3.0, 4.0]), 1.2)
    assert shown_ids(rows) == "adcb", "who is new is shown at once"


def test_unknown_values_come_last_and_words_filter() -> None:
    rows = TableRows()
    rows.sort, rows.descending = "last", False
    rows.take(table("abc", last=[math.nan, 2.0, 1.0]), 0.0)
    assert shown_ids(rows) == "cba"
    rows.descending = True
    rows.take(table("abc", last=[math.nan, 2.0, 1.0]), 0.0)
    assert shown_ids(rows) == "bca"
    rows.only = "B"
    rows.take(table("abc", last=[math.nan, 2.0, 1.0]), 0.0)
    assert shown_ids(rows) == "b"
    assert rows.find("a") == -1
    rows.only, rows.favourites = "", frozenset("c")
    rows.take(table("abc", last=[math.nan, 2.0, 1.0]), 0.0)
    assert shown_ids(rows) == "cba"
    assert rows.cells(0)[1][0] == "★ c"
