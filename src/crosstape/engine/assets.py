"""Sums over the instruments of an asset."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from crosstape.engine.view import Assets
from crosstape.state.catalogue import Catalogue

F64 = NDArray[np.float64]
SUMMED = ("turnover_usd_24h", "turnover_usd_1h", "turnover_usd_5m", "oi_usd", "liquidations_usd_1h")


def group(known: Catalogue, columns: Mapping[str, F64], across: Mapping[str, F64]) -> Assets:
    """One row an asset: how many instruments, sums in dollars, means weighted by 24 h turnover, and what the
    comparison across venues found (`across`)."""
    code, n = known.asset_code, len(known.assets)
    alive = known.alive & (code >= 0)
    weight = np.where(alive, np.nan_to_num(columns["turnover_usd_24h"]), 0.0)
    out: dict[str, F64] = {"instruments": np.bincount(code[alive], minlength=n).astype(np.float64)}
    for name in SUMMED:
        out[name] = _sum(code, alive, columns[name], n)
    out["cvd_usd_5m"] = _sum(code, alive, columns["cvd_5m"] * known.usd, n)
    out["price_usd"] = _mean(code, alive, columns["last"] * known.usd, weight, n)
    out["change_24h"] = _mean(code, alive, columns["change_24h"], weight, n)
    out["funding_8h"] = _mean(code, alive, columns["funding_8h"], np.nan_to_num(columns["oi_usd"]), n)
    return Assets(tuple(known.assets), out | dict(across), code)


def _sum(code: NDArray[np.intp], alive: NDArray[np.bool_], values: F64, n: int) -> F64:
    """NaN where no instrument of the asset has a value."""
    fit = alive & ~np.isnan(values)
    total = np.bincount(code[fit], values[fit], minlength=n)
    return np.where(np.bincount(code[fit], minlength=n) > 0, total, np.nan)


def _mean(code: NDArray[np.intp], alive: NDArray[np.bool_], values: F64, weight: F64, n: int) -> F64:
    fit = alive & ~np.isnan(values) & (weight > 0)
    total = np.bincount(code[fit], values[fit] * weight[fit], minlength=n)
    weights = np.bincount(code[fit], weight[fit], minlength=n)
    return total / np.where(weights > 0, weights, np.nan)
