"""Hyperliquid, perpetuals of every dex and spot: the declaration.

An address may have 10 connections and 1 000 subscriptions, both markets together. A tier A instrument takes 4,
B takes 2, C none; `limits.topics` gives perpetuals 780 and spot 200, and what does not fit there, by rank, is
lowered to B or stays C when the universe is planned. 50 deep perpetuals leave room for 289 with quotes and trades.
Full shards hold 136 topics: eight connections, and two to spare for replacements. Left out: everything of a user;
outcomes; `allMids`, `candle` and `activeAssetCtx`, which say less than what is taken; the undocumented `l2` and
`fastAssetCtxs`.
"""

from __future__ import annotations

from functools import partial

from crosstape.venues.hyperliquid.builtin import builtin
from crosstape.venues.hyperliquid.names import PERPS, SPOT
from crosstape.venues.hyperliquid.past import decode_funding_past, funding_past
from crosstape.venues.hyperliquid.rest import (
    ask,
    backfill,
    decode_candles,
    decode_contexts,
    decode_perps,
    decode_spot,
    decode_spot_contexts,
    decode_trades,
    past,
    refusal,
)
from crosstape.venues.hyperliquid.stream import Decoder
from crosstape.venues.hyperliquid.subscriptions import CONTEXTS, ack, book_topics, subscribe, topics
from crosstape.wire.venue import BookRule, Budget, Capability, Ping, Poll, Stream, StreamLimits, Venue


def _stream(market: str, most: int, bulk: tuple[str, ...]) -> Stream:
    return Stream(
        market=market,
        url="wss://api.hyperliquid.xyz/ws",
        subscribe=subscribe,
        unsubscribe=partial(subscribe, method="unsubscribe"),
        open=Decoder,
        ack=ack,
        topics=topics,
        book_topics=book_topics,
        # They close a socket on which they said nothing for a minute.
        ping=Ping(b'{"method":"ping"}', every_s=40.0),
        limits=StreamLimits(
            topics_per_request=1,
            topics_per_connection=160,
            topics=most,
            # 2 000 messages a minute over all connections: 28 a second for eight of them.
            requests_per_s=3.5,
            connects_per_window=25,
            connect_window_s=60.0,
        ),
        book_rule=BookRule.NONE,
        bulk=bulk,
        past=past,
        sampled=True,
    )


CAPABILITIES = (
    Capability("instruments", "REST", "every 5 min, perpetuals of all dexes; collateral by a built-in list"),
    Capability("trades", "stream", "per block, with both addresses; holes made up for over REST"),
    Capability("quote", "stream", "bbo, per block; where none is taken the impact prices of all contexts"),
    Capability("book", "stream, whole", "20 levels every ~5 s, the best five of them every ~0.5 s; no sequence"),
    Capability("ticker", "stream + REST", "all dexes at once; spot every 15 s; no 24 h high and low"),
    Capability("mark, index", "stream", "all dexes at once; the index is the oracle price"),
    Capability("funding", "stream", "hourly"),
    Capability("open interest", "stream", "coins, single-sided"),
    Capability("liquidations", "none", "no public stream: only fills of addresses one watches tell"),
    Capability("candles", "built from trades", "back-filled from REST, flagged REPAIRED; turnover estimated"),
)

HYPERLIQUID = Venue(
    id="hyperliquid",
    docs="https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api",
    rest="https://api.hyperliquid.xyz",
    budget=Budget(weight=1200.0, window_s=60.0),
    streams=(_stream(PERPS, 780, (CONTEXTS,)), _stream(SPOT, 200, ())),
    polls=(
        Poll(PERPS, "instruments", lambda: (ask("instruments", "allPerpMetas"),), 300.0, decode_perps),
        Poll(PERPS, "tickers", lambda: (ask("tickers", "metaAndAssetCtxs"),), 60.0, decode_contexts),
        Poll(PERPS, "klines", tuple, 0.0, decode_candles),
        Poll(PERPS, "trades", tuple, 0.0, decode_trades),
        Poll(PERPS, "funding_past", tuple, 0.0, decode_funding_past),
        Poll(SPOT, "instruments", lambda: (ask("instruments", "spotMeta"),), 300.0, decode_spot),
        Poll(SPOT, "tickers", lambda: (ask("tickers", "spotMetaAndAssetCtxs"),), 15.0, decode_spot_contexts),
        Poll(SPOT, "klines", tuple, 0.0, decode_candles),
        Poll(SPOT, "trades", tuple, 0.0, decode_trades),
    ),
    capabilities=CAPABILITIES,
    refusal=refusal,
    backfill=backfill,
    funding=funding_past,
    builtin=builtin,
)
