"""World facts in Hyperliquid's native words: lists of coins, contexts, rows of trades and candles. Pure."""

from typing import Any, Final

import numpy as np
from msgspec import Struct

from crosstape.sim.facts import Trade
from crosstape.sim.history import Candles
from crosstape.sim.hyperliquid.listing import COLLATERAL, DEX, FIRST_PAIR
from crosstape.sim.klines import MINUTE_MS, candles
from crosstape.sim.listing import Contract
from crosstape.sim.world import World

MS: Final = 1_000_000
Row = dict[str, Any]
INTERVALS: Final = {
    "1m": "1", "3m": "3", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "2h": "120", "4h": "240",
    "12h": "720", "1d": "D", "1w": "W", "1M": "M",
}  # fmt: skip
SPANS: Final = {"D": 1440, "W": 10_080, "M": 43_200}
MOST_CANDLES: Final = 5000
# A coin that is gone keeps its place, which is its number.
GONE_AT: Final = 2


class Place(Struct, frozen=True):
    """One place in a dex's list; `row` -1 = delisted."""

    name: str
    decimals: int
    row: int = -1


def places(world: World, dex: str) -> list[Place]:
    """A dex's coins by place; their own dex has a delisted one among them, as they do."""
    found = [
        Place(c.symbol, c.lot_decimals, row if world.rows.alive[row] else -1)
        for row, c in enumerate(world.rows.contracts)
        if c.venue == "hyperliquid" and c.kind == "PERP" and c.symbol.rpartition(":")[0] == dex
    ]
    return found if dex else [*found[:GONE_AT], Place("MATIC", 1), *found[GONE_AT:]]


def pairs(world: World) -> list[tuple[Contract, int]]:
    """Spot pairs and their rows."""
    rows = world.rows
    return [
        (c, row)
        for row, c in enumerate(rows.contracts)
        if c.venue == "hyperliquid" and c.kind == "SPOT" and rows.alive[row]
    ]


def meta(world: World, dex: str) -> Row:
    """`meta` of a dex."""
    universe = []
    for place in places(world, dex):
        coin: Row = {"szDecimals": place.decimals, "name": place.name, "maxLeverage": 40, "marginTableId": 40}
        universe.append(coin if place.row >= 0 else coin | {"isDelisted": True})
    return {
        "universe": universe,
        "marginTables": [],
        "collateralToken": COLLATERAL["USDE" if dex == DEX else "USDC"],
    }


def spot_meta(world: World) -> Row:
    """`spotMeta`: tokens, and pairs of their indices."""
    listed = [c for c, _ in pairs(world)]
    bases = {c.base: 1 + i for i, c in enumerate(listed)}
    decimals = {c.base: c.lot_decimals for c in listed}
    tokens = [_token("USDC", 8, 0), _token("USDE", 2, COLLATERAL["USDE"])]
    tokens += [_token(base, decimals[base], index) for base, index in bases.items()]
    universe = [
        {"tokens": [bases[c.base], 0], "name": c.symbol, "index": FIRST_PAIR + i, "isCanonical": False}
        for i, c in enumerate(listed)
    ]
    return {"universe": universe, "tokens": tokens}


def _token(name: str, decimals: int, index: int) -> Row:
    return {
        "name": name, "szDecimals": decimals, "weiDecimals": 8, "index": index, "tokenId": f"0x{index:032x}",
        "isCanonical": True, "evmContract": None, "fullName": None,
    }  # fmt: skip


def plain(value: float, decimals: int = 10) -> str:
    """A number as they print it: at least one decimal, no exponent."""
    text = f"{value:.{decimals}f}".rstrip("0") if decimals else f"{value:.0f}."
    return text + "0" if text.endswith(".") else text


def price_text(c: Contract, ticks: float) -> str:
    """A price."""
    return plain(ticks * c.tick, c.price_decimals)


def size_text(c: Contract, lots: float) -> str:
    """A size."""
    return plain(lots * c.lot, c.lot_decimals)


def mid(world: World, row: int) -> str:
    """Halfway between the best two."""
    c, ladder = world.rows.contracts[row], world.trading.ladders[row]
    return plain((ladder.bid + ladder.ask) * 0.5 * c.tick, c.price_decimals + 1)


