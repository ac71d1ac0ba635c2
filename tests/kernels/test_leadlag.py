"""A known lead is found within its stated error, and no lead is claimed where nothing moves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from crosstape.kernels.leadlag import lead_lag


@pytest.mark.parametrize("lag", [-7, -1, 0, 2, 12])
def test_a_known_lead(lag: int) -> None:
    chance = np.random.default_rng(lag + 50)
    latent = np.exp(np.cumsum(chance.normal(0, 1e-4, 3_100)))
    noise = np.exp(chance.normal(0, 3e-5, (2, 3_000)))
    a, b = latent[50:3_050] * noise[0], latent[50 - lag : 3_050 - lag] * noise[1]
    steps, error = lead_lag(a, b, 20)
    assert abs(steps - lag) < max(4 * error, 0.3)
    assert error < 1.0
    back, _ = lead_lag(b, a, 20)
    assert back == pytest.approx(-steps, abs=0.3)


def test_half_a_step() -> None:
    chance = np.random.default_rng(3)
    fine = np.exp(np.cumsum(chance.normal(0, 1e-4, 6_100)))
    steps, _ = lead_lag(fine[100:6_100:2], fine[99:6_099:2], 20)
    assert steps == pytest.approx(0.5, abs=0.2)


def test_nothing_to_tell() -> None:
    still = np.full(3_000, 100.0)
    moving = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 1e-4, 3_000)))
    assert all(math.isnan(x) for x in lead_lag(still, moving, 20))
    assert all(math.isnan(x) for x in lead_lag(np.full(3_000, np.nan), moving, 20))
    assert all(math.isnan(x) for x in lead_lag(moving[:100], moving[:100], 20))
