"""One small tape for all engine tests."""

from __future__ import annotations

import pytest

from crosstape.model.frame import Frame
from support.world import tape_of


@pytest.fixture(scope="session")
def tape() -> list[Frame]:
    """Seven simulated seconds of three categories."""
    return tape_of(7.0)
