"""World facts in Bybit's native words: symbols by category, ticker fields, instrument rows. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from crosstape.sim.facts import Trade
from crosstape.sim.listing import Contract
from crosstape.sim.world import World

CATEGORIES: Final = ("linear", "inverse", "spot")
TYPES: Final = {
    ("linear", "PERP"): "LinearPerpetual", ("linear", "FUTURE"): "LinearFutures",
    ("inverse", "PERP"): "InversePerpetual", ("inverse", "FUTURE"): "InverseFutures",
}  # fmt: skip
YEAR_NS: Final = 365 * 86_400 * 1_000_000_000


class Native:
    """Finds rows by category and symbol; a new listing appears, a delisted row vanishes."""

    def __init__(self, world: World) -> None:
        self.world = world

    def rows(self, category: str) -> dict[str, int]:
        """Symbol to row of everything that trades in a category, in alphabetical order."""
        rows = self.world.rows
        found = {
            c.symbol: row
            for row, c in enumerate(rows.contracts)
            if c.venue == "bybit" and c.market == category and rows.alive[row]
        }
        return dict(sorted(found.items()))


def plain(value: float, decimals: int = 8) -> str:
    """A number without trailing zeros."""
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def ms(ns: int) -> str:
    """A time the way REST prints it."""
    return str(ns // 1_000_000)


def spot_ticker(world: World, row: int) -> dict[str, str]:
    """Fields of a spot ticker on the socket (it has no bid or ask)."""
    contract, trading = world.rows.contracts[row], world.trading
    minutes, price = trading.minutes, contract.price_text
    live, last, before = minutes.live[row], trading.last[row], minutes.day_ago[row]
    volume = minutes.volume_closed[row] + live[4]
    turnover = minutes.turnover_closed[row] + minutes.live_turnover[row]
    return {
        "symbol": contract.symbol,
        "lastPrice": price(last),
        "highPrice24h": price(max(minutes.high_closed[row], live[1])),
        "lowPrice24h": price(min(minutes.low_closed[row], live[2])),
        "prevPrice24h": price(before),
        "volume24h": contract.size_text(volume),
        "turnover24h": f"{turnover:.8f}" if contract.inverse else f"{turnover:.4f}",
        "price24hPcnt": plain(last / before - 1.0, 6),
        "usdIndexPrice": plain(float(world.index[row]), contract.price_decimals + 2),
    }


def touch(world: World, row: int) -> dict[str, str]:
    """Best bid and ask."""
    contract, ladder = world.rows.contracts[row], world.trading.ladders[row]
    return {
        "bid1Price": contract.price_text(ladder.bid),
        "bid1Size": contract.size_text(ladder.bids.sizes[ladder.bids.keys[-1]]),
        "ask1Price": contract.price_text(ladder.ask),
        "ask1Size": contract.size_text(ladder.asks.sizes[ladder.asks.keys[-1]]),
    }


def contract_ticker(world: World, row: int) -> dict[str, str]:
    """Every field of a linear or inverse ticker on the socket."""
    contract, trading = world.rows.contracts[row], world.trading
    fields = spot_ticker(world, row)
    del fields["usdIndexPrice"]
    mark, index, carry = float(world.mark[row]), float(world.index[row]), trading.carry[row]
    single = carry.oi * contract.lot
    value = single / mark if contract.inverse else single * mark
    digits = contract.price_decimals
    fields |= {
        "tickDirection": trading.direction[row],
        "prevPrice1h": contract.price_text(trading.minutes.hour_ago[row]),
        "markPrice": f"{mark:.{digits}f}",
        "indexPrice": f"{index:.{digits + 1}f}",
        "openInterest": contract.size_text(2 * carry.oi),
        "openInterestValue": plain(2 * value, 4),
        "singleOpenInterest": contract.size_text(carry.oi),
        "singleOpenInterestValue": plain(value, 4),
    }
    fields |= touch(world, row)
    if contract.kind == "PERP":
        return fields | {
            "fundingRate": plain(carry.rate),
            "nextFundingTime": ms(carry.next_ns),
            "fundingIntervalHour": str(contract.funding_hours),
            "fundingCap": plain(carry.cap()),
        }
    years = max(contract.expiry_ns - world.now_ns, 1) / YEAR_NS
    delivery = datetime.fromtimestamp(contract.expiry_ns / 1e9, UTC)
    return fields | {
        "fundingRate": "",
        "nextFundingTime": "",
        "basis": plain(mark - index, digits),
        "basisRate": plain(mark / index - 1.0),
        "basisRateYear": plain((mark / index - 1.0) / years),
        "predictedDeliveryPrice": "",
        "deliveryFeeRate": "0.0005",
        "deliveryTime": delivery.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def rest_ticker(world: World, row: int) -> dict[str, str]:
    """A row of /v5/market/tickers."""
    contract = world.rows.contracts[row]
    if contract.kind == "SPOT":
        return spot_ticker(world, row) | touch(world, row)
    fields = contract_ticker(world, row)
    del fields["tickDirection"]
    blank = {"basis": "", "basisRate": "", "predictedDeliveryPrice": "", "deliveryFeeRate": ""}
    return blank | fields | {"deliveryTime": ms(contract.expiry_ns), "preOpenPrice": "", "preQty": ""}


def instrument(contract: Contract, row: int) -> dict[str, object]:
    """A row of /v5/market/instruments-info."""
    lot, tick = contract.size_text(1), contract.price_text(1)
    if contract.kind == "SPOT":
        filters = {"basePrecision": lot, "quotePrecision": "0.00000001", "minOrderQty": lot}
        filters |= {"maxOrderQty": contract.size_text(10_000_000), "minOrderAmt": "1", "maxOrderAmt": "2000000"}
        return {
            "symbol": contract.symbol, "baseCoin": contract.base, "quoteCoin": contract.quote, "innovation": "0",
            "status": "Trading", "marginTrading": "utaOnly", "stTag": "0", "lotSizeFilter": filters,
            "priceFilter": {"tickSize": tick}, "symbolType": "", "symbolId": row + 1,
            "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
        }  # fmt: skip
    cap = plain(0.005 * contract.funding_hours / 8)
    return {
        "symbol": contract.symbol, "contractType": TYPES[contract.market, contract.kind], "status": "Trading",
        "baseCoin": contract.base, "quoteCoin": contract.quote, "settleCoin": contract.settle, "symbolType": "",
        "launchTime": ms(contract.launch_ns), "deliveryTime": ms(contract.expiry_ns),
        "deliveryFeeRate": "0.0005" if contract.expiry_ns else "", "priceScale": str(contract.price_decimals),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "50.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": tick, "maxPrice": contract.price_text(1_999_998), "tickSize": tick},
        "lotSizeFilter": {
            "maxOrderQty": contract.size_text(1_000_000), "minOrderQty": lot, "qtyStep": lot,
            "postOnlyMaxOrderQty": contract.size_text(1_000_000), "maxMktOrderQty": contract.size_text(100_000),
        } | ({} if contract.inverse else {"minNotionalValue": "5"}),
        "unifiedMarginTrade": True, "fundingInterval": contract.funding_hours * 60, "copyTrading": "none",
        "upperFundingRate": cap, "lowerFundingRate": f"-{cap}", "isPreListing": False, "preListingInfo": None,
        "symbolId": row + 1, "tags": [],
    }  # fmt: skip


def trade_id(salt: int, trade: Trade, spot: bool) -> str:
    """A UUID on derivatives, digits on spot."""
    if spot:
        return str(2_290_000_000_000_000_000 + trade.row * 1_000_000_000 + trade.number)
    mixed = ((salt << 40) + trade.number) * 0x9E3779B97F4A7C15F39CC0605CEDC835
    return str(UUID(int=mixed & ((1 << 128) - 1), version=5))


def trade_rows(world: World, trades: Iterable[Trade]) -> str:
    """The `data` of a publicTrade message, trades of one row."""
    parts = []
    for t in trades:
        c = world.rows.contracts[t.row]
        spot = c.kind == "SPOT"
        tick = "" if spot else f'"L":"{t.direction}",'
        parts.append(
            f'{{"T":{t.ts_ns // 1_000_000},"s":"{c.symbol}","S":"{"Buy" if t.buy else "Sell"}",'
            f'"v":"{c.size_text(t.lots)}","p":"{c.price_text(t.price)}",{tick}'
            f'"i":"{trade_id(world.rows.salt[t.row], t, spot)}","BT":false,"RPI":false,"seq":{t.seq}}}'
        )
    return ",".join(parts)
