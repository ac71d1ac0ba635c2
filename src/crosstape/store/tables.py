"""The ledger's tables as they are now; `migrations/` says how they became so. Times are ns since the epoch."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Double, Index, Integer, LargeBinary, MetaData, String, Table

from crosstape.store.types import Measure

TABLES = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

COMPLETENESS = Table(
    "completeness",
    TABLES,
    Column("source", String(200), primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("frames", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("gaps", BigInteger, nullable=False),
    Column("seconds_lost", Double, nullable=False),
    Column("repaired", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("decode_errors", BigInteger, nullable=False),
    Column("lag_p50_ms", Measure, nullable=True),
    Column("lag_p99_ms", Measure, nullable=True),
    Column("clock_offset_ms", Measure, nullable=True),
    Index(None, "hour"),
)

PREFS = Table(
    "prefs",
    TABLES,
    Column("user", String(200), primary_key=True),
    Column("entries", JSON, nullable=False),
    Column("updated_ts", BigInteger, nullable=False),
)

API_KEYS = Table(
    "api_keys",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("prefix", String(16), nullable=False, unique=True),
    Column("hash", LargeBinary(32), nullable=False),
    Column("role", String(16), nullable=False),
    Column("created_ts", BigInteger, nullable=False),
    Column("revoked_ts", BigInteger, nullable=False),
)
