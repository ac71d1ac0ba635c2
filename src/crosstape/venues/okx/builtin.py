"""What is known of OKX without asking."""

from __future__ import annotations

from crosstape.model.instrument import Instrument, InstrumentKind

# Coins a linear contract counts, as their catalogue said on 2022-05-13. A coin that was not in it is left out: a
# wrong contract size is worse than a missing row.
_COINS = (
    (0.01, "BTC ICP MKR"),
    (0.1, "ETH AAVE APE AXS BCH FIL EGLD ENS KSM XMR ZEC DASH"),
    (1.0, "SOL LTC DOT AVAX LINK UNI ATOM CRV NEO DYDX MASK SNX SUSHI XTZ IMX"),
    (10.0, "NEAR ETC ALGO GALA SAND GRT CFX CHZ EOS IOTA THETA"),
    (100.0, "XRP ADA XLM"),
    (1000.0, "DOGE TRX"),
    (1_000_000.0, "SHIB"),
)
_INVERSE = "BTC ETH LTC DOT DOGE SOL ADA AVAX BCH ETC FIL LINK UNI XRP"


def builtin() -> tuple[Instrument, ...]:
    """Enough to go on when their REST refuses us: well-known swaps and spot pairs, undescribed."""
    return (
        *(_linear(coin, size) for size, coins in _COINS for coin in coins.split()),
        *(_inverse(coin) for coin in _INVERSE.split()),
        *(_spot(coin) for _, coins in _COINS for coin in coins.split()),
    )


def _linear(coin: str, size: float) -> Instrument:
    return Instrument(
        "okx-swap", f"{coin}-USDT-SWAP", InstrumentKind.PERP, coin, "USDT", "USDT", contract=size, described=False
    )


def _inverse(coin: str) -> Instrument:
    return Instrument(
        "okx-swap", f"{coin}-USD-SWAP", InstrumentKind.PERP, coin, "USD", coin,
        contract=100.0 if coin == "BTC" else 10.0, inverse=True, described=False,
    )  # fmt: skip


def _spot(coin: str) -> Instrument:
    return Instrument("okx-spot", f"{coin}-USDT", InstrumentKind.SPOT, coin, "USDT", "USDT", described=False)
