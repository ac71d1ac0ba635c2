"""World facts in OKX's native words: texts, and the rows its socket and its REST have in common. Pure."""

from typing import Final

from crosstape.sim.listing import Contract
from crosstape.sim.okx.listing import PARTS, contract_size
from crosstape.sim.world import World

MS: Final = 1_000_000
TYPES: Final = {"swap": "SWAP", "futures": "FUTURES", "spot": "SPOT"}
Row = dict[str, str]


def trimmed(text: str) -> str:
    """Without trailing zeros, as they print numbers."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain(value: float, decimals: int = 12) -> str:
    """A number without an exponent and without trailing zeros."""
    return trimmed(f"{value:.{decimals}f}")


def price_text(contract: Contract, ticks: int) -> str:
    """A price."""
    return trimmed(contract.price_text(ticks))


def size_text(contract: Contract, lots: int) -> str:
    """Contracts on derivatives, base currency on spot."""
    if contract.kind == "SPOT":
        return trimmed(contract.size_text(lots))
    if contract.inverse:
        return str(lots)
    return trimmed(f"{lots // PARTS}.{lots % PARTS:02d}")


def pair_of(contract: Contract) -> str:
    """The index a contract follows."""
    return f"{contract.base}-{contract.quote}"


def level(contract: Contract, ticks: int, lots: int) -> str:
    """A row of a book: price, size, a deprecated zero, how many orders."""
    orders = 1 + lots % 7 if lots else 0
    return f'["{price_text(contract, ticks)}","{size_text(contract, lots)}","0","{orders}"]'


def levels(contract: Contract, side: dict[int, int], most: int = 1_000_000) -> list[str]:
    """Rows of one side of a ladder, best first. Keys of asks are negative."""
    return [level(contract, abs(key), lots) for key, lots in list(reversed(side.items()))[:most]]


def ticker(world: World, row: int) -> Row:
    """`tickers`."""
    c, trading = world.rows.contracts[row], world.trading
    minutes, ladder = trading.minutes, trading.ladders[row]
    live, last = minutes.live[row], trading.last[row]
    lots = minutes.volume_closed[row] + live[4]
    turnover = minutes.turnover_closed[row] + minutes.live_turnover[row]
    # Spot counts quote currency here, contracts count coins.
    coins = turnover if c.kind == "SPOT" or c.inverse else lots * c.lot
    opened = price_text(c, minutes.day_ago[row])
    return {
        "instType": TYPES[c.market], "instId": c.symbol, "last": price_text(c, last), "lastSz": size_text(c, 1),
        "askPx": price_text(c, ladder.ask), "askSz": size_text(c, ladder.asks.sizes[ladder.asks.keys[-1]]),
        "bidPx": price_text(c, ladder.bid), "bidSz": size_text(c, ladder.bids.sizes[ladder.bids.keys[-1]]),
        "open24h": opened, "high24h": price_text(c, max(minutes.high_closed[row], live[1])),
        "low24h": price_text(c, min(minutes.low_closed[row], live[2])),
        "volCcy24h": plain(coins, 8), "vol24h": size_text(c, lots), "sodUtc0": opened, "sodUtc8": opened,
        "ts": str(world.now_ns // MS),
    }  # fmt: skip


def mark(world: World, row: int) -> Row:
    """`mark-price`."""
    c = world.rows.contracts[row]
    price = plain(float(world.mark[row]), c.price_decimals + 1)
    return {"instType": TYPES[c.market], "instId": c.symbol, "markPx": price, "ts": str(world.now_ns // MS)}


def index(world: World, row: int) -> Row:
    """`index-tickers` of the pair that the row follows."""
    c = world.rows.contracts[row]
    price = plain(float(world.index[row]), c.price_decimals + 1)
    day = dict.fromkeys(("high24h", "low24h", "open24h", "sodUtc0", "sodUtc8"), price)
    return {"instId": pair_of(c), "idxPx": price, **day, "ts": str(world.now_ns // MS)}


def interest(world: World, row: int) -> Row:
    """`open-interest`: one side, in contracts, coins and dollars."""
    c, lots, price = world.rows.contracts[row], world.trading.carry[row].oi, float(world.mark[row])
    coins = lots * c.lot / price if c.inverse else lots * c.lot
    return {
        "instType": TYPES[c.market], "instId": c.symbol, "oi": size_text(c, lots), "oiCcy": plain(coins, 8),
        "oiUsd": plain(coins * price, 8), "ts": str(world.now_ns // MS),
    }  # fmt: skip


def funding(world: World, row: int) -> Row:
    """`funding-rate`: this interval's estimate, when it is paid, and when the one after is."""
    c, carry = world.rows.contracts[row], world.trading.carry[row]
    due, step = carry.next_ns, carry.interval_ns
    settled = carry.rates(0, world.now_ns, 1)
    cap = plain(carry.cap())
    return {
        "instType": "SWAP", "instId": c.symbol, "method": "current_period", "formulaType": "withRate",
        "fundingRate": plain(carry.rate), "fundingTime": str(due // MS), "nextFundingRate": "",
        "nextFundingTime": str((due + step) // MS), "minFundingRate": f"-{cap}", "maxFundingRate": cap,
        "interestRate": "0.0001", "impactValue": "20000", "premium": plain(carry.rate / 2), "settState": "settled",
        "settFundingRate": plain(settled[0][1]) if settled else "", "prevFundingTime": str((due - step) // MS),
        "ts": str(world.now_ns // MS),
    }  # fmt: skip


def instrument(c: Contract, row: int) -> Row:
    """A row of /public/instruments."""
    contract = c.kind != "SPOT"
    pair = pair_of(c) if contract else ""
    lot = size_text(c, 1)
    return {
        "instType": TYPES[c.market], "instId": c.symbol, "instIdCode": str(10_000 + row), "instFamily": pair,
        "uly": pair, "baseCcy": "" if contract else c.base, "quoteCcy": "" if contract else c.quote,
        "settleCcy": c.settle if contract else "", "ctVal": plain(contract_size(c)) if contract else "",
        "ctMult": "1" if contract else "", "ctValCcy": ("USD" if c.inverse else c.base) if contract else "",
        "ctType": ("inverse" if c.inverse else "linear") if contract else "", "tickSz": price_text(c, 1),
        "lotSz": lot, "minSz": lot, "listTime": str(c.launch_ns // MS), "lever": "50", "category": "1",
        "expTime": str(c.expiry_ns // MS) if c.expiry_ns else "", "optType": "", "stk": "", "state": "live",
        "alias": "", "ruleType": "normal", "instCategory": "1", "maxLmtSz": size_text(c, 100_000_000),
        "maxMktSz": size_text(c, 1_000_000),
    }  # fmt: skip


def trade_row(world: World, row: int, number: int, ticks: int, lots: int, buy: bool, ts_ns: int) -> Row:
    """A trade over REST; the socket adds `count` and `source`."""
    c = world.rows.contracts[row]
    return {
        "instId": c.symbol, "tradeId": str(900_000_000 + number), "px": price_text(c, ticks),
        "sz": size_text(c, lots), "side": "buy" if buy else "sell", "ts": str(ts_ns // MS),
    }  # fmt: skip
