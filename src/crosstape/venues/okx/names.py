"""OKX's instrument names, and what they alone tell."""

from __future__ import annotations

MS = 1_000_000
NAN = float("nan")
KINDS = {"swap": "SWAP", "spot": "SPOT", "futures": "FUTURES"}


def pair_of(native: str) -> str:
    """The index an instrument follows. `_UM` contracts are margined in dollar coins but follow the dollar index.

    >>> pair_of("BTC-USDT-SWAP"), pair_of("BTC-USD-261225"), pair_of("ETH-USD_UM_XPERP-310404")
    ('BTC-USDT', 'BTC-USD', 'ETH-USD')
    """
    base, _, rest = native.partition("-")
    return f"{base}-{rest.partition('-')[0].partition('_')[0]}"


def kind_of(native: str) -> str:
    """Their instType.

    >>> kind_of("BTC-USDT"), kind_of("BTC-USDT-SWAP"), kind_of("BTC-USD-261225")
    ('SPOT', 'SWAP', 'FUTURES')
    """
    if native.endswith("-SWAP"):
        return "SWAP"
    return "FUTURES" if native.count("-") > 1 else "SPOT"


def is_inverse(native: str) -> bool:
    """Whether its contracts count dollars and pay coins: quoted in USD itself and not margined in a dollar coin.

    >>> is_inverse("BTC-USD-SWAP"), is_inverse("BTC-USD_UM-SWAP"), is_inverse("BTC-USD")
    (True, False, False)
    """
    parts = native.split("-")
    return len(parts) > 2 and parts[1] == "USD"


def number(text: str) -> float:
    """Their text as a number; "" is their null."""
    return float(text) if text else NAN
