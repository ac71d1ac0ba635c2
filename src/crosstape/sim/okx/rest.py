"""OKX's public REST over one world: path and query in, native JSON out. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from crosstape.sim.answer import Answer
from crosstape.sim.carry import BUCKET_NS, crowding
from crosstape.sim.dialect import Query
from crosstape.sim.okx.candles import NotABar, bars
from crosstape.sim.okx.native import (
    MS,
    TYPES,
    Row,
    funding,
    index,
    instrument,
    interest,
    levels,
    mark,
    pair_of,
    plain,
    size_text,
    ticker,
    trade_row,
)
from crosstape.sim.okx.stream import Stream

LINES: Final = {kind: line for line, kind in TYPES.items()}
Found = list[Row] | list[list[str]]


class Wrong(Exception):
    """The request cannot be answered: this code and message."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(said)
        self.code = code


def answer(stream: Stream, path: str, query: Query) -> Answer:
    """Any GET below the venue's root."""
    route = ROUTES.get(path.removeprefix("/api/v5"))
    if route is None:
        return Answer(404, b'{"code":"404","msg":"Not Found","data":[]}')
    try:
        body = {"code": "0", "msg": "", "data": route(stream, query)}
    except Wrong as wrong:
        body = {"code": wrong.code, "msg": str(wrong), "data": []}
    return Answer(400 if body["code"] == "51000" else 200, msgspec.json.encode(body))


def row_of(stream: Stream, query: Query) -> int:
    """The row of a request for one instrument."""
    native = query.get("instId", "")
    if not native:
        raise Wrong("50014", "Parameter instId cannot be empty.")
    if native not in stream.rows:
        raise Wrong("51001", "Instrument ID doesn't exist.")
    return stream.rows[native]


def rows_of(stream: Stream, query: Query, kinds: Iterable[str]) -> list[int]:
    """The rows of a product line, narrowed by underlying and instrument."""
    kind = query.get("instType", "")
    if kind in ("MARGIN", "OPTION", "EVENTS"):
        return []
    if kind not in kinds:
        raise Wrong("51000", "Parameter instType error")
    only, pair = query.get("instId", ""), query.get("uly", "") or query.get("instFamily", "")
    contracts = stream.world.rows.contracts
    return [
        row
        for native, row in stream.rows.items()
        if contracts[row].market == LINES[kind] and only in ("", native) and pair in ("", pair_of(contracts[row]))
    ]


def number(query: Query, name: str, default: int, most: int) -> int:
    """An integer parameter, cut at what they allow."""
    text = query.get(name, "") or str(default)
    if not text.isdigit():
        raise Wrong("51000", f"Parameter {name} error")
    return min(int(text), most)


def instruments(stream: Stream, query: Query) -> Found:
    """A product line's catalogue, whole."""
    contracts = stream.world.rows.contracts
    return [instrument(contracts[row], row) for row in rows_of(stream, query, LINES)]


def tickers(stream: Stream, query: Query) -> Found:
    """A product line's tickers."""
    return [ticker(stream.world, row) for row in rows_of(stream, query, LINES)]


def one_ticker(stream: Stream, query: Query) -> Found:
    """One instrument's ticker."""
    return [ticker(stream.world, row_of(stream, query))]


def books(stream: Stream, query: Query) -> list[msgspec.Raw]:
    """The book's top."""
    row = row_of(stream, query)
    most, world = number(query, "sz", 1, 400), stream.world
    contract, ladder = world.rows.contracts[row], world.trading.ladders[row]
    asks, bids = (",".join(levels(contract, side.top(most))) for side in (ladder.asks, ladder.bids))
    ts, seq = world.now_ns // MS, world.trading.seq[row]
    return [msgspec.Raw(f'{{"asks":[{asks}],"bids":[{bids}],"ts":"{ts}","seqId":{seq}}}'.encode())]


def trades(stream: Stream, query: Query) -> Found:
    """The newest trades since the start, newest first."""
    row = row_of(stream, query)
    newest = list(stream.recent[row])[::-1][: number(query, "limit", 100, 500)]
    return [trade_row(stream.world, row, t.number, t.price, t.lots, t.buy, t.ts_ns) for t in newest]


def candles(stream: Stream, query: Query) -> Found:
    """Candles, newest first."""
    row = row_of(stream, query)
    limit = number(query, "limit", 100, 300)
    before, after = number(query, "before", 0, 1 << 62), number(query, "after", 0, 1 << 62)
    try:
        return bars(stream.world, row, query.get("bar", "1m") or "1m", before, after, limit)
    except NotABar as wrong:
        raise Wrong("51000", "Parameter bar error") from wrong


