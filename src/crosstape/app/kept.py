"""Instruments that users brought in: which there are, and their newest candles and trades out of the history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from crosstape.model.errors import ConfigError
from crosstape.store.history.files import DAY_NS, History, day_of
from crosstape.store.history.resample import SPANS_S, from_trades, longer
from crosstape.store.history.schemas import TIMEFRAMES_S
from crosstape.store.ledger import Ledger
from crosstape.store.records import Stream

if TYPE_CHECKING:
    import pyarrow as pa

MS = 1_000_000
DAY_S = 86_400
MOST_DAYS = 366
Row = dict[str, Any]


class Kept:
    """Implements the API's `Past`. Called in threads; the streams of the ledger are the catalogue."""

    def __init__(self, ledger: Ledger, history: History) -> None:
        self._ledger, self._history = ledger, history

    def instruments(self) -> list[Row]:
        """Every one, the newest data first."""
        found: dict[str, list[Stream]] = {}
        for stream in self._ledger.streams.all():
            if stream.kind != "executions" and stream.symbol and stream.to_ts:
                found.setdefault(stream.symbol, []).append(stream)
        return sorted(
            (_about(id, streams) for id, streams in found.items()), key=lambda row: (-row["to"], row["id"])
        )

    def one(self, id: str) -> Row | None:
        """With its last price; None where nothing of it was brought in."""
        about = next((row for row in self.instruments() if row["id"] == id), None)
        if about is None:
            return None
        trades = self.trades(id, 0, 1)
        bars = [] if trades else self._bars(about, "1s", 0, 1) or self._bars(about, "1d", 0, 1)
        about["last"] = trades[0]["price"] if trades else bars[-1]["close"] if bars else None
        return about

    def candles(self, id: str, timeframe: str, since_ms: int, limit: int) -> list[Row] | None:
        """The newest, oldest first: kept, made of shorter ones, or of trades. None: nothing of it came."""
        if timeframe not in SPANS_S:
            raise ConfigError(f"tf: {timeframe!r} is no timeframe of the history; allowed: {', '.join(SPANS_S)}")
        about = next((row for row in self.instruments() if row["id"] == id), None)
        return None if about is None else self._bars(about, timeframe, since_ms, limit)

    def trades(self, id: str, since_ms: int, limit: int) -> list[Row]:
        """The newest after `since_ms`, newest first."""
        about = next((row for row in self.instruments() if row["id"] == id), None)
        if about is None:
            return []
        table = self._newest("trades", about, since_ms * MS + 1, limit, 1, lambda rows: rows)
        return [_trade(row) for row in reversed(table.to_pylist())]

    def _bars(self, about: Row, timeframe: str, since_ms: int, limit: int) -> list[Row]:
        seconds = SPANS_S[timeframe]
        # The longest that divides it: the fewest rows to read.
        kinds = [name for name, span in TIMEFRAMES_S.items() if seconds % span == 0]
        days = min(limit * seconds // DAY_S + 1, MOST_DAYS)
        for name in reversed(kinds):
            made = (lambda rows: rows) if name == timeframe else (lambda rows: longer(rows, timeframe))
            table = self._newest(f"candles_{name}", about, since_ms * MS, limit, days, made)
            if table.num_rows:
                return [_candle(row) for row in table.to_pylist()]
        table = self._newest("trades", about, since_ms * MS, limit, 1, lambda rows: from_trades(rows, timeframe))
        return [_candle(row) for row in table.to_pylist()]

    def _newest(
        self, kind: str, about: Row, since: int, limit: int, days: int, made: Callable[[pa.Table], pa.Table]
    ) -> pa.Table:
        """The last `limit` rows that `made` makes, by time. Some days at a time: no bar reaches over midnight."""
        import pyarrow as pa

        found: list[pa.Table] = []
        rows = 0
        for first, end in self._spans(kind, about, since, days):
            table = self._history.read(kind, about["market"], first, end, (about["id"],))
            if table.num_rows:
                found.append(made(table))
                rows += found[-1].num_rows
            if rows >= limit:
                break
        if not found:
            return self._history.read(kind, about["market"], 0, 0, (about["id"],))
        whole = pa.concat_tables([one.unify_dictionaries() for one in reversed(found)])
        return whole.slice(max(whole.num_rows - limit, 0))

    def _spans(self, kind: str, about: Row, since: int, days: int) -> Iterator[tuple[int, int]]:
        """Spans that may have rows, the newest first."""
        first, end = max(since, about["from"] * MS), (about["to"] + 1) * MS
        there = {
            path.parent.name.removeprefix("day=")
            for path in self._history.paths(kind, about["market"], first, end)
        }
        starts = [at for at in range(first // DAY_NS * DAY_NS, end, DAY_NS) if day_of(at) in there]
        for last in range(len(starts), 0, -days):
            part = starts[max(last - days, 0) : last]
            yield max(part[0], since), part[-1] + DAY_NS


def _about(id: str, streams: list[Stream]) -> Row:
    market, _, native = id.partition(":")
    told = [
        {"id": one.id, "name": one.name, "kind": one.kind, "source": one.source, "count": one.count,
         "from": one.from_ts // MS, "to": one.to_ts // MS}
        for one in streams
    ]  # fmt: skip
    return {
        "id": id, "market": market, "native": native, "sources": sorted({one.source for one in streams}),
        "kinds": sorted({one.kind for one in streams}), "rows": sum(one.count for one in streams),
        "from": min(one["from"] for one in told), "to": max(one["to"] for one in told), "streams": told,
    }  # fmt: skip


def _trade(row: Row) -> Row:
    price, size = row["price"], row["size"]
    return {
        "ts_ms": row["ts"] / MS, "price": price, "size": size, "notional": price * size,
        "taker": (row["side"] or "").upper(), "id": row["trade_id"] or "", "block": bool(row["block"]),
    }  # fmt: skip


def _candle(row: Row) -> Row:
    names = ("open", "high", "low", "close", "volume", "turnover", "trades", "taker_buy_volume")
    return {"ts_ms": row["ts"] // MS, **{name: row[name] for name in names},
            "quality": ["REPAIRED"] if row["repaired"] else []}  # fmt: skip
