"""The assets of the synthetic world: well-known tickers first, invented ones after."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from msgspec import Struct

SECTORS: Final = ("major", "layer1", "layer2", "defi", "meme", "ai", "gaming", "infra")

# ticker, price in USD, turnover a day in millions of USD, sector, annual volatility
KNOWN: Final = """
BTC 91250 14000 major 0.55|ETH 3120 9000 major 0.70|SOL 142 3600 layer1 0.85|XRP 2.21 2200 major 0.85
DOGE 0.158 1300 meme 1.00|BNB 884 700 layer1 0.60|SUI 1.52 620 layer1 1.05|HYPE 34.1 600 defi 1.10
ADA 0.487 460 layer1 0.90|LINK 13.4 420 infra 0.90|AVAX 14.6 360 layer1 0.95|PEPE 0.00000452 520 meme 1.25
LTC 93.4 300 major 0.75|BCH 512 210 major 0.80|TRX 0.281 140 layer1 0.45|DOT 2.64 170 layer1 0.90
NEAR 2.11 190 layer1 1.05|APT 2.83 130 layer1 1.00|ARB 0.221 160 layer2 1.05|OP 0.348 120 layer2 1.10
TON 1.64 110 layer1 0.80|WIF 0.412 190 meme 1.35|SHIB 0.00000861 150 meme 0.95|BONK 0.00001032 160 meme 1.25
FLOKI 0.0000492 80 meme 1.20|AAVE 176 210 defi 0.95|UNI 7.2 170 defi 1.00|ENA 0.276 260 defi 1.20
ONDO 0.541 150 defi 1.10|TAO 305 190 ai 1.05|FET 0.253 120 ai 1.10|RENDER 1.74 90 ai 1.10
WLD 0.642 180 ai 1.15|INJ 5.9 90 defi 1.05|SEI 0.146 85 layer1 1.10|TIA 0.671 95 layer1 1.15
FIL 1.83 120 infra 1.00|ATOM 2.52 70 layer1 0.85|ETC 13.9 75 major 0.85|XLM 0.243 110 major 0.90
HBAR 0.141 120 layer1 0.95|ICP 4.05 95 layer1 1.00|CRV 0.402 80 defi 1.10|LDO 0.672 75 defi 1.05
JUP 0.236 70 defi 1.10|PYTH 0.0791 40 infra 1.15|1INCH 0.192 28 defi 1.00|0G 1.31 55 ai 1.30
2Z 0.131 32 infra 1.30|SATS 0.0000000231 34 meme 1.25|MOG 0.000000381 30 meme 1.40
BABYDOGE 0.000000000762 18 meme 1.10
LUNC 0.0000281 24 layer1 1.20|XEC 0.0000107 14 major 1.00|RATS 0.0000214 16 meme 1.35|STRK 0.151 60 layer2 1.15
ZEC 492 900 major 1.30|DASH 61.5 180 major 1.30|GALA 0.00792 45 gaming 1.05|SAND 0.164 40 gaming 1.00
AXS 0.982 36 gaming 1.05|APE 0.251 38 gaming 1.10|IMX 0.291 33 gaming 1.05|GRT 0.0462 30 infra 1.00
"""

SYLLABLES: Final = (
    "ZO", "RA", "KI", "VE", "LU", "MA", "TRI", "NEX", "QUO", "BY", "FA", "DEL",
    "OR", "XI", "PA", "SY", "COR", "UM", "VI", "TA", "GLO", "NU", "HEX", "WA",
)  # fmt: skip


class Asset(Struct, frozen=True):
    """A thing with one latent price; `turnover_usd` is a day's over all its contracts."""

    ticker: str
    price: float
    turnover_usd: float
    sector: int
    volatility: float
    beta: float = 1.0


def known() -> Iterator[Asset]:
    """The assets with well-known tickers; prices are invented."""
    for entry in KNOWN.replace("\n", "|").split("|"):
        if entry:
            ticker, price, millions, sector, volatility = entry.split()
            beta = 1.0 if sector == "major" else 1.25
            yield Asset(
                ticker, float(price), float(millions) * 1e6, SECTORS.index(sector), float(volatility), beta
            )


def invented(rng: np.random.Generator, taken: set[str]) -> Iterator[Asset]:
    """Endless small assets with unused tickers; turnover falls as a power of the rank."""
    rank = len(taken)
    while True:
        ticker = "".join(rng.choice(SYLLABLES, int(rng.integers(2, 4))))
        if ticker in taken:
            continue
        taken.add(ticker)
        rank += 1
        yield Asset(
            ticker,
            float(10 ** rng.uniform(-3.5, 1.5)),
            6e10 / rank**1.9 * float(rng.lognormal(0.0, 0.5)),
            int(rng.integers(1, len(SECTORS))),
            float(rng.uniform(0.9, 1.7)),
            float(rng.uniform(0.8, 1.5)),
        )


def make_assets(seed: int, count: int) -> tuple[Asset, ...]:
    """The first `count` assets plus USDC, whose dollar price every USDC quote is measured in."""
    assets = list(known())[:count]
    more = invented(np.random.default_rng((seed, 1)), {a.ticker for a in assets} | {"USDC", "USDT", "USD"})
    assets += [next(more) for _ in range(count - len(assets))]
    return (*assets, Asset("USDC", 0.9998, 90e6, 0, 0.004, 0.0))
