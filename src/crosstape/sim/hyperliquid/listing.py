"""Which contracts Hyperliquid lists on the world's assets: its own perpetuals, a builder's dex, spot pairs."""

from typing import Final

from msgspec import structs

from crosstape.sim.assets import Asset
from crosstape.sim.listing import Contract, Kind, build, digits

DEX: Final = "hyna"
DEX_COINS: Final = ("BTC", "ETH", "SOL", "HYPE", "PEPE")
# Tokens by index; a builder's dex may have another collateral.
COLLATERAL: Final = {"USDC": 0, "USDE": 235}
BRIDGED: Final = {"BTC": "UBTC", "ETH": "UETH", "SOL": "USOL"}
FIRST_PAIR: Final = 107
STABLE: Final = "USDC"
# They print at most so many decimals, less those of the size; below this a price would be too coarse.
DECIMALS: Final = {"PERP": 6, "SPOT": 8}
CHEAP: Final = 1e-4


def make(
    asset: Asset, row: int, market: str, kind: Kind, symbol: str, base: str, quote: str, share: float,
    multiplier: int, start_ns: int,
) -> Contract:  # fmt: skip
    """Five significant figures of price, lots worth some cents to some dollars, funding every hour."""
    price = asset.price * multiplier
    made = build(
        "hyperliquid", asset, row, market, kind, symbol, base, quote, quote, share, price, multiplier, 0, start_ns
    )
    lots = min(max(digits(price) + 1, 0), 5)
    decimals = min(max(4 - digits(price), 0), DECIMALS[kind] - lots)
    return structs.replace(
        made, tick=10.0**-decimals, price_decimals=decimals, lot=10.0**-lots, lot_decimals=lots,
        funding_hours=1 if kind == "PERP" else 0,
    )  # fmt: skip


def thousand(asset: Asset) -> int:
    """How many coins one unit of a perpetual counts."""
    return 1000 if asset.price < CHEAP else 1


def contracts(assets: tuple[Asset, ...], start_ns: int) -> list[Contract]:
    """Everything Hyperliquid lists: the larger part of the world, perpetuals first."""
    tradable = [(row, a) for row, a in enumerate(assets) if a.ticker != STABLE]
    tradable.sort(key=lambda pair: -pair[1].turnover_usd)
    listed = [(row, a) for row, a in tradable if a.price * thousand(a) >= CHEAP]
    listed = listed[: max(len(tradable) * 2 // 3, 10)]
    found = [
        make(a, row, "perps", "PERP", ("k" if thousand(a) > 1 else "") + a.ticker, a.ticker, "USDC", 0.15,
             thousand(a), start_ns)
        for row, a in listed
    ]  # fmt: skip
    found += [
        make(a, row, "perps", "PERP", f"{DEX}:{('k' if thousand(a) > 1 else '') + a.ticker}", a.ticker, "USDE",
             0.004, thousand(a), start_ns)
        for row, a in listed
        if a.ticker in DEX_COINS
    ]  # fmt: skip
    pairs = [(row, a) for row, a in listed if a.ticker == "HYPE" or a.ticker in BRIDGED]
    pairs.sort(key=lambda pair: pair[1].ticker != "HYPE")
    return found + [
        make(
            a,
            row,
            "spot",
            "SPOT",
            f"@{FIRST_PAIR + i}",
            BRIDGED.get(a.ticker, a.ticker),
            "USDC",
            0.02,
            1,
            start_ns,
        )
        for i, (row, a) in enumerate(pairs)
    ]
