"""Amounts that are settled: exact decimals that every ledger can hold."""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache

from crosstape.model.errors import CrosstapeError

WHOLE = 20
FRACTION = 18
# Wide enough that no sum or product of two amounts is rounded.
EXACT = Context(prec=100)
ALLOWED = f"a number of at most {WHOLE} digits before the point and {FRACTION} after it"


class MoneyError(CrosstapeError, ValueError):
    """An amount that the ledger cannot hold exactly."""


def money(value: Decimal | int | str, field: str = "amount") -> Decimal:
    """The amount without trailing zeros, its sign of zero dropped; MoneyError when it is none, or does not fit.

    No float: what one means is a question of formatting, and the caller's to answer (`str(value)`).

    >>> money("1.2300"), money(100), money("-0")
    (Decimal('1.23'), Decimal('100'), Decimal('0'))
    """
    if isinstance(value, float) or not isinstance(value, Decimal | int | str):
        raise MoneyError(f"{field}: {type(value).__name__} is no exact number; allowed: {ALLOWED}")
    try:
        amount = value if isinstance(value, Decimal) else Decimal(value)
    except InvalidOperation as error:
        raise MoneyError(f"{field}: {str(value)[:40]!r} is no number; allowed: {ALLOWED}") from error
    if not amount.is_finite():
        raise MoneyError(f"{field}: {amount} is not finite; allowed: {ALLOWED}")
    if not amount:
        return Decimal(0)
    fits = -FRACTION <= amount.adjusted() < WHOLE
    short = amount.normalize(EXACT) if fits else amount
    exponent = int(short.as_tuple().exponent)
    if not fits or exponent < -FRACTION or short != amount:
        raise MoneyError(f"{field}: {str(amount)[:60]} does not fit; allowed: {ALLOWED}")
    return short.quantize(Decimal(1), context=EXACT) if exponent > 0 else short


@lru_cache(maxsize=16_384)
def written(amount: Decimal) -> str:
    """Plain digits, no exponent: one amount, one text.

    >>> written(money("1E+3")), written(money("0.10"))
    ('1000', '0.1')
    """
    if amount and amount.is_finite() and -FRACTION <= amount.adjusted() < WHOLE:
        # The way of almost all, at half the cost of `money`.
        short = amount.normalize(EXACT)
        text = format(short, "f")
        if short == amount and len(text.partition(".")[2]) <= FRACTION:
            return text
    return format(money(amount), "f")
