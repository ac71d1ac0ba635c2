"""What is known of Hyperliquid without asking."""

from __future__ import annotations

from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.venues.hyperliquid.names import PERPS, SPOT, base_of

_COINS = (
    "BTC ETH SOL XRP DOGE BNB ADA TRX AVAX LINK SUI TON DOT LTC BCH NEAR APT UNI ARB OP AAVE ATOM INJ HYPE",
    "TIA SEI WLD ENA ONDO JUP TAO RENDER STX LDO CRV PENDLE DYDX GMX kPEPE kSHIB kBONK kFLOKI",
)
_PAIRS = (("PURR/USDC", "PURR"), ("@107", "HYPE"))


def builtin() -> tuple[Instrument, ...]:
    """Enough to go on when their REST refuses us: the majors of their own dex, and two pairs, undescribed."""
    return (
        *(_perpetual(coin) for coin in " ".join(_COINS).split()),
        *(Instrument(SPOT, n, InstrumentKind.SPOT, b, "USDC", "USDC", described=False) for n, b in _PAIRS),
    )


def _perpetual(coin: str) -> Instrument:
    base, multiplier = base_of(coin)
    return Instrument(
        PERPS, coin, InstrumentKind.PERP, base, "USDC", "USDC", multiplier, funding_hours=1.0, described=False
    )
