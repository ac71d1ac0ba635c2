"""What the machine is told: it reaches it as the tape's first frame, a COMMAND."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from crosstape.arb.fees import Fee
from crosstape.model.errors import ConfigError


class Universe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which instruments of a market get streams. Those left out are still listed and polled (tier C).

    enabled                     take streams of this market at all
    top                         how many, by 24 h turnover; 0 = all
    deep                        how many of them with the whole book (tier A); the rest get best bid and offer (B)
    symbols                     native symbols always taken, tier A
    exclude_symbols             native symbols never taken
    min_24h_volume              turnover below which none is taken; unknown turnover is no reason to leave one out
    preferred_quote_currencies  only these quotes
    """

    enabled: bool = True
    top: Annotated[int, Meta(ge=0)] = 50
    deep: Annotated[int, Meta(ge=0)] = 50
    symbols: tuple[str, ...] = ()
    exclude_symbols: tuple[str, ...] = ()
    min_24h_volume: Annotated[float, Meta(ge=0)] = 1_000_000.0
    preferred_quote_currencies: tuple[str, ...] = ("USDT", "USDC", "BTC", "USD")


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the machine works by; `engine.universe` is the default, `engine.markets.<name>` the exceptions.

    mode             live or simulated: the latter flags every row
    primary          venues an asset's price and candles are taken from, first choice first
    fees             own fees by market, instead of the published entry tiers
    cross_check_s    how often one deep book of each market is held against the venue's REST; 0 = never
    backfill_hours   of one-minute candles asked for once for every tier A instrument; 0 = none
    """

    mode: Literal["live", "simulated"] = "live"
    universe: Universe = Universe()
    markets: dict[str, Universe] = {}
    primary: tuple[str, ...] = ("bybit", "binance", "okx", "hyperliquid")
    fees: dict[str, Fee] = {}
    cross_check_s: Annotated[float, Meta(ge=0)] = 0.0
    backfill_hours: Annotated[float, Meta(ge=0, le=168)] = 4.0

    def of(self, market: str) -> Universe:
        """The market's own universe, or the default."""
        return self.markets.get(market, self.universe)


class Configure(msgspec.Struct, frozen=True, tag="configure", tag_field="op"):
    """COMMAND: these settings hold from here on. `fresh`: and nothing before this frame is remembered, which is
    how a run that could not restore begins on a folder that holds an older tape."""

    settings: EngineSettings
    fresh: bool = False


class SetUniverse(msgspec.Struct, frozen=True, tag="universe", tag_field="op"):
    """COMMAND: one market's universe."""

    market: str
    universe: Universe


class ForgetAccount(msgspec.Struct, frozen=True, tag="forget", tag_field="op"):
    """COMMAND: the own account of this source is followed no more, and shown no more."""

    source: str


Command = Configure | SetUniverse | ForgetAccount
_commands = msgspec.json.Decoder(Command)


def encode_command(command: Command) -> bytes:
    """The payload of a COMMAND frame."""
    return msgspec.json.encode(command)


def decode_command(payload: bytes) -> Command:
    """Back from a COMMAND frame; ConfigError names the field."""
    try:
        command: Command = _commands.decode(payload)
    except msgspec.MsgspecError as error:
        raise ConfigError(f"command: {error}") from error
    return command
