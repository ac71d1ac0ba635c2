"""The history in files that nautilus_trader, hftbacktest and freqtrade read; tests/foreign runs each over them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crosstape.model.errors import ConfigError
from crosstape.store.history.files import ALL_TIME, History
from crosstape.store.history.schemas import TIMEFRAMES_S

if TYPE_CHECKING:
    import pyarrow as pa

PROGRAMS = ("nautilus", "hftbacktest", "freqtrade")
# hftbacktest's event flags and kinds.
DEPTH, TRADE = 1, 2
EXCHANGE, LOCAL, BUY, SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
EVENT = [("ev", "<u8"), ("exch_ts", "<i8"), ("local_ts", "<i8"), ("px", "<f8"), ("qty", "<f8"),
         ("order_id", "<u8"), ("ival", "<i8"), ("fval", "<f8")]  # fmt: skip
MS = 1_000_000


def export(
    history: History, program: str, id: str, out: Path, since: int = 0, until: int = ALL_TIME[1],
    timeframes: Sequence[str] = ("1m",),
) -> list[Path]:  # fmt: skip
    """Write what there is of an instrument between two times (ns) below `out`; the files written.

    nautilus      `<id>-{trades,quotes,bars-<tf>}.parquet` for its Parquet loaders and data wranglers; a bar's time
                  is its close, so that no backtest knows it before
    hftbacktest   `<id>.npz`: trades, and the best bid and offer as depth, both at the venue's time
    freqtrade     `<PAIR>-<tf>.feather` and `<PAIR>-trades.feather`, futures below `futures/`
    ConfigError: there is nothing of it, or no such program or timeframe.
    """
    if program not in PROGRAMS:
        raise ConfigError(f"export: {program!r} is not known; allowed: {', '.join(PROGRAMS)}")
    if wrong := [name for name in timeframes if name not in TIMEFRAMES_S]:
        raise ConfigError(f"timeframe: {wrong[0]!r} is not kept; allowed: {', '.join(TIMEFRAMES_S)}")
    market, colon, native = id.partition(":")
    if not colon:
        raise ConfigError(f"id: {id!r} is no instrument; allowed: market:symbol, such as bybit-linear:BTCUSDT")

    def of(kind: str) -> pa.Table:
        return history.read(kind, market, since, until, ids=[id])

    write = {"nautilus": _nautilus, "hftbacktest": _hftbacktest, "freqtrade": _freqtrade}[program]
    out.mkdir(parents=True, exist_ok=True)
    written = write(of, market, native, out, timeframes)
    if not written:
        raise ConfigError(f"id: the history has nothing of {id} in that time")
    return written


def _safe(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in text)


def _time(table: pa.Table, unit: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    ts = table["ts"].cast(pa.timestamp("ns", "UTC"))
    return pc.cast(ts, pa.timestamp(unit, "UTC"), safe=False)


def _ids(trades: pa.Table) -> Any:
    """The venue's; where it named none, time and place: some programs take trades of one ms for the same."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = pc.fill_null(trades["trade_id"].cast(pa.string()), "")
    places = pa.array(range(trades.num_rows), pa.int64()).cast(pa.string())
    own = pc.binary_join_element_wise(trades["ts"].cast(pa.string()), places, "-")
    return pc.if_else(pc.equal(ids, ""), own, ids)


def _nautilus(of: Any, market: str, native: str, out: Path, timeframes: Sequence[str]) -> list[Path]:
    import pyarrow as pa
    import pyarrow.compute as pc

    frames: dict[str, pa.Table] = {}
    trades, quotes = of("trades"), of("quotes")
    if trades.num_rows:
        side = pc.utf8_upper(trades["side"].cast(pa.string()))
        # What is neither would become a sale: where one is not known, none is told.
        known = pc.all(pc.is_in(side, pa.array(["BUY", "SELL"]))).as_py()
        sides = {"side": side, "buyer_maker": pc.equal(side, "SELL")} if known else {}
        frames["trades"] = pa.table(
            {"timestamp": _time(trades, "ns"), "price": trades["price"], "quantity": trades["size"], **sides,
             "trade_id": _ids(trades)}
        )  # fmt: skip
    if quotes.num_rows:
        frames["quotes"] = pa.table(
            {"timestamp": _time(quotes, "ns"), "bid_price": quotes["bid"], "ask_price": quotes["ask"],
             "bid_size": quotes["bid_size"], "ask_size": quotes["ask_size"]}
        )  # fmt: skip
    for name in timeframes:
        bars = of(f"candles_{name}")
        if bars.num_rows:
            columns = {field: bars[field] for field in ("open", "high", "low", "close", "volume")}
            span = pa.scalar(TIMEFRAMES_S[name] * 1_000_000_000, pa.duration("ns"))
            frames[f"bars-{name}"] = pa.table({"timestamp": pc.add(_time(bars, "ns"), span), **columns})
    return [
        _parquet(table, out / f"{_safe(f'{native}.{market}')}-{name}.parquet") for name, table in frames.items()
    ]


