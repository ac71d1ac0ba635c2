"""World facts in Binance's native words. Pure."""

from datetime import UTC, datetime
from typing import Final

from crosstape.sim.facts import Liquidation, Trade
from crosstape.sim.listing import Contract
from crosstape.sim.world import World

MARKETS: Final = ("usdm", "spot")
MS: Final = 1_000_000
NO_EXPIRY: Final = 4_133_404_800_000
# Levels a side: what a diff stream tells of, and the most a snapshot shows. Fewer, so that a level which comes and
# goes between two diffs is in neither.
TOLD, SHOWN = 300, 200

Row = dict[str, object]


def rows_of(world: World, market: str) -> dict[str, int]:
    """Symbol to row of everything that trades in a market, in alphabetical order."""
    rows = world.rows
    found = {
        c.symbol: row
        for row, c in enumerate(rows.contracts)
        if c.venue == "binance" and c.market == market and rows.alive[row]
    }
    return dict(sorted(found.items()))


def plain(value: float, decimals: int = 8) -> str:
    """A number with all its decimals, as Binance prints most."""
    return f"{value:.{decimals}f}"


def levels(contract: Contract, side: dict[int, int], sign: int) -> list[list[str]]:
    """Price and size texts, best first; asks have negative keys."""
    price, size = contract.price_text, contract.size_text
    return [[price(sign * key), size(lots)] for key, lots in reversed(side.items()) if sign * key > 0]


class Day:
    """The last 24 hours of a row."""

    def __init__(self, world: World, row: int) -> None:
        trading, minutes = world.trading, world.trading.minutes
        live, price = minutes.live[row], world.rows.contracts[row].price_text
        volume, turnover = minutes.volume_closed[row] + live[4], minutes.turnover_closed[row]
        turnover += minutes.live_turnover[row]
        last, before = trading.last[row], minutes.day_ago[row]
        tick = world.rows.contracts[row].tick
        self.last, self.open = price(last), price(before)
        self.high, self.low = (
            price(max(minutes.high_closed[row], live[1])),
            price(min(minutes.low_closed[row], live[2])),
        )
        self.volume, self.turnover = world.rows.contracts[row].size_text(volume), plain(turnover, 2)
        self.moved, self.percent = price(last - before), plain((last / before - 1.0) * 100.0, 3)
        lot = world.rows.contracts[row].lot
        self.mean = plain(turnover / (volume * lot) if volume else last * tick)
        self.count = trading.numbers[row]


def touch(world: World, row: int) -> tuple[str, str, str, str]:
    """Best bid, its size, best ask, its size."""
    contract, ladder = world.rows.contracts[row], world.trading.ladders[row]
    bid, ask = ladder.bids.keys[-1], ladder.asks.keys[-1]
    price, size = contract.price_text, contract.size_text
    return price(bid), size(ladder.bids.sizes[bid]), price(-ask), size(ladder.asks.sizes[ask])


def ticker_row(world: World, row: int) -> Row:
    """A row of ticker/24hr."""
    day, contract, now = Day(world, row), world.rows.contracts[row], world.now_ns // MS
    found: Row = {
        "symbol": contract.symbol, "priceChange": day.moved, "priceChangePercent": day.percent,
        "weightedAvgPrice": day.mean, "lastPrice": day.last, "lastQty": contract.size_text(1),
        "openPrice": day.open,
        "highPrice": day.high, "lowPrice": day.low, "volume": day.volume, "quoteVolume": day.turnover,
        "openTime": now - 86_400_000, "closeTime": now, "firstId": 1, "lastId": day.count, "count": day.count,
    }  # fmt: skip
    if contract.kind == "SPOT":
        bid, bid_size, ask, ask_size = touch(world, row)
        found |= {"bidPrice": bid, "bidQty": bid_size, "askPrice": ask, "askQty": ask_size}
        found |= {"prevClosePrice": day.open}
    return found


def ticker_message(world: World, row: int, mini: bool = False) -> str:
    """24hrTicker or 24hrMiniTicker."""
    day, contract, now = Day(world, row), world.rows.contracts[row], world.now_ns // MS
    head = f'"E":{now},"s":"{contract.symbol}"'
    body = f'"c":"{day.last}","o":"{day.open}","h":"{day.high}","l":"{day.low}","v":"{day.volume}"'
    body += f',"q":"{day.turnover}"'
    if mini:
        return f'{{"e":"24hrMiniTicker",{head},{body}}}'
    tail = f'"O":{now - 86_400_000},"C":{now},"F":1,"L":{day.count},"n":{day.count}'
    mine = f'"p":"{day.moved}","P":"{day.percent}","w":"{day.mean}","Q":"{contract.size_text(1)}"'
    if contract.kind == "SPOT":
        bid, bid_size, ask, ask_size = touch(world, row)
        mine += f',"x":"{day.open}","b":"{bid}","B":"{bid_size}","a":"{ask}","A":"{ask_size}"'
    else:
        mine += ',"st":1'
    return f'{{"e":"24hrTicker",{head},{mine},{body},{tail}}}'


