"""Recorded wire data that lies beside the repository; tests that need it skip, saying so, where it is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("CROSSTAPE_SHARED", ROOT.parent / "shared"))
BYBIT = SHARED / "data" / "bybit"
needs_shared = pytest.mark.skipif(
    not BYBIT.is_dir(), reason=f"recorded data is absent: {SHARED} (set CROSSTAPE_SHARED)"
)
