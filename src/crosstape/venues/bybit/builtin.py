"""What is known of Bybit without asking."""

from __future__ import annotations

from crosstape.model.instrument import Instrument, InstrumentKind

_MAJORS = (
    "BTC ETH SOL XRP DOGE BNB ADA TRX AVAX LINK SUI TON DOT LTC BCH NEAR APT UNI ARB OP AAVE ATOM FIL INJ",
    "TIA SEI WLD ENA ONDO HYPE JUP TAO RENDER FET STX ETC XLM HBAR ICP ALGO LDO CRV PENDLE STRK WIF ORDI",
)
_SCALED = (("1000PEPE", "PEPE"), ("1000BONK", "BONK"), ("1000FLOKI", "FLOKI"), ("SHIB1000", "SHIB"))
_INVERSE = ("BTC", "ETH", "XRP", "SOL")


def builtin() -> tuple[Instrument, ...]:
    """Enough to go on when their REST refuses us: the majors, undescribed."""
    majors = " ".join(_MAJORS).split()
    perps = [_linear(f"{coin}USDT", coin, 1.0) for coin in majors]
    perps += [_linear(f"{native}USDT", base, 1000.0) for native, base in _SCALED]
    inverse = [
        Instrument("bybit-inverse", f"{c}USD", InstrumentKind.PERP, c, "USD", c, inverse=True, described=False)
        for c in _INVERSE
    ]
    spot = [
        Instrument("bybit-spot", f"{c}USDT", InstrumentKind.SPOT, c, "USDT", "USDT", described=False)
        for c in majors[:40]
    ]
    return (*perps, *inverse, *spot)


def _linear(native: str, base: str, multiplier: float) -> Instrument:
    return Instrument(
        "bybit-linear", native, InstrumentKind.PERP, base, "USDT", "USDT", multiplier, described=False
    )