def context(world: World, row: int) -> Row:
    """A coin's figures; spot has neither oracle nor funding nor open interest, but its name."""
    c, minutes = world.rows.contracts[row], world.trading.minutes
    lots = minutes.volume_closed[row] + minutes.live[row][4]
    turnover = minutes.turnover_closed[row] + minutes.live_turnover[row]
    mark, index = float(world.mark[row]), float(world.index[row])
    day: Row = {
        "prevDayPx": price_text(c, minutes.day_ago[row]), "dayNtlVlm": plain(turnover), "midPx": mid(world, row),
        "markPx": plain(mark, c.price_decimals + 1), "dayBaseVlm": size_text(c, lots),
    }  # fmt: skip
    if c.kind == "SPOT":
        return day | {"circulatingSupply": "1000000.0", "coin": c.symbol, "totalSupply": "1000000.0"}
    ladder, carry = world.trading.ladders[row], world.trading.carry[row]
    return day | {
        "funding": plain(carry.rate), "openInterest": size_text(c, carry.oi), "premium": plain(mark / index - 1.0),
        "oraclePx": plain(index, c.price_decimals + 1),
        "impactPxs": [price_text(c, ladder.bid), price_text(c, ladder.ask)],
    }  # fmt: skip


def gone_context() -> Row:
    """Figures of a delisted coin."""
    return {
        "funding": "0.0", "openInterest": "0.0", "prevDayPx": "0.5", "dayNtlVlm": "0.0", "premium": None,
        "oraclePx": "0.5", "markPx": "0.5", "midPx": None, "impactPxs": None, "dayBaseVlm": "0.0",
    }  # fmt: skip


def contexts(world: World, dex: str) -> list[Row]:
    """Figures of a dex, by place."""
    return [context(world, p.row) if p.row >= 0 else gone_context() for p in places(world, dex)]


def levels(world: World, row: int, depth: int) -> list[list[Row]]:
    """Bids and asks, best first."""
    c, ladder = world.rows.contracts[row], world.trading.ladders[row]
    return [
        [
            {"px": price_text(c, abs(key)), "sz": size_text(c, lots), "n": 1 + lots % 7}
            for key, lots in reversed(side.top(depth).items())
        ]
        for side in (ladder.bids, ladder.asks)
    ]


def address(number: int) -> str:
    """One of some thousand traders."""
    return f"0x{(number * 2_654_435_761 + 97) % 4093:040x}"


def trade_row(world: World, trade: Trade) -> Row:
    """A trade, with its buyer and seller."""
    c = world.rows.contracts[trade.row]
    tid = (world.rows.salt[trade.row] << 20 ^ trade.number * 0x9E3779B97F4A7) & ((1 << 50) - 1)
    return {
        "coin": c.symbol, "side": "B" if trade.buy else "A", "px": price_text(c, trade.price),
        "sz": size_text(c, trade.lots), "time": trade.ts_ns // MS, "hash": f"0x{tid:064x}", "tid": tid,
        "users": [address(trade.number), address(trade.number + trade.row + 1)],
    }  # fmt: skip


def candle_rows(world: World, row: int, interval: str, first_ms: int, last_ms: int) -> list[Row]:
    """Candles that start in first <= t <= last, oldest first; the last may be unfinished."""
    code = INTERVALS[interval]
    span = SPANS.get(code) or int(code)
    now = world.now_ns // (MS * MINUTE_MS)
    last = min(last_ms // MINUTE_MS, now)
    first = max(-(-first_ms // MINUTE_MS), last - MOST_CANDLES * span)
    if first > last:
        return []
    found = candles(world, row, code, first, last)
    return candle_texts(world.rows.contracts[row], found, interval, span)


def candle_texts(c: Contract, found: Candles, interval: str, span: int) -> list[Row]:
    """Candles as they print them; how many trades there were is made up."""
    columns = (found.minute, found.open, found.high, found.low, found.close, found.volume)
    return [
        {
            "t": m * MINUTE_MS, "T": (m + span) * MINUTE_MS - 1, "s": c.symbol, "i": interval,
            "o": price_text(c, o), "c": price_text(c, close), "h": price_text(c, high), "l": price_text(c, low),
            "v": size_text(c, lots), "n": int(np.sqrt(lots)),
        }
        for m, o, high, low, close, lots in zip(*(column.tolist() for column in columns), strict=True)
    ]  # fmt: skip
