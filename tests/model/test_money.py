"""Money is exact or refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.model.money import MoneyError, money, written

fitting = st.builds(
    lambda sign, digits, places: Decimal((sign, digits, -places)),
    st.integers(0, 1),
    st.lists(st.integers(0, 9), min_size=1, max_size=20),
    st.integers(0, 18),
)


@given(fitting)
def test_what_fits_comes_back_exactly(amount: Decimal) -> None:
    kept = money(amount)
    assert kept == amount
    text = written(amount)
    assert Decimal(text) == amount
    assert "E" not in text
    assert text != "-0"
    assert "." not in text or not text.endswith("0")


@given(fitting, st.integers(0, 60))
def test_one_amount_has_one_text(amount: Decimal, zeros: int) -> None:
    digits = amount.as_tuple()
    longer = Decimal((digits.sign, (*digits.digits, *(0,) * zeros), int(digits.exponent) - zeros))
    assert longer == amount
    assert written(longer) == written(amount)


@pytest.mark.parametrize(
    "value", ["1E-19", "1E20", "0." + "0" * 18 + "1", "9" * 21, "1." + "1" * 19, "1E999999", "-1E20"]
)
def test_what_does_not_fit_is_refused_by_name(value: str) -> None:
    with pytest.raises(MoneyError, match=r"price: .* does not fit; allowed: a number of at most 20 digits"):
        money(value, "price")


@pytest.mark.parametrize("value", ["", "abc", "NaN", "Infinity", "-Infinity", Decimal("sNaN"), 1.5, None, b"1"])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(MoneyError, match="allowed: "):
        money(value)
