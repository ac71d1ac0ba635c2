"""The first tables: completeness, prefs, api_keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """From an empty database."""
    op.create_table(
        "completeness",
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False, autoincrement=False),
        *(_count(name) for name in ("frames", "bytes", "gaps")),
        sa.Column("seconds_lost", sa.Double, nullable=False),
        *(_count(name) for name in ("repaired", "duplicates", "decode_errors")),
        *(sa.Column(name, sa.Double) for name in ("lag_p50_ms", "lag_p99_ms", "clock_offset_ms")),
        sa.PrimaryKeyConstraint("source", "hour", name="pk_completeness"),
    )
    op.create_index("ix_completeness_hour", "completeness", ["hour"])
    op.create_table(
        "prefs",
        sa.Column("user", sa.String(200), nullable=False),
        sa.Column("entries", sa.JSON, nullable=False),
        _count("updated_ts"),
        sa.PrimaryKeyConstraint("user", name="pk_prefs"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        *(_count(name) for name in ("created_ts", "revoked_ts")),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("prefix", name="uq_api_keys_prefix"),
    )


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)