def _parquet(table: pa.Table, path: Path) -> Path:
    import pyarrow.parquet as pq

    pq.write_table(table, path, compression="zstd")
    return path


def _hftbacktest(of: Any, market: str, native: str, out: Path, timeframes: Sequence[str]) -> list[Path]:
    trades, quotes = of("trades"), of("quotes")
    parts = [_traded(trades), *(_best(quotes, name, flag) for name, flag in (("bid", BUY), ("ask", SELL)))]
    events = np.concatenate(parts)
    if not events.size:
        return []
    # At one ns depth comes before the trade that met it.
    events = events[np.lexsort((events["ev"] & 0xFF, events["exch_ts"]))]
    path = out / f"{_safe(f'{market}_{native}')}.npz"
    np.savez_compressed(path, data=events)
    return [path]


def _events(n: int) -> Any:
    return np.zeros(n, np.dtype(EVENT))


def _traded(trades: pa.Table) -> Any:
    found = _events(trades.num_rows)
    side = np.array(trades["side"].to_pylist(), object)
    found["ev"] = TRADE | EXCHANGE | LOCAL | np.where(side == "buy", BUY, np.where(side == "sell", SELL, 0))
    found["exch_ts"] = found["local_ts"] = trades["ts"].to_numpy()
    found["px"], found["qty"] = trades["price"].to_numpy(), trades["size"].to_numpy()
    return found


def _best(quotes: pa.Table, side: str, flag: int) -> Any:
    """The best level as it moves: the old price goes to 0, the new one gets its size."""
    ts, price, size = (quotes[name].to_numpy() for name in ("ts", side, f"{side}_size"))
    known = ~np.isnan(price)
    ts, price, size = ts[known], price[known], size[known]
    new = _events(ts.size)
    new["exch_ts"], new["px"], new["qty"] = ts, price, size
    moved = np.flatnonzero(price[1:] != price[:-1])
    old = _events(moved.size)
    old["exch_ts"], old["px"] = ts[moved + 1], price[moved]
    found = np.concatenate([old, new])
    found["ev"] = DEPTH | EXCHANGE | LOCAL | flag
    found["local_ts"] = found["exch_ts"]
    return found


def _freqtrade(of: Any, market: str, native: str, out: Path, timeframes: Sequence[str]) -> list[Path]:
    import pyarrow as pa
    import pyarrow.compute as pc

    pair, derivative = pair_of(market, native)
    folder, tail = (out / "futures", "-futures") if derivative else (out, "")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in timeframes:
        bars = of(f"candles_{name}")
        if bars.num_rows:
            columns = {field: bars[field] for field in ("open", "high", "low", "close", "volume")}
            table = pa.table({"date": _time(bars, "ms"), **columns})
            written.append(_feather(table, folder / f"{pair}-{name}{tail}.feather"))
    trades = of("trades")
    if trades.num_rows:
        empty = pa.repeat(pa.scalar(None, pa.string()), trades.num_rows)
        table = pa.table(
            {"timestamp": pc.divide(trades["ts"], MS), "id": _ids(trades), "type": empty,
             "side": trades["side"].cast(pa.string()), "price": trades["price"], "amount": trades["size"],
             "cost": pc.multiply(trades["price"], trades["size"])}
        )  # fmt: skip
        written.append(_feather(table, folder / f"{pair}-trades.feather"))
    return written


def _feather(table: pa.Table, path: Path) -> Path:
    import pyarrow.feather as feather

    feather.write_feather(table, path, compression="lz4")
    return path


def pair_of(market: str, native: str) -> tuple[str, bool]:
    """freqtrade's file name of a pair, and whether it is a future: BTC_USDT, or BTC_USDT_USDT settled in USDT."""
    derivative = not market.endswith("-spot")
    name = native.upper().removesuffix("-SWAP").replace("/", "-").replace("-", "_")
    if "_" not in name:
        quote = next(
            (q for q in ("USDT", "USDC", "USD", "BTC", "ETH", "EUR") if name.endswith(q) and name != q), ""
        )
        name = f"{name.removesuffix(quote)}_{quote}" if quote else f"{name}_USDC"
    return (f"{name}_{name.rpartition('_')[2]}" if derivative else name), derivative
