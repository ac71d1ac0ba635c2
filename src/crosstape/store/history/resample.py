"""Candles out of trades, and longer candles out of shorter ones. Bars begin at whole UTC spans; gaps stay gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crosstape.model.errors import ConfigError
from crosstape.store.history.schemas import schema

if TYPE_CHECKING:
    import pyarrow as pa

SECOND_NS = 1_000_000_000
# What can be made: what is kept, and what lies between.
SPANS_S = {
    "1s": 1, "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "2h": 7200, "4h": 14400,
    "6h": 21600, "12h": 43200, "1d": 86400,
}  # fmt: skip
SUMS = ("volume", "turnover", "trades", "taker_buy_volume")


def from_trades(trades: pa.Table, timeframe: str) -> pa.Table:
    """Candles of trades (kind "trades"): by id and start, none for a span without trades.

    Of trades at one ns the order they came in decides. Blocks are in no candle. Turnover is in quote currency,
    volumes in base; sums add up in order of time.
    """
    span = _span(timeframe)
    codes, words = _codes(trades["id"])
    ts, price, size = (trades[name].to_numpy() for name in ("ts", "price", "size"))
    bought = _is(trades["side"], "buy")
    order = np.lexsort((ts, codes))
    order = order[~trades["block"].to_numpy()[order]]
    ts, codes, price, size, bought = ts[order], codes[order], price[order], size[order], bought[order]
    starts, first = _bars(ts, codes, span)
    last = np.append(first[1:], ts.size)[: first.size] - 1
    sums = [size, price * size, np.ones(ts.size), np.where(bought, size, 0.0)]
    return _candles(
        timeframe, starts[first], codes[first], words,
        {"open": price[first], "high": _over(np.maximum, price, first), "low": _over(np.minimum, price, first),
         "close": price[last], **{n: _over(np.add, v, first) for n, v in zip(SUMS, sums, strict=True)}},
        np.zeros(first.size, bool), trades,
    )  # fmt: skip


def longer(candles: pa.Table, timeframe: str) -> pa.Table:
    """Candles of one shorter timeframe, whose spans divide the longer one, put together.

    A bar is made of what there is: none where there is nothing, and of a part where a part is missing.
    """
    span = _span(timeframe)
    names = candles["timeframe"].unique().to_pylist()
    if len(names) > 1 or any(span % _span(name) for name in names):
        raise ConfigError(f"{timeframe} candles cannot be made of {', '.join(sorted(names))}")
    codes, words = _codes(candles["id"])
    ts = candles["ts"].to_numpy()
    order = np.lexsort((ts, codes))
    ts, codes = ts[order], codes[order]
    starts, first = _bars(ts, codes, span)
    last = np.append(first[1:], ts.size)[: first.size] - 1
    values = {name: candles[name].to_numpy()[order] for name in ("open", "high", "low", "close", *SUMS)}
    repaired = _over(np.logical_or, candles["repaired"].to_numpy()[order], first)
    return _candles(
        timeframe, starts[first], codes[first], words,
        {"open": values["open"][first], "high": _over(np.maximum, values["high"], first),
         "low": _over(np.minimum, values["low"], first), "close": values["close"][last],
         **{n: _over(np.add, values[n], first) for n in SUMS}},
        repaired, candles,
    )  # fmt: skip


def _span(timeframe: str) -> int:
    if timeframe not in SPANS_S:
        raise ConfigError(f"{timeframe!r} is no timeframe of the history; allowed: {', '.join(SPANS_S)}")
    return SPANS_S[timeframe] * SECOND_NS


def _codes(ids: Any) -> tuple[NDArray[np.int32], Any]:
    import pyarrow as pa

    array = ids.combine_chunks()
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    words, place = np.unique(np.array(array.dictionary.to_pylist(), np.str_), return_inverse=True)
    return place.astype(np.int32)[array.indices.to_numpy()], pa.array(words.tolist(), pa.string())


def _is(column: Any, word: str) -> NDArray[np.bool_]:
    import pyarrow.compute as pc

    array = column.combine_chunks()
    place = pc.index(array.dictionary, word).as_py()
    found: NDArray[np.bool_] = array.indices.to_numpy() == place
    return found


def _bars(
    ts: NDArray[np.int64], codes: NDArray[np.int32], span: int
) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Each row's bar start, and where in the rows a bar begins."""
    starts = ts - ts % span
    begins = np.ones(ts.size, bool)
    begins[1:] = (starts[1:] != starts[:-1]) | (codes[1:] != codes[:-1])
    return starts, np.flatnonzero(begins)


def _over(how: np.ufunc, values: NDArray[Any], first: NDArray[np.intp]) -> NDArray[Any]:
    found: NDArray[Any] = how.reduceat(values, first) if first.size else values[:0]
    return found


def _candles(
    timeframe: str,
    ts: NDArray[np.int64],
    codes: NDArray[np.int32],
    words: Any,
    values: dict[str, NDArray[np.float64]],
    repaired: NDArray[np.bool_],
    source: pa.Table,
) -> pa.Table:
    import pyarrow as pa

    n = ts.size

    def word(text: str) -> Any:
        return pa.DictionaryArray.from_arrays(np.zeros(n, np.int32), pa.array([text]))

    origin = source["origin"][0].as_py() if source.num_rows else "live"
    columns = {"ts": ts, "id": pa.DictionaryArray.from_arrays(codes, words), "timeframe": word(timeframe),
               **values, "repaired": repaired, "origin": word(origin)}  # fmt: skip
    wanted = schema("candles_1m")
    return pa.Table.from_arrays([pa.array(columns[name]) for name in wanted.names], schema=wanted)
