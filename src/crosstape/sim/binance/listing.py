"""Which contracts Binance lists on the world's assets, with its native symbols, ticks and lots."""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from crosstape.sim.assets import Asset
from crosstape.sim.listing import Contract, Kind, build, digits, fridays

PREFIXES: Final = {
    "PEPE": ("1000", 1000), "BONK": ("1000", 1000), "FLOKI": ("1000", 1000), "LUNC": ("1000", 1000),
    "XEC": ("1000", 1000), "RATS": ("1000", 1000), "SHIB": ("1000", 1000), "SATS": ("1000", 1000),
    "MOG": ("1000000", 1_000_000), "BABYDOGE": ("1M", 1_000_000),
}  # fmt: skip
SPOT_PREFIXED: Final = ("SATS", "BABYDOGE", "MOG")
QUARTERLY: Final = ("BTC", "ETH")
BTC_QUOTED: Final = ("ETH", "SOL", "BNB", "XRP")
STABLE: Final = "USDC"


def usdm(asset: Asset, row: int, rank: int, start_ns: int) -> Iterator[Contract]:
    """USDT and USDC perpetuals, and quarterly futures."""
    prefix, multiplier = PREFIXES.get(asset.ticker, ("", 1))
    base, price = f"{prefix}{asset.ticker}", asset.price * multiplier
    args = ("binance", asset, row, "usdm")

    def one(kind: Kind, symbol: str, quote: str, share: float, ns: int = 0) -> Contract:
        return build(*args, kind, symbol, base, quote, quote, share, price, multiplier, ns, start_ns)

    yield one("PERP", f"{base}USDT", "USDT", 1.1)
    if rank < 25:
        yield one("PERP", f"{base}USDC", "USDC", 0.06)
    if asset.ticker in QUARTERLY:
        for day in fridays(start_ns)[1][:2]:
            yield one("FUTURE", f"{base}USDT_{day:%y%m%d}", "USDT", 0.004, int(day.timestamp()) * 1_000_000_000)


def spot(asset: Asset, row: int, rank: int, btc: float, start_ns: int) -> Iterator[Contract]:
    """Spot pairs in USDT, USDC and, for a few, BTC."""
    prefix, multiplier = PREFIXES[asset.ticker] if asset.ticker in SPOT_PREFIXED else ("", 1)
    base, args = f"{prefix}{asset.ticker}", ("binance", asset, row, "spot")
    quotes = [("USDT", 0.35, 1.0)] + ([("USDC", 0.05, 1.0)] if rank < 25 else [])
    for quote, share, worth in quotes + ([("BTC", 0.006, btc)] if asset.ticker in BTC_QUOTED else []):
        price = asset.price * multiplier / worth
        made = build(*args, "SPOT", f"{base}{quote}", base, quote, quote, share, price, multiplier, 0, start_ns)
        if quote == "BTC":
            lot = 10.0 ** digits(0.1 / asset.price)
            made = replace(made, lot=lot, lot_decimals=max(-digits(lot * 1.0001), 0))
        yield made


def contracts(assets: tuple[Asset, ...], start_ns: int) -> list[Contract]:
    """Everything Binance lists, USD-M first."""
    tradable = [(row, a) for row, a in enumerate(assets) if a.ticker != STABLE]
    tradable.sort(key=lambda pair: -pair[1].turnover_usd)
    stable = next(row for row, a in enumerate(assets) if a.ticker == STABLE)
    found = [c for rank, (row, a) in enumerate(tradable) for c in usdm(a, row, rank, start_ns)]
    most = max(len(tradable) * 2 // 3, 1)
    for rank, (row, asset) in enumerate(tradable[:most]):
        found += spot(asset, row, rank, assets[0].price, start_ns)
    usdc, args = assets[stable], ("binance", assets[stable], stable, "spot")
    return [*found, build(*args, "SPOT", "USDCUSDT", "USDC", "USDT", "USDT", 1.0, usdc.price, 1, 0, start_ns)]
