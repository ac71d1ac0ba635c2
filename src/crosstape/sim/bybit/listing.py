"""Which contracts Bybit lists on the world's assets, with its native symbols, ticks and lots."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from crosstape.sim.assets import Asset
from crosstape.sim.listing import Contract, Kind, build, digits, fridays

MULTIPLIERS: Final = {
    "PEPE": 1000, "BONK": 1000, "FLOKI": 1000, "LUNC": 1000, "XEC": 1000, "RATS": 1000,
    "SATS": 10_000, "MOG": 1_000_000, "BABYDOGE": 1_000_000, "SHIB": 1000,
}  # fmt: skip
SUFFIXED: Final = ("SHIB",)
INVERSE: Final = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LINK", "AVAX", "LTC", "DOT", "BNB", "NEAR")
QUARTERLY: Final = ("BTC", "ETH")
BTC_QUOTED: Final = ("ETH", "SOL", "XRP")
QUARTER_CODES: Final = {3: "H", 6: "M", 9: "U", 12: "Z"}
STABLE: Final = "USDC"


def native_base(ticker: str) -> tuple[str, int]:
    """Bybit's base coin and its multiplier; SHIB is written with the number behind."""
    multiplier = MULTIPLIERS.get(ticker, 1)
    if multiplier == 1:
        return ticker, 1
    return (f"{ticker}{multiplier}" if ticker in SUFFIXED else f"{multiplier}{ticker}"), multiplier


def linear(asset: Asset, row: int, rank: int, start_ns: int) -> Iterator[Contract]:
    """USDT and USDC perpetuals and dated futures."""
    base, multiplier = native_base(asset.ticker)
    price = asset.price * multiplier
    args = ("bybit", asset, row, "linear")

    def one(kind: Kind, symbol: str, quote: str, share: float, expiry: datetime | None = None) -> Contract:
        ns = int(expiry.timestamp()) * 1_000_000_000 if expiry else 0
        return build(*args, kind, symbol, base, quote, quote, share, price, multiplier, ns, start_ns)

    yield one("PERP", f"{base}USDT", "USDT", 0.6)
    if rank < 40:
        yield one("PERP", f"{base}PERP", "USDC", 0.05)
    if rank < 3:
        weeks, quarters = fridays(start_ns)
        for day in sorted(set(weeks + quarters)):
            code = day.strftime("%d%b%y").upper().lstrip("0")
            yield one("FUTURE", f"{base}-{code}", "USDC", 0.003, day)
            yield one("FUTURE", f"{base}USDT-{code}", "USDT", 0.004, day)


def inverse(asset: Asset, row: int, start_ns: int) -> Iterator[Contract]:
    """Coin-margined perpetuals and quarterly futures; a contract is worth one dollar."""
    if asset.ticker not in INVERSE:
        return
    ticker, price = asset.ticker, asset.price
    args = ("bybit", asset, row, "inverse")

    def one(kind: Kind, symbol: str, share: float, ns: int = 0) -> Contract:
        return build(*args, kind, symbol, ticker, "USD", ticker, share, price, 1, ns, start_ns, True)

    yield one("PERP", f"{ticker}USD", 0.06)
    if ticker in QUARTERLY:
        for day in fridays(start_ns)[1][:2]:
            symbol = f"{ticker}USD{QUARTER_CODES[day.month]}{day:%y}"
            ns = int(day.timestamp()) * 1_000_000_000
            yield one("FUTURE", symbol, 0.004, ns)


def spot(asset: Asset, row: int, rank: int, btc: float, start_ns: int) -> Iterator[Contract]:
    """Spot pairs in USDT, USDC and, for a few, BTC."""
    quotes = [("USDT", 0.22, 1.0)]
    if rank < 25:
        quotes.append(("USDC", 0.03, 1.0))
    if asset.ticker in BTC_QUOTED:
        quotes.append(("BTC", 0.004, btc))
    for quote, share, worth in quotes:
        symbol = f"{asset.ticker}{quote}"
        price = asset.price / worth
        args = ("bybit", asset, row, "spot")
        contract = build(*args, "SPOT", symbol, asset.ticker, quote, quote, share, price, 1, 0, start_ns)
        if quote == "BTC":
            lot = 10.0 ** digits(0.1 / asset.price)
            yield Contract(**{
                **{name: getattr(contract, name) for name in Contract.__struct_fields__},
                "lot": lot, "lot_decimals": max(-digits(lot * 1.0001), 0),
            })  # fmt: skip
        else:
            yield contract


def contracts(assets: tuple[Asset, ...], start_ns: int) -> list[Contract]:
    """Everything Bybit lists, linear first."""
    tradable = [(row, a) for row, a in enumerate(assets) if a.ticker != STABLE]
    tradable.sort(key=lambda pair: -pair[1].turnover_usd)
    stable = next(row for row, a in enumerate(assets) if a.ticker == STABLE)
    found = [c for rank, (row, a) in enumerate(tradable) for c in linear(a, row, rank, start_ns)]
    for row, asset in tradable:
        found += inverse(asset, row, start_ns)
    btc = assets[0].price
    for rank, (row, asset) in enumerate(tradable):
        if rank < max(len(tradable) * 2 // 3, 1):
            found += spot(asset, row, rank, btc, start_ns)
    usdc = assets[stable]
    args = ("bybit", usdc, stable, "spot")
    return [*found, build(*args, "SPOT", "USDCUSDT", "USDC", "USDT", "USDT", 1.0, usdc.price, 1, 0, start_ns)]
