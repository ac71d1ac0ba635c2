"""What users bring in: files, what another exchange says of the past, and the streams of both."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from crosstape.app.kept import Kept
from crosstape.config import Config
from crosstape.model.errors import ConfigError
from crosstape.store.history.files import History
from crosstape.store.history.removal import remove_rows
from crosstape.store.history.schemas import TIMEFRAMES_S
from crosstape.store.importing.importer import Importer, Outcome, preview
from crosstape.store.importing.plan import Told
from crosstape.store.ledger import Ledger
from crosstape.store.records import Stream

if TYPE_CHECKING:
    import pyarrow as pa

DAY_NS = 86_400_000_000_000
MS = 1_000_000
ORIGINS = {"file": "import", "api": "backfill", "push": "push"}
CCXT = "ccxt"
Row = dict[str, Any]


def inflow(config: Config, ledger: Ledger | None, history: History) -> Inflow | None:
    """What keeps streams; None without a ledger."""
    return Inflow(config, ledger, history) if ledger is not None else None


class Inflow:
    """Implements the API's `Streams`. Called in threads; imports go one after the other."""

    def __init__(self, config: Config, ledger: Ledger, history: History) -> None:
        self._config, self._ledger, self._history = config, ledger, history
        self._importer = Importer(ledger, history, config.folder / "rejects")
        self._turn = threading.Lock()
        self.past = Kept(ledger, history)

    def all(self) -> list[Row]:
        """Every stream."""
        return [_shown(stream) for stream in self._ledger.streams.all()]

    def one(self, id: int) -> Row | None:
        """One of them."""
        stream = self._ledger.streams.get(id)
        return _shown(stream) if stream is not None else None

    def rows(self, id: int, since_ms: int, limit: int) -> list[Row] | None:
        """Its trades or executions, oldest first; None where there is no such stream."""
        stream = self._ledger.streams.get(id)
        if stream is None:
            return None
        since = max(since_ms * MS, 0)
        if stream.kind == "executions":
            found = self._ledger.executions.page(stream.id, since=since, limit=limit)
            return [_fill(msgspec.structs.asdict(row)) for row in found]
        if stream.kind == "candles":
            raise ConfigError(f"stream: {stream.name} holds candles; see /api/v1/markets/{stream.symbol}/candles")
        rows: list[Row] = []
        for table in self._days(stream, since):
            rows += [_trade(row) for row in table.slice(0, limit - len(rows)).to_pylist()]
            if len(rows) >= limit:
                break
        return rows

    def remove(self, id: int) -> bool:
        """The stream and what came with it: own fills of it, or the rows of its instrument and time that came the
        same way; not where another stream of them may have brought the same."""
        stream = self._ledger.streams.get(id)
        if stream is None:
            return False
        kinds = ("trades",) if stream.kind == "trades" else tuple(f"candles_{name}" for name in TIMEFRAMES_S)
        market = stream.symbol.partition(":")[0]
        with self._turn:
            for since, until in self._alone(stream):
                for kind in kinds:
                    remove_rows(self._history, kind, market, stream.symbol, since, until, ORIGINS[stream.source])
            return self._ledger.streams.delete(id)

    def _alone(self, stream: Stream) -> Iterator[tuple[int, int]]:
        """The times in which no other stream has rows of the kind, of the instrument, that came the same way."""
        if stream.kind == "executions" or not stream.to_ts:
            return
        same = (stream.symbol, stream.kind, stream.source)
        others = sorted(
            (other.from_ts, other.to_ts)
            for other in self._ledger.streams.all()
            if other.id != stream.id and (other.symbol, other.kind, other.source) == same and other.to_ts
        )
        at = stream.from_ts
        for first, last in others:
            if at < min(first, stream.to_ts + 1):
                yield at, min(first, stream.to_ts + 1)
            at = max(at, last + 1)
        if at <= stream.to_ts:
            yield at, stream.to_ts + 1

    def preview(self, body: bytes, file: str, told: dict[str, Any]) -> Row:
        """What a file would bring; nothing is kept."""
        with placed(self._config.api.import_folder, body, file) as path:
            found = preview(path, msgspec.convert(told, Told), file)
        plan = found.plan
        return {"layout": plan.layout, "kind": plan.kind, "market": plan.market, "symbol": plan.symbol,
                "columns": plan.columns, "file_columns": plan.shape.columns, "unsure": plan.unsure,
                "rows": [{"ts_ms": row.pop("ts") / MS, **row} for row in found.rows],
                "bad": [{"line": line, "reason": why, "text": text} for line, why, text in found.bad]}  # fmt: skip

    def load(self, body: bytes, file: str, told: dict[str, Any], stream: str) -> Row:
        """Import a file; it is on the disk when this returns."""
        with placed(self._config.api.import_folder, body, file) as path, self._turn:
            return _outcome(self._importer.run(path, msgspec.convert(told, Told), file, stream))

    def keep(self, exchange: str, symbol: str, timeframe: str, rows: list[Any]) -> Row:
        """Candles (with a timeframe) or trades of another exchange; they are on the disk when this returns."""
        import pyarrow as pa

        id = f"{CCXT}:{exchange}:{symbol}"
        if timeframe and timeframe not in TIMEFRAMES_S:
            raise ConfigError(f"timeframe: {timeframe!r} is not kept; allowed: {', '.join(TIMEFRAMES_S)}")
        kind = f"candles_{timeframe}" if timeframe else "trades"
        made = [_candle_row(row, timeframe) if timeframe else _trade_row(row) for row in rows]
        name = f"{id} {timeframe or 'trades'}"
        with self._turn:
            stream = self._ledger.streams.add(name, "api", "candles" if timeframe else "trades", id, exchange)
            if made:
                table = pa.Table.from_pylist([{**row, "id": id, "origin": "backfill"} for row in made])
                new = self._history.append(kind, CCXT, table)
                times = [row["ts"] for row in made]
                self._ledger.streams.grow(stream.id, new, min(times), max(times))
        found = self._ledger.streams.get(stream.id)
        return {"stream": _shown(found or stream), "rows": len(made), "new": new if made else 0}

    def _days(self, stream: Stream, since: int) -> Iterator[pa.Table]:
        """A day at a time: a page needs not the whole of it."""
        at = max(since, stream.from_ts)
        while at <= stream.to_ts:
            end = min((at // DAY_NS + 1) * DAY_NS, stream.to_ts + 1)
            yield self._history.read("trades", stream.symbol.partition(":")[0], at, end, (stream.symbol,))
            at = end


@contextlib.contextmanager
def placed(folder: str, body: bytes, file: str) -> Iterator[Path]:
    """Where the file lies: one that was sent is written down for the while, another is in the import folder."""
    if body:
        with tempfile.TemporaryDirectory(prefix="crosstape-") as made:
            path = Path(made) / "sent"
            path.write_bytes(body)
            yield path
        return
    if not folder:
        raise ConfigError(
            "file: the body is empty; send the file, or set api.import_folder and name one of its files"
        )
    path = Path(folder).expanduser() / file
    if file != path.name or file.startswith(".") or not path.is_file():
        raise ConfigError(f"file: no file {file[:100]!r} in the import folder")
    yield path


def _shown(stream: Stream) -> Row:
    row = msgspec.structs.asdict(stream)
    times = {"from": row.pop("from_ts"), "to": row.pop("to_ts"), "created_ms": row.pop("created_ts"),
             "updated_ms": row.pop("updated_ts")}  # fmt: skip
    return {**row, **{name: ts // MS for name, ts in times.items()}}


def _outcome(found: Outcome) -> Row:
    return {"streams": [_shown(stream) for stream in found.streams], "layout": found.layout, "rows": found.rows,
            "new": found.new, "bad": found.bad, "rejects": Path(found.rejects).name,
            "reasons": [{"line": n, "reason": why, "text": text} for n, why, text in found.reasons]}  # fmt: skip


def _fill(row: Row) -> Row:
    plain = {name: str(row[name]) for name in ("price", "size", "fee", "fee_rate", "multiplier")}
    return {"ts_ms": row.pop("ts") / MS, **row, **plain, "side": row["side"].name.lower()}


def _trade(row: Row) -> Row:
    return {"ts_ms": row["ts"] / MS, **{name: row[name] for name in ("id", "price", "size", "side", "trade_id")}}


def _candle_row(row: list[float], timeframe: str) -> Row:
    ts, opened, high, low, close, volume = row[:6]
    return {"ts": int(ts) * MS, "timeframe": timeframe, "open": float(opened), "high": float(high),
            "low": float(low), "close": float(close), "volume": float(volume or 0.0)}  # fmt: skip


def _trade_row(row: dict[str, Any]) -> Row:
    return {"ts": int(row["timestamp"]) * MS, "price": float(row["price"]), "size": float(row["amount"]),
            "side": row.get("side") or "", "trade_id": str(row.get("id") or "")}  # fmt: skip
