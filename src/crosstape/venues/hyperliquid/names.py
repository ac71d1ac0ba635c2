"""Hyperliquid's coin strings, and what they and a few constants tell."""

from __future__ import annotations

import re

MS = 1_000_000
NAN = float("nan")
PERPS, SPOT = "hyperliquid", "hyperliquid-spot"
# Indices into their list of spot tokens. Another one is named after its index: such rows are listed, and no
# universe that prefers known quote currencies takes them.
COLLATERAL = {0: "USDC", 235: "USDE", 268: "USDT0", 360: "USDH"}
_THOUSAND = re.compile(r"k([A-Z][A-Z0-9]*)")


def dex_of(coin: str) -> str:
    """The dex of a perpetual, "" for their own.

    >>> dex_of("xyz:TSLA"), dex_of("BTC")
    ('xyz', '')
    """
    dex, colon, _ = coin.partition(":")
    return dex if colon else ""


def base_of(coin: str) -> tuple[str, float]:
    """The base asset of a perpetual and how many of it one unit counts.

    >>> base_of("kPEPE"), base_of("xyz:TSLA"), base_of("kX1"), base_of("k*")
    (('PEPE', 1000.0), ('TSLA', 1.0), ('X1', 1000.0), ('k*', 1.0))
    """
    name = coin.rpartition(":")[2]
    match = _THOUSAND.fullmatch(name)
    return (match[1], 1000.0) if match else (name, 1.0)


def number(text: str | None) -> float:
    """Their text as a number; null and "" are not known."""
    return float(text) if text else NAN
