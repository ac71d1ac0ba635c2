"""What is seen on chains: wallets, their balances, token prices, transactions."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, String, Table, Text

from crosstape.store.tables import TABLES
from crosstape.store.types import Money

WALLETS = Table(
    "wallets",
    TABLES,
    Column("address", String(100), primary_key=True),
    Column("chain", String(40), nullable=False),
    Column("label", String(200), nullable=False),
    Column("tracking", String(16), nullable=False),
    Column("created_ts", BigInteger, nullable=False),
)

WALLET_BALANCES = Table(
    "wallet_balances",
    TABLES,
    Column("wallet_address", String(100), primary_key=True),
    Column("token_mint", String(100), primary_key=True),
    Column("updated_ts", BigInteger, primary_key=True, autoincrement=False),
    Column("balance", Money, nullable=False),
    Column("usd_value", Money, nullable=True),
    Index(None, "updated_ts"),
)

TOKEN_PRICES = Table(
    "token_prices",
    TABLES,
    Column("mint", String(100), primary_key=True),
    Column("ts", BigInteger, primary_key=True, autoincrement=False),
    Column("source", String(40), primary_key=True),
    Column("price", Money, nullable=False),
    Column("volume_24h", Money, nullable=True),
    Column("market_cap", Money, nullable=True),
    Index(None, "ts"),
)

TRANSACTIONS = Table(
    "transactions",
    TABLES,
    Column("signature", String(128), primary_key=True),
    Column("block_ts", BigInteger, nullable=False),
    Column("slot", BigInteger, nullable=False),
    Column("fee", Money, nullable=False),
    Column("status", String(16), nullable=False),
    Column("program_id", String(100), nullable=False),
    Column("wallet_address", String(100), nullable=False),
    Column("accounts", JSON, nullable=False),
    Column("instruction_data", Text, nullable=False),
    Index(None, "block_ts"),
    Index(None, "program_id", "block_ts"),
    Index(None, "wallet_address", "block_ts"),
)
