"""What is known of Binance without asking."""

from __future__ import annotations

from crosstape.model.instrument import Instrument, InstrumentKind

_MAJORS = (
    "BTC ETH SOL XRP DOGE BNB ADA TRX AVAX LINK SUI TON DOT LTC BCH NEAR APT UNI ARB OP AAVE ATOM FIL INJ",
    "TIA SEI WLD ENA ONDO HYPE JUP TAO RENDER FET ETC XLM HBAR ICP ALGO LDO CRV PENDLE STRK WIF ORDI",
)
_SCALED = (
    ("1000PEPE", "PEPE", 1e3),
    ("1000BONK", "BONK", 1e3),
    ("1000FLOKI", "FLOKI", 1e3),
    ("1000SHIB", "SHIB", 1e3),
    ("1000SATS", "SATS", 1e3),
    ("1MBABYDOGE", "BABYDOGE", 1e6),
)


def builtin() -> tuple[Instrument, ...]:
    """Enough to go on when their REST refuses us: the majors, undescribed. No COIN-M: contract sizes differ."""
    majors = " ".join(_MAJORS).split()
    perps = [_perp(f"{coin}USDT", coin, 1.0) for coin in majors]
    perps += [_perp(f"{native}USDT", coin, multiplier) for native, coin, multiplier in _SCALED]
    spot = [
        Instrument("binance-spot", f"{c}USDT", InstrumentKind.SPOT, c, "USDT", "USDT", described=False)
        for c in majors
        if c != "HYPE"
    ]
    return (*perps, *spot)


def _perp(native: str, coin: str, multiplier: float) -> Instrument:
    return Instrument(
        "binance-usdm", native, InstrumentKind.PERP, coin, "USDT", "USDT", multiplier, described=False
    )
