"""Moments of the engine as tables of the history, by kind and market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from crosstape.model.event import AnyEvent, Candle, Liquidation, Side, Trade
from crosstape.model.instrument import Instrument
from crosstape.store.history.resample import from_trades
from crosstape.store.history.schemas import TIMEFRAMES_S, schema

if TYPE_CHECKING:
    import pyarrow as pa

F64 = NDArray[np.float64]
SECOND_NS = 1_000_000_000
GRACE_NS = 2 * SECOND_NS
EVER = (1 << 63) - 1
BUY = Side.BUY
NAMES = {seconds: name for name, seconds in TIMEFRAMES_S.items()}
QUOTES = ("bid", "bid_size", "ask", "ask_size")
FUNDING = ("funding", "funding_hours")
INTEREST = ("oi", "oi_usd")


class Moment(msgspec.Struct, frozen=True):
    """What the recorder needs of a view. Arrays cover all rows.

    events    (row, event) since the moment before
    quotes, samples   the columns to keep, on moments that are sampled; else empty
    """

    ts: int
    instruments: Sequence[Instrument | None]
    events: Sequence[tuple[int, AnyEvent]]
    quotes: Mapping[str, F64] = {}
    samples: Mapping[str, F64] = {}


Tables = list[tuple[str, str, "pa.Table"]]


class Gatherer:
    """Takes moments, gives tables. Not for two threads at once."""

    def __init__(self, kinds: Sequence[str], metrics: Sequence[str]) -> None:
        self._kinds, self._metrics = frozenset(kinds), tuple(metrics)
        self._known: Sequence[Instrument | None] = ()
        self._ids: list[str] = []
        self._codes: dict[str, int] = {}
        self._code_of = np.zeros(0, np.int32)
        self._code_list: list[int] = []
        self._before: dict[str, tuple[F64, ...]] = {}
        self._held: Any = None
        self._cut = -1
        self.ts = 0
        self._clear()

    def _clear(self) -> None:
        # Two lists and no pairs: the collector would walk a pair for every trade.
        self._trades: list[Trade] = []
        self._traders: list[int] = []
        self._candles: dict[int, list[tuple[int, Candle]]] = {}
        self._forced: list[tuple[int, Liquidation]] = []
        self._sampled: dict[str, list[tuple[int, NDArray[np.int32], tuple[F64, ...]]]] = {}
        self.rows = 0

    def take(self, moment: Moment) -> None:
        """One moment; moments come in order of time."""
        if moment.instruments is not self._known:
            self._relist(moment.instruments)
        if self._cut < 0:
            # The second it began in is not whole.
            self._cut = moment.ts - moment.ts % SECOND_NS + SECOND_NS
        self.ts = moment.ts
        code_of = self._code_list
        for row, event in moment.events:
            kind = type(event)
            if kind is Trade:
                self._trades.append(event)  # type: ignore[arg-type]
                self._traders.append(code_of[row])
            elif kind is Candle:
                self._candles.setdefault(event.timeframe_s, []).append((code_of[row], event))  # type: ignore
            elif kind is Liquidation:
                self._forced.append((code_of[row], event))  # type: ignore[arg-type]
        self.rows += len(moment.events)
        if moment.quotes:
            self._sample("quotes", moment.ts, moment.quotes, QUOTES, only_changed=True)
        if moment.samples:
            self._sample("funding", moment.ts, moment.samples, FUNDING, only_changed=True)
            self._sample("open_interest", moment.ts, moment.samples, INTEREST)
            self._sample("metrics", moment.ts, moment.samples, self._metrics)

    def _relist(self, instruments: Sequence[Instrument | None]) -> None:
        for i, one in enumerate(instruments):
            if one is not None and (i >= len(self._known) or self._known[i] is not one):
                self._codes.setdefault(one.id, len(self._codes))
        self._known = instruments
        self._code_list = [self._codes[one.id] if one is not None else -1 for one in instruments]
        self._code_of = np.array(self._code_list, np.int32)
        self._ids = list(self._codes)
        self._before.clear()

    def _sample(
        self, kind: str, ts: int, columns: Mapping[str, F64], names: Sequence[str], only_changed: bool = False
    ) -> None:
        names = [name for name in names if name in columns]
        if kind not in self._kinds or not names:
            return
        values = tuple(columns[name] for name in names)
        n = min(values[0].size, self._code_of.size)
        known = np.zeros(n, bool)
        for value in values:
            known |= ~np.isnan(value[:n])
        if only_changed:
            before = self._before.get(kind)
            if before is not None and before[0].size == values[0].size:
                known &= _differs(values, before, n)
            self._before[kind] = values
        rows = np.flatnonzero(known & (self._code_of[:n] >= 0))
        if rows.size:
            self._sampled.setdefault(kind, []).append(
                (ts, self._code_of[rows], tuple(value[rows] for value in values))
            )
            self.rows += int(rows.size)

    def tables(self, everything: bool = False) -> Tables:
        """What was gathered, by kind and market; `everything`: also seconds whose trades may still come."""
        found: list[tuple[str, pa.Table]] = []
        if self._trades or self._held is not None:
            found += self._traded(everything)
        for seconds, candles in self._candles.items():
            name = f"candles_{NAMES.get(seconds, '')}"
            if name in self._kinds:
                found.append((name, self._bars(name, candles)))
        if self._forced and "liquidations" in self._kinds:
            found.append(("liquidations", self._liquidated()))
        for kind, samples in self._sampled.items():
            found.append((kind, self._samples(kind, samples)))
        self._clear()
        return [(kind, market, part) for kind, table in found for market, part in _by_market(table)]

    def _traded(self, everything: bool) -> list[tuple[str, pa.Table]]:
        import pyarrow as pa
        import pyarrow.compute as pc

        table = self._trade_table()
        found = [("trades", table)] if "trades" in self._kinds and table.num_rows else []
        if "candles_1s" not in self._kinds:
            return found
        # What comes for a second that was closed is in no candle.
        fresh = table.filter(pc.greater_equal(table["ts"], self._cut))
        held = pa.concat_tables([self._held, fresh]).unify_dictionaries() if self._held is not None else fresh
        final = (self.ts - GRACE_NS) // SECOND_NS * SECOND_NS
        self._cut = EVER if everything else max(self._cut, final)
        past = pc.less(held["ts"], self._cut)
        closed = from_trades(held.filter(past), "1s")
        self._held = held.filter(pc.invert(past))
        if closed.num_rows:
            found.append(("candles_1s", closed))
        return found

    def _trade_table(self) -> pa.Table:
        import pyarrow as pa

        trades, n = self._trades, len(self._trades)
        sides = pa.array(["buy", "sell"])
        arrays = {
            "ts": np.array([t.ts_event for t in trades], np.int64),
            "id": self._word(self._traders),
            "price": np.array([t.price for t in trades], np.float64),
            "size": np.array([t.size for t in trades], np.float64),
            "side": pa.DictionaryArray.from_arrays(
                np.array([t.taker is not BUY for t in trades], np.int32), sides
            ),
            "trade_id": pa.array([t.id for t in trades], pa.string()),
            "block": np.array([t.block for t in trades], bool),
        }
        return self._table("trades", arrays, n)

    def _bars(self, kind: str, candles: list[tuple[int, Candle]]) -> pa.Table:
        import pyarrow as pa

        bars, n = [candle for _, candle in candles], len(candles)
        name = kind.removeprefix("candles_")
        arrays: dict[str, Any] = {
            field: np.array([getattr(bar, field) for bar in bars], np.float64)
            for field in ("open", "high", "low", "close", "volume", "turnover", "trades", "taker_buy_volume")
        }
        arrays |= {
            "ts": np.array([bar.ts_event for bar in bars], np.int64),
            "id": self._word([code for code, _ in candles]),
            "timeframe": pa.DictionaryArray.from_arrays(np.zeros(n, np.int32), pa.array([name])),
            "repaired": np.array([bar.repaired for bar in bars], bool),
        }
        return self._table(kind, arrays, n)

    def _liquidated(self) -> pa.Table:
        import pyarrow as pa

        forced, n = [event for _, event in self._forced], len(self._forced)
        side = np.array([0 if event.side is BUY else 1 for event in forced], np.int32)
        arrays = {
            "ts": np.array([event.ts_event for event in forced], np.int64),
            "id": self._word([code for code, _ in self._forced]),
            "side": pa.DictionaryArray.from_arrays(side, pa.array(["buy", "sell"])),
            "price": np.array([event.price for event in forced]),
            "size": np.array([event.size for event in forced]),
        }
        return self._table("liquidations", arrays, n)

    def _samples(self, kind: str, samples: list[tuple[int, NDArray[np.int32], tuple[F64, ...]]]) -> pa.Table:
        codes = np.concatenate([part for _, part, _ in samples])
        names = {"quotes": QUOTES, "funding": ("rate", "interval_hours"), "open_interest": INTEREST}
        arrays: dict[str, Any] = {
            "ts": np.repeat([ts for ts, _, _ in samples], [part.size for _, part, _ in samples]),
            "id": self._word(codes),
        }
        for i, name in enumerate(names.get(kind, self._metrics)):
            arrays[name] = np.concatenate([values[i] for _, _, values in samples])
        return self._table(kind, arrays, codes.size, self._metrics if kind == "metrics" else ())

    def _word(self, codes: Any) -> Any:
        import pyarrow as pa

        return pa.DictionaryArray.from_arrays(np.asarray(codes, np.int32), pa.array(self._ids, pa.string()))

    def _table(self, kind: str, arrays: dict[str, Any], n: int, further: Sequence[str] = ()) -> pa.Table:
        import pyarrow as pa

        arrays["origin"] = pa.DictionaryArray.from_arrays(np.zeros(n, np.int32), pa.array(["live"]))
        wanted = schema(kind, further)
        return pa.Table.from_arrays([pa.array(arrays[name]) for name in wanted.names], schema=wanted)


def _differs(values: Sequence[F64], before: Sequence[F64], n: int) -> NDArray[np.bool_]:
    differs = np.zeros(n, bool)
    for new, old in zip(values, before, strict=True):
        differs |= (new[:n] != old[:n]) & ~(np.isnan(new[:n]) & np.isnan(old[:n]))
    return differs


def _by_market(table: pa.Table) -> list[tuple[str, pa.Table]]:
    """Split by the part of the id in front of its first colon."""
    column = table["id"].combine_chunks()
    words = column.dictionary.to_pylist()
    markets = sorted({word.partition(":")[0] for word in words})
    place = {market: i for i, market in enumerate(markets)}
    of_code = np.array([place[word.partition(":")[0]] for word in words], np.int32)
    market_of = of_code[column.indices.to_numpy()]
    return [
        (markets[i], table.filter(market_of == i) if len(markets) > 1 else table)
        for i in np.unique(market_of).tolist()
    ]
