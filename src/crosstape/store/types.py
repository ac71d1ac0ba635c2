"""Column types that mean the same on every database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Double, Integer, Numeric, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from crosstape.model.money import FRACTION, WHOLE, money, written

MONEY_ORDER = "MONEY"


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


class Money(TypeDecorator[Decimal]):
    """An exact amount: NUMERIC(38, 18) on PostgreSQL; on SQLite, which has no decimals, TEXT in one form only.

    Comparing and ordering are by value on both: one amount has one text, and SQLite compares it through the
    collation MONEY, which every connection of ours defines (`collate`). Sums are for DuckDB or Python: SQLite
    would add the texts up as floats. MoneyError for what does not fit; NULL = not known.
    """

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type in the database."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text(collation=MONEY_ORDER))
        return dialect.type_descriptor(Numeric(WHOLE + FRACTION, FRACTION))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Decimal -> what the database takes."""
        if value is None:
            return None
        return written(value) if dialect.name == "sqlite" else money(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        """What the database gives -> Decimal, without trailing zeros."""
        if value is None:
            return None
        return Decimal(value) if dialect.name == "sqlite" else money(value)


class Id(TypeDecorator[int]):
    """A row's number that counts up on both: SQLite does so for INTEGER alone."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type in the database."""
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())


def collate(one: str, other: str) -> int:
    """SQLite's order of two amounts: by value."""
    first, second = Decimal(one), Decimal(other)
    return (first > second) - (first < second)
