"""Hyperliquid's REST: every read is a POST to /info. Catalogues, contexts, candles, and what a refusal means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from crosstape.model.errors import WireError
from crosstape.model.event import AnyEvent, Candle, CatalogueEnd, Listed
from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.venues.hyperliquid.context import Context, TradeRow, context_events, trade_event
from crosstape.venues.hyperliquid.names import COLLATERAL, MS, PERPS, SPOT, base_of, dex_of
from crosstape.wire.effect import Effect
from crosstape.wire.request import Request
from crosstape.wire.venue import Refusal

MINUTE_NS = 60_000 * MS
MOST_CANDLES = 5000
_SPANS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
# A price has at most so many decimals, less those of the size.
_PERP_DECIMALS, _SPOT_DECIMALS = 6, 8


class Coin(msgspec.Struct, frozen=True, rename="camel"):
    """A perpetual of a dex. One that is delisted stays, because its place is its number."""

    name: str
    sz_decimals: int
    is_delisted: bool | None = None


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """A dex."""

    universe: Sequence[Coin]
    collateral_token: int = 0


class _Token(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    sz_decimals: int
    index: int


class _Pair(msgspec.Struct, frozen=True):
    name: str
    tokens: tuple[int, int]


class _SpotMeta(msgspec.Struct, frozen=True):
    universe: Sequence[_Pair]
    tokens: Sequence[_Token]


class _Candle(msgspec.Struct, gc=False):
    start: int = msgspec.field(name="t")
    end: int = msgspec.field(name="T")
    coin: str = msgspec.field(name="s")
    interval: str = msgspec.field(name="i")
    open: float = msgspec.field(name="o")
    high: float = msgspec.field(name="h")
    low: float = msgspec.field(name="l")
    close: float = msgspec.field(name="c")
    volume: float = msgspec.field(name="v")
    trades: int = msgspec.field(name="n")


class _Span(msgspec.Struct, rename="camel"):
    end_time: int


class _Asked(msgspec.Struct):
    req: _Span


_meta = msgspec.json.Decoder(Meta | Sequence[Meta])
_contexts = msgspec.json.Decoder(tuple[Meta, list[Context]])
_spot = msgspec.json.Decoder(_SpotMeta)
_spot_contexts = msgspec.json.Decoder(tuple[_SpotMeta, list[Context]])
_candles = msgspec.json.Decoder(list[_Candle], strict=False)
_asked = msgspec.json.Decoder(_Asked)
_trades = msgspec.json.Decoder(list[TradeRow], strict=False)


def ask(name: str, kind: str) -> Request:
    """A read that takes nothing but its type; nearly all of them weigh 20."""
    return Request(name, "/info", body=f'{{"type":"{kind}"}}', weight=20.0)


def decode_perps(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """`allPerpMetas`, or one dex's `meta` -> what is listed."""
    try:
        metas = _meta.decode(body)
    except msgspec.MsgspecError as error:
        raise WireError(f"hyperliquid catalogue: {error}") from error
    found = [metas] if isinstance(metas, Meta) else metas
    listed: list[AnyEvent | Effect] = [
        Listed(coin.name, 0, perpetual(coin, meta))
        for meta in found
        for coin in meta.universe
        if not coin.is_delisted
    ]
    return [*listed, CatalogueEnd("", 0)]


def perpetual(coin: Coin, meta: Meta) -> Instrument:
    """Their coin -> ours. The tick is the finest there is: five significant figures make most coarser."""
    base, multiplier = base_of(coin.name)
    collateral = COLLATERAL.get(meta.collateral_token, f"TOKEN{meta.collateral_token}")
    return Instrument(
        PERPS, coin.name, InstrumentKind.PERP, base, collateral, collateral, multiplier,
        tick_size=_step(_PERP_DECIMALS - coin.sz_decimals), lot_size=_step(coin.sz_decimals), funding_hours=1.0,
    )  # fmt: skip


def _step(decimals: int) -> float:
    """One in the last of so many decimals; whole prices are always good."""
    return float(f"1e-{min(max(decimals, 0), 30)}")


def names_of(metas: Iterable[Meta]) -> dict[str, list[str]]:
    """Each dex's coins by place, "" for those that are delisted."""
    return {
        dex_of(meta.universe[0].name): ["" if coin.is_delisted else coin.name for coin in meta.universe]
        for meta in metas
        if meta.universe
    }


