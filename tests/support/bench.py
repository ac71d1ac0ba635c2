"""A machine fed frame by frame with one venue's messages, and what comes out of it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from crosstape.engine.machine import Machine
from crosstape.engine.settings import Configure, EngineSettings, encode_command
from crosstape.engine.view import View
from crosstape.model.event import AnyEvent, Continuity
from crosstape.model.frame import CLOCK, CONFIG, Frame, Kind
from crosstape.model.quality import Quality
from crosstape.venues import VENUES
from crosstape.wire.effect import Effect

T0 = 1_795_000_000_000_000_000
SECOND = 1_000_000_000
LINEAR = "bybit-linear/0"


class Bench:
    """Feeds frames one by one and keeps what comes out."""

    def __init__(self, settings: EngineSettings | None = None) -> None:
        self.machine = Machine(VENUES)
        self.seq, self.ts = 0, T0
        self.effects: list[Effect] = []
        self.view: View | None = None
        self.events: list[Continuity] = []
        self.all: list[AnyEvent] = []
        self.put(CONFIG, Kind.COMMAND, encode_command(Configure(settings or EngineSettings())))

    def put(
        self, source: str, kind: Kind, payload: bytes = b"", request: str = "", conn: int = 1, status: int = 0
    ) -> None:
        frame = Frame(self.seq, self.ts, source, conn, kind, request, status, "", payload)
        self.seq += 1
        view, effects = self.machine.step(frame)
        self.effects += effects
        if view is not None:
            self.view = view
            self.all += [e for _, e in view.events]
            self.events += [e for _, e in view.events if isinstance(e, Continuity)]

    def tick(self, seconds: float = 0.1) -> View:
        self.ts += round(seconds * SECOND)
        self.put(CLOCK, Kind.TICK, conn=0)
        assert self.view is not None
        return self.view

    def catalogue(self, *symbols: str) -> None:
        rows = [
            {
                "symbol": s,
                "contractType": "LinearPerpetual",
                "status": "Trading",
                "baseCoin": s[:-4],
                "quoteCoin": "USDT",
                "settleCoin": "USDT",
                "fundingInterval": 480,
            }
            for s in symbols
        ]
        body = {"retCode": 0, "time": self.ts // 10**6, "result": {"list": rows, "nextPageCursor": ""}}
        self.put("bybit-linear/instruments", Kind.ANSWER, json.dumps(body).encode(), "instruments /x", 0, 200)
        tickers = [
            {"symbol": s, "turnover24h": str(10**9 / (n + 1)), "lastPrice": "10"} for n, s in enumerate(symbols)
        ]
        body = {"retCode": 0, "time": self.ts // 10**6, "result": {"list": tickers}}
        self.put("bybit-linear/tickers", Kind.ANSWER, json.dumps(body).encode(), "tickers /x", 0, 200)

    def book(
        self,
        symbol: str,
        kind: str,
        update: int,
        bids: list[list[str]],
        asks: list[list[str]],
        changed_ms: int = 0,
    ) -> None:
        """`changed_ms`: when the book last changed, 0 = now."""
        data = {"s": symbol, "b": bids, "a": asks, "u": update, "seq": update}
        topic = f"orderbook.200.{symbol}"
        message = {"topic": topic, "type": kind, "ts": self.ts // 10**6, "data": data}
        message["cts"] = changed_ms or self.ts // 10**6
        self.put(LINEAR, Kind.DATA, json.dumps(message, separators=(",", ":")).encode())

    def quality(self, symbol: str = "BTCUSDT") -> Quality:
        assert self.view is not None
        return Quality(int(self.view.quality[self.view.rows.index[f"bybit-linear:{symbol}"]]))

    def column(self, name: str, symbol: str = "BTCUSDT") -> float:
        assert self.view is not None
        return float(self.view.columns[name][self.view.rows.index[f"bybit-linear:{symbol}"]])

    def trades(self, symbol: str, *rows: tuple[str, float, float], conn: int = 1, late_s: float = 0.0) -> None:
        """(id, price, signed size): one message of trades, each of now."""
        data = [_trade(symbol, self.ts - round(late_s * SECOND), row) for row in rows]
        message = {"topic": f"publicTrade.{symbol}", "type": "snapshot", "ts": self.ts // 10**6, "data": data}
        self.put(LINEAR, Kind.DATA, json.dumps(message, separators=(",", ":")).encode(), conn=conn)

    def answer_trades(self, symbol: str, rows: Sequence[tuple[str, float, float, int]]) -> None:
        """(id, price, signed size, ns): what the venue says over REST, newest first."""
        found = [
            {"execId": i, "symbol": symbol, "price": str(price), "size": str(abs(size)),
             "side": "Buy" if size > 0 else "Sell", "time": str(ts // 10**6), "isBlockTrade": False}
            for i, price, size, ts in rows
        ]  # fmt: skip
        body = {"retCode": 0, "time": self.ts // 10**6, "result": {"category": "linear", "list": found}}
        table, past = self.machine.state.table, self.machine.streams["bybit-linear"].past
        instrument = table.instruments[table.by_market["bybit-linear"][symbol]]
        assert past is not None
        assert instrument is not None
        key = past(instrument, 0, self.ts).key()
        self.put("bybit-linear/trades", Kind.ANSWER, json.dumps(body).encode(), key, 0, 200)


def _trade(symbol: str, ts: int, row: tuple[str, float, float]) -> dict[str, object]:
    trade_id, price, size = row
    return {"T": ts // 10**6, "s": symbol, "S": "Buy" if size > 0 else "Sell", "v": str(abs(size)),
            "p": str(price), "i": trade_id, "BT": False}  # fmt: skip


def started(*symbols: str) -> Bench:
    """Listed, subscribed, connected, every book synced."""
    bench = Bench()
    bench.catalogue(*symbols)
    bench.tick()
    bench.put(LINEAR, Kind.OPEN)
    for symbol in symbols:
        bench.book(symbol, "snapshot", 10, [["10", "1"]], [["11", "1"]])
    bench.tick()
    return bench
