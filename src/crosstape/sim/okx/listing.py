"""Which contracts OKX lists on the world's assets, with its native names and contract sizes."""

from collections.abc import Iterator
from typing import Final

from msgspec import structs

from crosstape.sim.assets import Asset
from crosstape.sim.listing import Contract, Kind, build, digits, fridays

INVERSE: Final = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LINK", "AVAX", "LTC", "DOT")
DATED: Final = ("BTC", "ETH")
STABLE: Final = "USDC"
# Linear contracts trade in hundredths, inverse ones whole.
PARTS: Final = 100


def contract_size(contract: Contract) -> float:
    """ctVal: coins a linear contract counts, dollars an inverse one; 0 for spot."""
    if contract.kind == "SPOT":
        return 0.0
    return contract.lot if contract.inverse else contract.lot * PARTS


def derivative(
    asset: Asset, row: int, market: str, kind: Kind, symbol: str, quote: str, share: float, start_ns: int,
    expiry_ns: int = 0,
) -> Contract:  # fmt: skip
    """A linear contract counts a power of ten of coins, worth 100 to 1 000 dollars; an inverse one, dollars."""
    inverse, ticker = quote == "USD", asset.ticker
    made = build(
        "okx", asset, row, market, kind, symbol, ticker, quote, ticker if inverse else quote, share, asset.price,
        1, expiry_ns, start_ns, inverse,
    )  # fmt: skip
    if inverse:
        return structs.replace(made, lot=100.0 if ticker == "BTC" else 10.0, lot_decimals=0)
    power = digits(1000.0 / asset.price) - 2
    return structs.replace(made, lot=10.0**power, lot_decimals=max(-power, 0))


def swaps(asset: Asset, row: int, rank: int, start_ns: int) -> Iterator[Contract]:
    """USDT, for the largest USDC and coin-margined perpetuals."""
    quotes = [("USDT", 0.5)]
    if rank < 8:
        quotes.append(("USDC", 0.03))
    if asset.ticker in INVERSE:
        quotes.append(("USD", 0.05))
    for quote, share in quotes:
        symbol = f"{asset.ticker}-{quote}-SWAP"
        yield derivative(asset, row, "swap", "PERP", symbol, quote, share, start_ns)


def futures(asset: Asset, row: int, start_ns: int) -> Iterator[Contract]:
    """Weekly and quarterly futures of the majors, margined in USDT and in coin."""
    if asset.ticker not in DATED:
        return
    weeks, quarters = fridays(start_ns)
    for day in sorted(set(weeks[:2] + quarters[:2])):
        for quote in ("USDT", "USD"):
            symbol = f"{asset.ticker}-{quote}-{day:%y%m%d}"
            expiry_ns = int(day.timestamp()) * 1_000_000_000
            yield derivative(asset, row, "futures", "FUTURE", symbol, quote, 0.004, start_ns, expiry_ns)


def spot(asset: Asset, row: int, rank: int, start_ns: int) -> Iterator[Contract]:
    """Spot pairs in USDT and, for the largest, USDC."""
    for quote, share, most in (("USDT", 0.2, 1000), ("USDC", 0.03, 12)):
        if rank < most:
            symbol, price = f"{asset.ticker}-{quote}", asset.price
            yield build(
                "okx", asset, row, "spot", "SPOT", symbol, asset.ticker, quote, quote, share, price, 1, 0, start_ns
            )


def contracts(assets: tuple[Asset, ...], start_ns: int) -> list[Contract]:
    """Everything OKX lists: the larger half of the world, swaps first."""
    tradable = [(row, a) for row, a in enumerate(assets) if a.ticker != STABLE]
    tradable.sort(key=lambda pair: -pair[1].turnover_usd)
    listed = list(enumerate(tradable))[: max(len(tradable) // 2, 10)]
    found = [c for rank, (row, a) in listed for c in swaps(a, row, rank, start_ns)]
    found += [c for _, (row, a) in listed for c in futures(a, row, start_ns)]
    return found + [c for rank, (row, a) in listed for c in spot(a, row, rank, start_ns)]
