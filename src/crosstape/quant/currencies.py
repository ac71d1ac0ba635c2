"""What an instrument's name says about its currencies."""

from __future__ import annotations

import re
from functools import lru_cache

# Longest first, so that FDUSD is not taken for USD.
QUOTES = ("FDUSD", "USDT", "USDC", "USDE", "BUSD", "USD", "EUR", "GBP", "JPY", "TRY", "BRL", "DAI", "BTC",
          "ETH", "BNB")  # fmt: skip
ALIASES = {"XBT": "BTC"}
WORD = re.compile(r"[-_/:. ]+")


@lru_cache(maxsize=16_384)
def currencies(instrument: str) -> tuple[str, str]:
    """(base, quote) by the native name; "" where it says nothing. A contract without a quote is in USD.

    >>> currencies("x:BTCUSDT"), currencies("okx-swap:ETH-USDT-SWAP"), currencies("deribit:ETH-PERPETUAL")
    (('BTC', 'USDT'), ('ETH', 'USDT'), ('ETH', 'USD'))
    >>> currencies("bitmex:XBTUSD"), currencies("hyperliquid:PURR/USDC"), currencies("import:what")
    (('BTC', 'USD'), ('PURR', 'USDC'), ('WHAT', ''))
    """
    native = instrument.partition(":")[2].upper() or instrument.upper()
    parts = [part for part in WORD.split(native) if part]
    if len(parts) > 1 and parts[1] in QUOTES:
        return ALIASES.get(parts[0], parts[0]), parts[1]
    # What follows the pair is the product: BTCUSDT_UMCBL, BTC-PERPETUAL.
    first = parts[0] if parts else native
    for quote in QUOTES:
        base = first.removesuffix(quote)
        if base and base != first:
            return ALIASES.get(base, base), quote
    return ALIASES.get(first, first), "USD" if len(parts) > 1 else ""