def decode_contexts(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """`metaAndAssetCtxs` -> figures of their own dex's coins."""
    try:
        meta, contexts = _contexts.decode(body)
        pairs = zip(meta.universe, contexts, strict=False)
        return [e for coin, context in pairs if not coin.is_delisted for e in context_events(coin.name, context)]
    except (msgspec.MsgspecError, ValueError) as error:
        raise WireError(f"hyperliquid contexts: {error}") from error


def decode_spot(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """`spotMeta` -> what is listed; a pair's tokens say what it is, its name does not."""
    try:
        meta = _spot.decode(body)
        tokens = {token.index: token for token in meta.tokens}
        listed: list[AnyEvent | Effect] = [
            Listed(pair.name, 0, _pair(pair.name, *(tokens[index] for index in pair.tokens)))
            for pair in meta.universe
        ]
    except (msgspec.MsgspecError, KeyError) as error:
        raise WireError(f"hyperliquid spot catalogue: {error!r}") from error
    return [*listed, CatalogueEnd("", 0)]


def _pair(name: str, base: _Token, quote: _Token) -> Instrument:
    return Instrument(
        SPOT, name, InstrumentKind.SPOT, base.name, quote.name, quote.name,
        tick_size=_step(_SPOT_DECIMALS - base.sz_decimals), lot_size=_step(base.sz_decimals),
    )  # fmt: skip


def decode_spot_contexts(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """`spotMetaAndAssetCtxs` -> figures of every pair; these contexts name theirs."""
    try:
        meta, contexts = _spot_contexts.decode(body)
        known = {pair.name for pair in meta.universe}
        return [e for context in contexts if context.coin in known for e in context_events(context.coin, context)]
    except (msgspec.MsgspecError, ValueError) as error:
        raise WireError(f"hyperliquid spot contexts: {error}") from error


def backfill(instrument: Instrument, since: int, until: int) -> tuple[Request, ...]:
    """One-minute candles of [since, until), at most 5 000 a request; no more than the newest 5 000 exist."""
    step = MOST_CANDLES * MINUTE_NS
    return tuple(_candles_of(instrument, start, min(start + step, until)) for start in range(since, until, step))


def _candles_of(instrument: Instrument, start: int, end: int) -> Request:
    span = {"coin": instrument.native, "interval": "1m", "startTime": start // MS, "endTime": end // MS - 1}
    body = msgspec.json.encode({"type": "candleSnapshot", "req": span}).decode()
    return Request("klines", "/info", body=body, weight=20.0 + (end - start) // MINUTE_NS // 60, priority=5)


def decode_candles(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """Candles that ended within what was asked for, oldest first. They tell no turnover: it is coins x the typical
    price."""
    try:
        end = _asked.decode(request.body.encode()).req.end_time
        rows = _candles.decode(body)
        return [
            Candle(
                c.coin, c.start * MS, _seconds(c.interval), c.open, c.high, c.low, c.close, c.volume,
                c.volume * (c.high + c.low + c.close) / 3.0, float(c.trades), repaired=True,
            )
            for c in rows
            if c.end <= end
        ]  # fmt: skip
    except (msgspec.MsgspecError, ValueError, KeyError, OverflowError) as error:
        raise WireError(f"hyperliquid candles: {error!r}") from error


def _seconds(interval: str) -> int:
    return int(interval[:-1]) * _SPANS[interval[-1:]]


def past(instrument: Instrument, since: int, until: int) -> Request:
    """The newest trades; they cannot be asked for by time."""
    body = msgspec.json.encode({"type": "recentTrades", "coin": instrument.native}).decode()
    return Request("trades", "/info", body=body, weight=45.0, priority=5)


def decode_trades(request: Request, body: bytes) -> Sequence[AnyEvent | Effect]:
    """The newest trades, oldest first; their ids are the stream's."""
    try:
        rows = _trades.decode(body)
    except msgspec.MsgspecError as error:
        raise WireError(f"hyperliquid trades: {error}") from error
    return sorted(map(trade_event, rows), key=lambda trade: trade.ts_event)


def refusal(status: int, headers: str, body: bytes) -> Refusal | None:
    """429 comes without a date to come back: half of the minute they count in. `null` is what they do not know."""
    if status == 429:
        return Refusal("429: more weight than a minute allows", ban_s=30.0, retry=True)
    if status >= 500:
        return Refusal(f"HTTP {status}", retry=True)
    if status != 200:
        return Refusal(f"HTTP {status}: {body[:80].decode('utf-8', 'replace')}")
    if body.strip() in (b"null", b""):
        return Refusal("null: they do not know what was asked for")
    return None
