"""OKX v5, swaps, spot and dated futures: the declaration.

One public socket serves every product line, but a market here is one line (`okx-swap`, `okx-spot`,
`okx-futures`): each has a catalogue, a turnover ranking and shards of its own, as everywhere else. Books are
checked by the decoder, which alone can tell the venue starting its ids anew from a loss. Left out: options and
spreads; everything on the business address (candles, trades-all, mark and index candles), because candles are
built from trades and back-filled over REST; the `instruments` channel, which the poll replaces.
"""

from __future__ import annotations

from functools import partial

from crosstape.venues.okx.builtin import builtin
from crosstape.venues.okx.names import KINDS
from crosstape.venues.okx.past import decode_funding_past, funding_past
from crosstape.venues.okx.rest import (
    INTEREST,
    TICKERS,
    backfill,
    book_request,
    decode_book,
    decode_funding,
    decode_instruments,
    decode_interest,
    decode_interest_past,
    decode_klines,
    decode_marks,
    decode_ratio,
    decode_tickers,
    decode_trades,
    interest_past,
    past,
    ratio_request,
    refusal,
    whole_line,
)
from crosstape.venues.okx.stream import Decoder
from crosstape.venues.okx.subscriptions import ack, book_topics, bulk_topics, subscribe, topics, unsubscribe
from crosstape.wire.request import Request
from crosstape.wire.venue import BookRule, Budget, Capability, Ping, Poll, Stream, StreamLimits, Venue

# They advise fewer than 30 books a connection. Tier A's topics an instrument: 8 on swaps, 7 on futures, 4 on spot;
# shards are filled to 85 %.
_TOPICS = {"swap": 270, "spot": 135, "futures": 240}


def _stream(line: str) -> Stream:
    return Stream(
        market=f"okx-{line}",
        url="wss://ws.okx.com/ws/v5/public",
        subscribe=subscribe,
        unsubscribe=unsubscribe,
        open=Decoder,
        ack=ack,
        topics=topics,
        book_topics=book_topics,
        ping=Ping(b"ping", every_s=20.0),
        limits=StreamLimits(
            topics_per_request=40,
            # 64 KB of arguments; one is at most some 2.1 times as long as its topic.
            characters_per_connection=28_000,
            topics_per_connection=_TOPICS[line],
            # They count 480 requests an hour a connection; a start takes 8, a lost book 2.
            requests_per_s=2.0,
            connects_per_window=3,
            connect_window_s=1.0,
        ),
        book_rule=BookRule.CHAIN,
        bulk=bulk_topics(line),
        lossy=line != "spot",
        past=past,
        check=book_request,
    )


def _polls(line: str) -> tuple[Poll, ...]:
    market = f"okx-{line}"
    catalogue = whole_line("instruments", "/api/v5/public/instruments", line)
    tickers = whole_line("tickers", TICKERS, line)
    polls: tuple[Poll, ...] = (
        Poll(market, "instruments", lambda: (catalogue,), 300.0, partial(decode_instruments, line)),
        Poll(market, "tickers", lambda: (tickers,), 10.0, decode_tickers),
        Poll(market, "klines", tuple, 0.0, decode_klines),
        Poll(market, "trades", tuple, 0.0, decode_trades),
        Poll(market, "check", tuple, 0.0, decode_book),
    )
    if line == "spot":
        return polls
    marks = whole_line("marks", "/api/v5/public/mark-price", line)
    interest = whole_line("interest", INTEREST, line)
    polls += (
        Poll(market, "marks", lambda: (marks,), 10.0, decode_marks),
        Poll(market, "interest_past", tuple, 0.0, decode_interest_past),
        Poll(market, "interest", lambda: (interest,), 10.0, decode_interest),
        Poll(market, "ratio", tuple, 0.0, decode_ratio, each=ratio_request, each_s=300.0, per_s=1.0),
    )
    if line == "futures":
        return polls
    funding = Request("funding", "/api/v5/public/funding-rate", (("instId", "ANY"),))
    polls += (Poll(market, "funding_past", tuple, 0.0, decode_funding_past),)
    return (*polls, Poll(market, "funding", lambda: (funding,), 60.0, decode_funding))


CAPABILITIES = (
    Capability("instruments", "REST", "every 5 min; contract sizes from ctVal x ctMult; a short built-in list"),
    Capability("trades", "stream", "one row per taker order and price; holes made up for over REST"),
    Capability("quote", "stream", "bbo-tbt, 10 ms"),
    Capability("book", "stream, sequence checked", "400 levels, 100 ms, prevSeqId; CRC32 only while one is sent"),
    Capability("ticker", "stream + REST", "linear contracts: turnover = coins x the day's typical price"),
    Capability("mark", "stream + REST", "200 ms on change; all every 10 s"),
    Capability("index", "stream", "for instruments whose mark price is streamed too"),
    Capability("funding", "stream + REST", "interval from this funding to the next, per instrument"),
    Capability("open interest", "stream + REST", "contracts, single-sided; all every 10 s; past from REST"),
    Capability("liquidations", "stream, lossy", "at most one a second and contract: a lower bound"),
    Capability("long/short ratio", "REST", "tier A contracts, each every 5 min; accounts"),
    Capability("candles", "built from trades", "back-filled from REST, flagged REPAIRED; days are UTC days"),
)

OKX = Venue(
    id="okx",
    docs="https://www.okx.com/docs-v5/en/",
    rest="https://openapi.okx.com",
    # Their limits are per path, 10 to 40 in two seconds; this is within the ones asked often.
    budget=Budget(weight=20.0, window_s=2.0),
    streams=tuple(_stream(line) for line in KINDS),
    polls=tuple(poll for line in KINDS for poll in _polls(line)),
    capabilities=CAPABILITIES,
    refusal=refusal,
    backfill=backfill,
    interest=interest_past,
    funding=funding_past,
    builtin=builtin,
)
