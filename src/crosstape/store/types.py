"""Column types that mean the same on every database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Double
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class Measure(TypeDecorator[float]):
    """A float64 that may be not known: NaN in crosstape, NULL in the database (SQLite has no NaN)."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """NaN -> NULL."""
        return None if value is None or value != value else value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> float:
        """NULL -> NaN."""
        return float("nan") if value is None else float(value)