def funding_rate(stream: Stream, query: Query) -> Found:
    """One swap's funding, or that of all."""
    contracts = stream.world.rows.contracts
    if query.get("instId") == "ANY":
        return [funding(stream.world, row) for row in stream.rows.values() if contracts[row].kind == "PERP"]
    row = row_of(stream, query)
    if contracts[row].kind != "PERP":
        raise Wrong("51001", "Instrument ID doesn't exist.")
    return [funding(stream.world, row)]


def funding_history(stream: Stream, query: Query) -> Found:
    """Settled rates, newest first."""
    row, world = row_of(stream, query), stream.world
    contract, carry = world.rows.contracts[row], world.trading.carry[row]
    if not carry.interval_ns:
        raise Wrong("51001", "Instrument ID doesn't exist.")
    first = max(number(query, "before", 0, 1 << 53) * MS + 1, contract.launch_ns)
    last = min(number(query, "after", 1 << 53, 1 << 53) * MS - 1, world.now_ns)
    return [
        {
            "instType": "SWAP", "instId": contract.symbol, "fundingRate": plain(rate), "realizedRate": plain(rate),
            "fundingTime": str(ts // MS), "method": "current_period", "formulaType": "withRate",
        }
        for ts, rate in carry.rates(first, last, number(query, "limit", 400, 400))
    ]  # fmt: skip


def open_interest(stream: Stream, query: Query) -> Found:
    """A product line's open interest."""
    return [interest(stream.world, row) for row in rows_of(stream, query, ("SWAP", "FUTURES"))]


def mark_price(stream: Stream, query: Query) -> Found:
    """A product line's mark prices."""
    return [mark(stream.world, row) for row in rows_of(stream, query, ("SWAP", "FUTURES"))]


def index_tickers(stream: Stream, query: Query) -> Found:
    """Indices, of one pair or of all in a quote currency."""
    only, quote = query.get("instId", ""), query.get("quoteCcy", "")
    if not only and not quote:
        raise Wrong("50015", "Either parameter instId or quoteCcy is required.")
    pairs = stream.pairs.items()
    return [
        index(stream.world, row)
        for pair, row in pairs
        if only in ("", pair) and quote in ("", pair.partition("-")[2])
    ]


def time(stream: Stream, query: Query) -> Found:
    """The venue's clock."""
    return [{"ts": str(stream.world.now_ns // MS)}]


def account_ratio(stream: Stream, query: Query) -> Found:
    """Accounts that are long over those that are short at five-minute marks, newest first."""
    row, world = row_of(stream, query), stream.world
    crowd, salt = float(world.cascade.crowd[world.rows.asset[row]]), world.rows.salt[row]
    last = world.now_ns // BUCKET_NS
    buckets = range(last, last - number(query, "limit", 100, 100), -1)
    longs = [(bucket, crowding(salt, bucket, crowd)) for bucket in buckets]
    return [[str(bucket * BUCKET_NS // MS), plain(long / (1 - long), 4)] for bucket, long in longs]


def interest_history(stream: Stream, query: Query) -> Found:
    """A contract's open interest at five-minute marks, newest first: contracts, coins, dollars."""
    row, world = row_of(stream, query), stream.world
    contract, carry = world.rows.contracts[row], world.trading.carry[row]
    end = min(number(query, "end", 1 << 53, 1 << 53) * MS, world.now_ns) // BUCKET_NS
    first = -(-number(query, "begin", 0, 1 << 53) * MS // BUCKET_NS)
    buckets = range(end, max(first - 1, end - number(query, "limit", 100, 100)), -1)
    found = [(bucket, carry.interest(bucket)) for bucket in buckets]
    price = float(world.mark[row])
    coin = contract.lot / price if contract.inverse else contract.lot
    return [
        [str(bucket * BUCKET_NS // MS), size_text(contract, oi), plain(oi * coin, 8), plain(oi * coin * price, 8)]
        for bucket, oi in found
    ]


def nothing(stream: Stream, query: Query) -> Found:
    """No maintenance is planned."""
    return []


ROUTES: Final[Mapping[str, Callable[[Stream, Query], object]]] = {
    "/public/instruments": instruments,
    "/market/tickers": tickers,
    "/market/ticker": one_ticker,
    "/market/books": books,
    "/market/trades": trades,
    "/market/candles": candles,
    "/market/history-candles": candles,
    "/market/index-tickers": index_tickers,
    "/public/funding-rate": funding_rate,
    "/public/funding-rate-history": funding_history,
    "/public/open-interest": open_interest,
    "/public/mark-price": mark_price,
    "/public/time": time,
    "/rubik/stat/contracts/open-interest-history": interest_history,
    "/rubik/stat/contracts/long-short-account-ratio-contract": account_ratio,
    "/system/status": nothing,
}
