"""Figures of a series of returns or of an equity curve. NaN = not defined, and a reason says why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
NAN = float("nan")
Reasoned = tuple[float, str]


def sharpe(returns: F64, periods_per_year: float) -> Reasoned:
    """Mean over standard deviation (ddof 1), annualised; risk-free rate 0.

    >>> round(sharpe(np.array([0.01, 0.1, -0.04, 0.02, 0.03, 0.02, 0.01, -0.1]), 252)[0], 6)
    1.723861
    >>> sharpe(np.array([0.01]), 365)
    (nan, 'too_few')
    """
    if returns.size < 2:
        return NAN, "too_few"
    deviation = float(returns.std(ddof=1))
    if deviation <= 1e-12 * max(float(np.abs(returns).max()), 1e-300):
        return NAN, "no_variation"
    return float(returns.mean()) / deviation * periods_per_year**0.5, ""


def sortino(returns: F64, periods_per_year: float) -> Reasoned:
    """Mean over downside deviation (root mean square of what is below 0), annualised."""
    if returns.size < 2:
        return NAN, "too_few"
    downside = float(np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2)))
    if downside == 0.0:
        return NAN, "no_losses"
    return float(returns.mean()) / downside * periods_per_year**0.5, ""


def drawdown(equity: F64) -> F64:
    """Equity below its highest so far, as a fraction of that; ≤ 0. NaN while the highest is not above 0.

    >>> [round(float(x), 2) for x in drawdown(np.array([10.0, 5, 4, 20, 10]))]
    [0.0, -0.5, -0.6, 0.0, -0.5]
    """
    peak = np.maximum.accumulate(equity) if equity.size else equity
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(peak > 0, equity / peak - 1.0, np.nan)


def max_drawdown(equity: F64) -> float:
    """The deepest, as a fraction; ≤ 0. NaN without equity above 0."""
    depth = drawdown(equity)
    known = depth[~np.isnan(depth)]
    return float(known.min()) if known.size else NAN


def max_drop(equity: F64) -> float:
    """The deepest fall below the highest so far, which begins at 0, in the equity's own unit; ≤ 0.

    >>> max_drop(np.array([10.0, -5.0, 3.0])), max_drop(np.array([-2.0, 1.0]))
    (-15.0, -2.0)
    """
    if not equity.size:
        return 0.0
    peak = np.maximum(np.maximum.accumulate(equity), 0.0)
    return float((equity - peak).min())


def profit_factor(outcomes: Sequence[float]) -> Reasoned:
    """Gains over losses.

    >>> profit_factor([3.0, -2.0]), profit_factor([1.0]), profit_factor([])
    ((1.5, ''), (nan, 'no_losses'), (nan, 'no_trades'))
    """
    if not outcomes:
        return NAN, "no_trades"
    lost = -sum(x for x in outcomes if x < 0)
    return (sum(x for x in outcomes if x > 0) / lost, "") if lost else (NAN, "no_losses")


def streaks(outcomes: Sequence[float]) -> tuple[int, int]:
    """Longest runs of gains and of losses.

    >>> streaks([1.0, 2.0, -1.0, 3.0])
    (2, 1)
    """
    longest = {True: 0, False: 0}
    run, last = 0, None
    for won in (x > 0 for x in outcomes):
        run, last = (run + 1 if won == last else 1), won
        longest[won] = max(longest[won], run)
    return longest[True], longest[False]