def mark_message(world: World, row: int) -> str:
    """markPriceUpdate; a dated future has no rate."""
    contract, carry = world.rows.contracts[row], world.trading.carry[row]
    mark, index = plain(float(world.mark[row])), plain(float(world.index[row]))
    rate, due = (plain(carry.rate), carry.next_ns // MS) if contract.kind == "PERP" else ("", 0)
    return (
        f'{{"e":"markPriceUpdate","E":{world.now_ns // MS},"s":"{contract.symbol}","st":1,'
        f'"p":"{mark}","ap":"{mark}","P":"{index}","i":"{index}","r":"{rate}","T":{due}}}'
    )


def trade_message(world: World, t: Trade, aggregate: bool) -> str:
    """aggTrade or trade; m = the buyer was the maker."""
    c = world.rows.contracts[t.row]
    price, size, maker = c.price_text(t.price), c.size_text(t.lots), "false" if t.buy else "true"
    spot, ts, now = c.kind == "SPOT", t.ts_ns // MS, world.now_ns // MS
    if aggregate:
        tail = ',"M":true' if spot else f',"nq":"{size}","st":1'
        return (
            f'{{"e":"aggTrade","E":{now},"s":"{c.symbol}","a":{t.number},"p":"{price}","q":"{size}","f":{t.number},'
            f'"l":{t.number},"T":{ts},"m":{maker}{tail}}}'
        )
    tail = ',"M":true' if spot else ',"X":"MARKET","st":1'
    return (
        f'{{"e":"trade","E":{now},"T":{ts},"s":"{c.symbol}","t":{t.number},"p":"{price}","q":"{size}",'
        f'"m":{maker}{tail}}}'
    )


def force_message(world: World, x: Liquidation) -> str:
    """forceOrder: the order's own side, its limit and what it got."""
    c = world.rows.contracts[x.row]
    size = c.size_text(x.lots)
    return (
        f'{{"e":"forceOrder","E":{world.now_ns // MS},"ps":"{c.symbol}","st":1,"o":{{"s":"{c.symbol}",'
        f'"S":"{"SELL" if x.long else "BUY"}","o":"LIMIT","f":"IOC","q":"{size}","p":"{c.price_text(x.price)}",'
        f'"ap":"{c.price_text(world.trading.last[x.row])}","X":"FILLED","l":"{size}","z":"{size}",'
        f'"T":{x.ts_ns // MS}}}}}'
    )


def instrument(contract: Contract) -> Row:
    """A row of exchangeInfo."""
    tick, lot = contract.price_text(1), contract.size_text(1)
    filters: list[Row] = [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": contract.price_text(10**7), "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": contract.size_text(10**7), "stepSize": lot},
    ]
    found: Row = {"symbol": contract.symbol, "status": "TRADING"}
    found |= {
        "baseAsset": contract.base,
        "quoteAsset": contract.quote,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
    }
    if contract.kind == "SPOT":
        filters.append({"filterType": "NOTIONAL", "minNotional": "5.00000000", "maxNotional": "9000000.00000000"})
        return found | {
            "quoteAssetPrecision": 8, "orderTypes": ["LIMIT", "MARKET"], "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False, "filters": filters, "permissions": [], "permissionSets": [["SPOT"]],
        }  # fmt: skip
    filters.append({"filterType": "MIN_NOTIONAL", "notional": "5"})
    pair = contract.symbol.partition("_")[0]
    return found | {
        "pair": pair, "contractType": _contract_type(contract), "marginAsset": contract.settle,
        "deliveryDate": contract.expiry_ns // MS or NO_EXPIRY, "onboardDate": contract.launch_ns // MS,
        "pricePrecision": contract.price_decimals, "quantityPrecision": contract.lot_decimals,
        "underlyingType": "COIN", "underlyingSubType": [], "filters": filters,
    }  # fmt: skip


def _contract_type(contract: Contract) -> str:
    if contract.kind == "PERP":
        return "PERPETUAL"
    expiry = datetime.fromtimestamp(contract.expiry_ns / 1e9, UTC)
    launch = datetime.fromtimestamp(contract.launch_ns / 1e9, UTC)
    return "CURRENT_QUARTER" if (expiry - launch).days < 120 else "NEXT_QUARTER"
