"""What a user keeps and what is seen on chains; keys that expire, are scoped and rotated; the audit log."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """From 0001."""
    for name in ("expires_ts", "replaced_by"):
        kind = sa.BigInteger if name == "expires_ts" else sa.Integer
        op.add_column("api_keys", sa.Column(name, kind, nullable=False, server_default="0"))
    op.add_column("api_keys", sa.Column("scopes", sa.String(400), nullable=False, server_default=""))
    _audit()
    _streams()
    _candles()
    _alerts()
    _signals()
    _rules()
    _strategies()
    _wallets()
    _tokens()
    _transactions()


def _audit() -> None:
    _make(
        "audit_log",
        *_numbers("ts"),
        *_texts(who=200),
        sa.Column("key_id", sa.Integer, nullable=False),
        *_texts(role=16, address=64, action=16, target=500),
        sa.Column("status", sa.Integer, nullable=False),
        *_texts(outcome=200),
        indexes=(("ts",),),
    )


def _streams() -> None:
    _make(
        "streams",
        *_texts(name=200, source=16, kind=16, symbol=200, origin=500),
        *_numbers("count", "from_ts", "to_ts", "created_ts", "updated_ts"),
        sa.UniqueConstraint("name", name="uq_streams_name"),
    )
    _make(
        "executions",
        sa.Column("stream_id", _id_type(), nullable=False),
        *_texts(trade_key=200),
        *_numbers("ts"),
        *_texts(instrument=200),
        sa.Column("side", sa.Integer, nullable=False),
        *_money("price", "size"),
        *_texts(trade_id=200, order_id=200, account=200),
        *_money("fee"),
        *_texts(fee_asset=40),
        *_money("fee_rate"),
        *_texts(liquidity=8, kind=16),
        sa.Column("inverse", sa.Boolean, nullable=False),
        *_money("multiplier"),
        sa.ForeignKeyConstraint(["stream_id"], ["streams.id"], name="fk_executions_stream_id", ondelete="CASCADE"),
        sa.UniqueConstraint(
            "stream_id", "instrument", "trade_key", name="uq_executions_stream_id_instrument_trade_key"
        ),
        indexes=(("stream_id", "ts"), ("instrument", "ts")),
    )


def _candles() -> None:
    measures = ("volume", "turnover", "trades", "taker_buy_volume")
    _make(
        "candles",
        *_texts(instrument=200, timeframe=8),
        *_numbers("ts"),
        *(sa.Column(name, sa.Double, nullable=False) for name in ("open", "high", "low", "close")),
        *(sa.Column(name, sa.Double) for name in measures),
        sa.Column("quality", sa.Integer, nullable=False),
        key=("instrument", "timeframe", "ts"),
        indexes=(("instrument", "ts"),),
    )


def _alerts() -> None:
    _make(
        "alerts",
        *_numbers("ts"),
        *_texts(rule=200, scope=16, severity=16, instrument=200),
        *(sa.Column(name, sa.Double) for name in ("value", "threshold")),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("entries", sa.JSON, nullable=False),
        *_numbers("acknowledged_ts"),
        indexes=(("instrument", "ts"), ("ts",)),
    )


def _signals() -> None:
    _make(
        "signals",
        *_numbers("ts"),
        *_texts(signal=200, instrument=200, timeframe=8),
        sa.Column("direction", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Double) for name in ("strength", "confidence", "price")),
        sa.Column("entries", sa.JSON, nullable=False),
        indexes=(("instrument", "ts"), ("signal", "ts")),
    )


def _rules() -> None:
    _make(
        "rules",
        *_texts(name=200, owner=200, scope=16),
        sa.Column("condition", sa.Text, nullable=False),
        *_texts(severity=16),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("cooldown_s", sa.Double, nullable=False),
        sa.Column("entries", sa.JSON, nullable=False),
        *_numbers("created_ts", "updated_ts"),
        sa.UniqueConstraint("name", name="uq_rules_name"),
    )
    _make(
        "saved_boards",
        *_texts(name=200),
        sa.Column("sql", sa.Text, nullable=False),
        *_texts(owner=200),
        *_numbers("created_ts", "updated_ts"),
        key=("name",),
    )


def _strategies() -> None:
    _make(
        "strategy_executions",
        *_numbers("ts"),
        *_texts(strategy_id=200, strategy_type=40, instrument=200),
        *_money("entry_price", "exit_price", "quantity", "pnl", nullable=True),
        sa.Column("gas_used", sa.BigInteger),
        *_money("gas_cost", nullable=True),
        sa.Column("execution_time_ms", sa.Double),
        sa.Column("success", sa.Boolean, nullable=False),
        sa.Column("error_message", sa.Text, nullable=False),
        indexes=(("strategy_id", "ts"), ("instrument", "ts")),
    )


def _wallets() -> None:
    _make(
        "wallets",
        *_texts(address=100, chain=40, label=200, tracking=16),
        *_numbers("created_ts"),
        key=("address",),
    )
    _make(
        "wallet_balances",
        *_texts(wallet_address=100, token_mint=100),
        *_numbers("updated_ts"),
        *_money("balance"),
        *_money("usd_value", nullable=True),
        key=("wallet_address", "token_mint", "updated_ts"),
        indexes=(("updated_ts",),),
    )


def _tokens() -> None:
    _make(
        "token_prices",
        *_texts(mint=100),
        *_numbers("ts"),
        *_texts(source=40),
        *_money("price"),
        *_money("volume_24h", "market_cap", nullable=True),
        key=("mint", "ts", "source"),
        indexes=(("ts",),),
    )


def _transactions() -> None:
    _make(
        "transactions",
        *_texts(signature=128),
        *_numbers("block_ts", "slot"),
        *_money("fee"),
        *_texts(status=16, program_id=100, wallet_address=100),
        sa.Column("accounts", sa.JSON, nullable=False),
        sa.Column("instruction_data", sa.Text, nullable=False),
        key=("signature",),
        indexes=(("block_ts",), ("program_id", "block_ts"), ("wallet_address", "block_ts")),
    )


def _make(name: str, *parts: Any, key: tuple[str, ...] = (), indexes: tuple[tuple[str, ...], ...] = ()) -> None:
    """A table; without a key it counts its rows in `id`."""
    numbered = () if key else (sa.Column("id", _id_type(), nullable=False),)
    op.create_table(name, *numbered, *parts, sa.PrimaryKeyConstraint(*(key or ("id",)), name=f"pk_{name}"))
    for columns in indexes:
        op.create_index(f"ix_{name}_{'_'.join(columns)}", name, list(columns))


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False) for name in names]


def _texts(**lengths: int) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(length), nullable=False) for name, length in lengths.items()]


def _money(*names: str, nullable: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, _money_type(), nullable=nullable) for name in names]


def _money_type() -> sa.types.TypeEngine[Any]:
    return sa.Numeric(38, 18).with_variant(sa.Text(collation="MONEY"), "sqlite")


def _id_type() -> sa.types.TypeEngine[Any]:
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")
