"""The ledger's own tables as they are now; `migrations/` says how they became so. Times are ns since the epoch.

What a user keeps is in `tables_user`, what is seen on chains in `tables_chain`; all are in TABLES.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Double, Index, Integer, LargeBinary, MetaData, String, Table

from crosstape.store.types import Id, Measure

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
    Column("expires_ts", BigInteger, nullable=False),
    Column("scopes", String(400), nullable=False),
    Column("replaced_by", Integer, nullable=False),
)

AUDIT_LOG = Table(
    "audit_log",
    TABLES,
    Column("id", Id, primary_key=True),
    Column("ts", BigInteger, nullable=False),
    Column("who", String(200), nullable=False),
    Column("key_id", Integer, nullable=False),
    Column("role", String(16), nullable=False),
    Column("address", String(64), nullable=False),
    Column("action", String(16), nullable=False),
    Column("target", String(500), nullable=False),
    Column("status", Integer, nullable=False),
    Column("outcome", String(200), nullable=False),
    Index(None, "ts"),
)
