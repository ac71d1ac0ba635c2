"""What a user keeps: streams and executions, candles, alerts, signals, rules, saved boards, strategy executions.

Ticks are not here: a row a trade in a database costs ten times the room and time of a Parquet column.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from crosstape.store.tables import TABLES
from crosstape.store.types import Id, Measure, Money

STREAMS = Table(
    "streams",
    TABLES,
    Column("id", Id, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("source", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("symbol", String(200), nullable=False),
    Column("origin", String(500), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("from_ts", BigInteger, nullable=False),
    Column("to_ts", BigInteger, nullable=False),
    Column("created_ts", BigInteger, nullable=False),
    Column("updated_ts", BigInteger, nullable=False),
)

EXECUTIONS = Table(
    "executions",
    TABLES,
    Column("id", Id, primary_key=True),
    Column("stream_id", Id, ForeignKey("streams.id", ondelete="CASCADE"), nullable=False),
    Column("trade_key", String(200), nullable=False),
    Column("ts", BigInteger, nullable=False),
    Column("instrument", String(200), nullable=False),
    Column("side", Integer, nullable=False),
    Column("price", Money, nullable=False),
    Column("size", Money, nullable=False),
    Column("trade_id", String(200), nullable=False),
    Column("order_id", String(200), nullable=False),
    Column("account", String(200), nullable=False),
    Column("fee", Money, nullable=False),
    Column("fee_asset", String(40), nullable=False),
    Column("fee_rate", Money, nullable=False),
    Column("liquidity", String(8), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("inverse", Boolean, nullable=False),
    Column("multiplier", Money, nullable=False),
    UniqueConstraint("stream_id", "instrument", "trade_key"),
    Index(None, "stream_id", "ts"),
    Index(None, "instrument", "ts"),
)

CANDLES = Table(
    "candles",
    TABLES,
    Column("instrument", String(200), primary_key=True),
    Column("timeframe", String(8), primary_key=True),
    Column("ts", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, Double, nullable=False) for name in ("open", "high", "low", "close")),
    *(Column(name, Measure, nullable=True) for name in ("volume", "turnover", "trades", "taker_buy_volume")),
    Column("quality", Integer, nullable=False),
    Index(None, "instrument", "ts"),
)

ALERTS = Table(
    "alerts",
    TABLES,
    Column("id", Id, primary_key=True),
    Column("ts", BigInteger, nullable=False),
    Column("rule", String(200), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("instrument", String(200), nullable=False),
    Column("value", Measure, nullable=True),
    Column("threshold", Measure, nullable=True),
    Column("message", Text, nullable=False),
    Column("entries", JSON, nullable=False),
    Column("acknowledged_ts", BigInteger, nullable=False),
    Index(None, "instrument", "ts"),
    Index(None, "ts"),
)

SIGNALS = Table(
    "signals",
    TABLES,
    Column("id", Id, primary_key=True),
    Column("ts", BigInteger, nullable=False),
    Column("signal", String(200), nullable=False),
    Column("instrument", String(200), nullable=False),
    Column("timeframe", String(8), nullable=False),
    Column("direction", Integer, nullable=False),
    Column("strength", Measure, nullable=True),
    Column("confidence", Measure, nullable=True),
    Column("price", Measure, nullable=True),
    Column("entries", JSON, nullable=False),
    Index(None, "instrument", "ts"),
    Index(None, "signal", "ts"),
)

RULES = Table(
    "rules",
    TABLES,
    Column("id", Id, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("owner", String(200), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("condition", Text, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("cooldown_s", Double, nullable=False),
    Column("entries", JSON, nullable=False),
    Column("created_ts", BigInteger, nullable=False),
    Column("updated_ts", BigInteger, nullable=False),
)

SAVED_BOARDS = Table(
    "saved_boards",
    TABLES,
    Column("name", String(200), primary_key=True),
    Column("sql", Text, nullable=False),
    Column("owner", String(200), nullable=False),
    Column("created_ts", BigInteger, nullable=False),
    Column("updated_ts", BigInteger, nullable=False),
)

STRATEGY_EXECUTIONS = Table(
    "strategy_executions",
    TABLES,
    Column("id", Id, primary_key=True),
    Column("ts", BigInteger, nullable=False),
    Column("strategy_id", String(200), nullable=False),
    Column("strategy_type", String(40), nullable=False),
    Column("instrument", String(200), nullable=False),
    *(Column(name, Money, nullable=True) for name in ("entry_price", "exit_price", "quantity", "pnl")),
    Column("gas_used", BigInteger, nullable=True),
    Column("gas_cost", Money, nullable=True),
    Column("execution_time_ms", Measure, nullable=True),
    Column("success", Boolean, nullable=False),
    Column("error_message", Text, nullable=False),
    Index(None, "strategy_id", "ts"),
    Index(None, "instrument", "ts"),
)
