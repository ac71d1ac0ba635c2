"""A day of events through the state, tick by tick; every column then equals its recomputation from the log."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest

from crosstape.metrics import COLUMNS
from crosstape.model.event import (
    Funding,
    Index,
    Liquidation,
    Listed,
    Mark,
    OpenInterest,
    Quote,
    Side,
    Ticker,
    Trade,
)
from crosstape.model.instrument import Instrument, InstrumentKind, fold_of
from crosstape.state import tick
from crosstape.state.apply import apply
from crosstape.state.at import WINDOWS, At
from crosstape.state.catalogue import Catalogue
from crosstape.state.source import Source
from crosstape.state.state import State
from support.batch import NAN, Batch, Row

START = 1_795_000_500
SECONDS = 25 * 3600
MARKET = "bybit-linear"
LISTED_S = START - 86400 * 40
INSTRUMENTS = (
    Instrument(MARKET, "BTCUSDT", InstrumentKind.PERP, "BTC", "USDT", "USDT", listed_ts=LISTED_S * 10**9),
    Instrument(MARKET, "1000PEPEUSDT", InstrumentKind.PERP, "PEPE", "USDT", "USDT", multiplier=1000.0),
    Instrument(MARKET, "BTCUSD", InstrumentKind.FUTURE, "BTC", "USD", "BTC", inverse=True,
               expiry_ts=(START + SECONDS + 86400 * 30) * 10**9),
)  # fmt: skip


class Day:
    """Feeds the same random day to the state (native numbers) and to the reference (unified ones)."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.state, self.source = State(8), Source(f"{MARKET}/0", MARKET, streams=True)
        self.source.opened_ts = START * 10**9
        apply(self.state, self.source, [Listed(i.native, 0, i) for i in INSTRUMENTS], START * 10**9)
        self.state.table.shards[:] = [self.source.name] * 3
        self.state.opened[:3] = START
        self.rows = [Row(START) for _ in INSTRUMENTS]
        self.prices = [90_000.0, 0.012, 90_100.0]
        self.oi = [NAN, NAN, NAN]
        self.received = [START, START, START]
        self.number = 0
        self.batches: dict[int, Batch] = {}

    def batch(self, row: Row, t: float) -> Batch:
        """The row's log as arrays, made once."""
        if id(row) not in self.batches:
            self.batches[id(row)] = Batch(row, t)
        return self.batches[id(row)]

    def run(self) -> float:
        t = float(START)
        for row in self.rows:
            row.start_second()
        self._everything(t)
        self._tick(t, t)
        end = START + SECONDS
        while t < end:
            step = 0.25 if t >= end - 300 else 1.0
            self._happen(t)
            self._tick(t, t + step)
            t += step
        self._happen(t)
        return t

    def _tick(self, before: float, t: float) -> None:
        ts = round(t * 1e9)
        for row in self.rows:
            row.tick(t - before)
        for _ in tick.gather(self.state, ts):
            pass
        for _ in tick.advance(self.state, ts):
            pass
        tick.refresh(self.state, self.number)
        self.number += 1
        if math.floor(t) > START + len(self.rows[0].seconds) - 1:
            for row in self.rows:
                row.start_second()
            if math.floor(t) % 60 == 0:
                self._large_threshold(t)

    def _large_threshold(self, t: float) -> None:
        for row in self.rows:
            batch = {k: [s[k] for s in row.seconds[:-1][-3600:]] for k in ("bought", "sold", "trades")}
            turnover, trades = sum(batch["bought"]) + sum(batch["sold"]), sum(batch["trades"])
            row.large_at = 10 * turnover / trades if trades and turnover else math.inf

    def _send(self, event: object, t: float) -> None:
        apply(self.state, self.source, [event], round(t * 1e9))

    def _everything(self, t: float) -> None:
        for i in range(3):
            self._quote(i, t)
            self._trade(i, t)
            self._oi(i, t)
            self._send(
                Funding(INSTRUMENTS[i].native, 0, 0.0001 * (i + 1), 8.0, (START + SECONDS + 600) * 10**9), t
            )

    def _happen(self, t: float) -> None:
        for i in range(3):
            chance = self.random.random()
            if chance < 0.12:
                self._trade(i, t)
            if chance < 0.05:
                self._quote(i, t)
            if chance < 0.002:
                self._oi(i, t)
                self._liquidation(i, t)

    def _native(self, i: int, price: float, size: float) -> tuple[float, float]:
        fold = fold_of(INSTRUMENTS[i])
        if fold is None:
            return price, size
        return (price, size * price) if fold.inverse else (price * fold.multiplier, size / fold.multiplier)

    def _trade(self, i: int, t: float) -> None:
        self.prices[i] *= math.exp(self.random.gauss(0, 2e-4))
        size = self.random.paretovariate(1.2) * 1000 / self.prices[i]
        buy = self.random.random() < 0.55
        price, native = self._native(i, self.prices[i], size)
        fold = fold_of(INSTRUMENTS[i])
        exact = price if fold is None else fold.price(price)
        unified = native if fold is None else fold.size(price, native)
        side = Side.BUY if buy else Side.SELL
        self._send(Trade(INSTRUMENTS[i].native, round(t * 1e9), price, native, side, str(self.number)), t)
        self.rows[i].trade(exact, unified, buy)
        self.received[i] = t

    def _quote(self, i: int, t: float) -> None:
        p = self.prices[i]
        bid, ask = p * (1 - 1e-4 * self.random.random() - 1e-6), p * (1 + 1e-4 * self.random.random())
        sizes = [self.random.random() * 1000 / p, self.random.random() * 1000 / p]
        (nb, nbs), (na, nas) = self._native(i, bid, sizes[0]), self._native(i, ask, sizes[1])
        self._send(Quote(INSTRUMENTS[i].native, round(t * 1e9), nb, nbs, na, nas), t)
        fold = fold_of(INSTRUMENTS[i])
        top = (nb, nbs, na, nas)
        if fold is not None:
            top = (fold.price(nb), fold.size(nb, nbs), fold.price(na), fold.size(na, nas))
        self.rows[i].set_quote(top)
        self._send(Mark(INSTRUMENTS[i].native, 0, self._native(i, p, 0)[0]), t)
        self._send(Index(INSTRUMENTS[i].native, 0, self._native(i, p * 0.9995, 0)[0]), t)
        self.received[i] = t

    def _oi(self, i: int, t: float) -> None:
        contracts = 1e6 * (1 + self.random.random())
        self._send(OpenInterest(INSTRUMENTS[i].native, 0, contracts), t)
        cell = self.state.cells[i]
        mark = cell[5]
        self.rows[i].oi = (contracts, contracts * 1000.0, contracts / mark)[i]
        self.received[i] = t

    def _liquidation(self, i: int, t: float) -> None:
        price, size = self._native(i, self.prices[i], 3000 / self.prices[i])
        side = self.random.choice([Side.BUY, Side.SELL])
        self._send(Liquidation(INSTRUMENTS[i].native, 0, side, price, size), t)
        self.rows[i].open()["liq_short" if side is Side.BUY else "liq_long"] += 3000.0


@pytest.fixture(scope="module")
def day() -> tuple[Day, At, float]:
    day = Day(5)
    t = day.run()
    for _ in tick.gather(day.state, round(t * 1e9)):
        pass
    known = Catalogue(day.state.table, day.state.identity)
    known.price(day.state.now[:, :3])
    return day, At(day.state, round(t * 1e9), known), t


def ratio(a: float, b: float) -> float:
    return a / b if b else NAN


def own(name: str) -> Callable[[Batch, int], float]:
    return lambda b, w: b.total(name, w)


def traded(b: Batch, w: int) -> float:
    return b.total("bought", w) + b.total("sold", w)


def velocity(b: Batch, w: int) -> float:
    return 1e4 * math.log(b.row.last / b.ago(b.close, w)) / w


def vol(squares: float, b: Batch, w: int) -> float:
    seen = min(b.total("live", w), w)
    return math.sqrt(max(squares, 0) * w / seen * 31_536_000 / w) if seen > 0.25 * w else NAN


def surge(b: Batch, w: int) -> float:
    return ratio(traded(b, w), b.usual(w)[0])


def surge_z(b: Batch, w: int) -> float:
    median, mad = b.usual(w)
    return math.log(traded(b, w) / median) / mad if median > 0 and mad > 0 else NAN


EXPECTED: dict[str, Callable[[Batch, int], float]] = {
    "change": lambda b, w: b.row.last / b.ago(b.close, w) - 1,
    "velocity": velocity,
    "high": lambda b, w: b.extreme("high", w),
    "low": lambda b, w: b.extreme("low", w),
    "from_high": lambda b, w: min(b.row.last / b.extreme("high", w) - 1, 0.0),
    "from_low": lambda b, w: max(b.row.last / b.extreme("low", w) - 1, 0.0),
    "turnover": traded,
    "volume_surge": surge,
    "volume_surge_z": surge_z,
    "cvd": lambda b, w: b.total("bought", w) - b.total("sold", w),
    "taker_buy_share": lambda b, w: ratio(b.total("bought", w), traded(b, w)),
    "trade_rate": lambda b, w: b.total("trades", w) / w,
    "mean_trade": lambda b, w: traded(b, w) / n if (n := b.total("trades", w)) > 0.5 else NAN,
    "large_share": lambda b, w: ratio(b.total("large", w), traded(b, w)),
    "ofi": own("ofi"),
    "spread_mean_bps": lambda b, w: ratio(b.total("spread_time", w), b.total("spread_dt", w)),
    "oi_change": lambda b, w: b.row.oi / b.ago(b.oi, w) - 1,
    "liquidations_long": own("liq_long"),
    "liquidations_short": own("liq_short"),
    "realised_vol": lambda b, w: vol(b.squares(w), b, w),
    "parkinson": lambda b, w: vol(b.ranges(w) / (4 * math.log(2)), b, w),
    "coverage": lambda b, w: min(b.total("live", w) / w, 1.0),
}
WINDOWED = [c for c in COLUMNS if c.window and c.metric in EXPECTED]


@pytest.mark.parametrize("column", WINDOWED, ids=lambda c: c.name)
def test_windowed_column(column: object, day: tuple[Day, At, float]) -> None:
    scenario, at, t = day
    with np.errstate(all="ignore"):
        got = column.compute(at)  # type: ignore[attr-defined]
    seconds = WINDOWS[column.window]  # type: ignore[attr-defined]
    for i, row in enumerate(scenario.rows):
        batch = scenario.batch(row, t)
        want = EXPECTED[column.metric](batch, seconds)  # type: ignore[attr-defined]
        scale = traded(batch, seconds) if column.metric in ("cvd", "ofi") else 0.0  # type: ignore[attr-defined]
        assert got[i] == pytest.approx(want, rel=2e-5, abs=2e-7 + 2e-6 * scale, nan_ok=True), (i, column)


def test_every_windowed_metric_has_a_reference() -> None:
    covered = {c.metric for c in WINDOWED} | {"turnover_usd", "liquidations_usd"}
    assert {c.metric for c in COLUMNS if c.window} == covered


def test_the_day_is_full_enough_to_mean_something(day: tuple[Day, At, float]) -> None:
    scenario, at, _ = day
    with np.errstate(all="ignore"):
        for column in WINDOWED:
            values = column.compute(at)
            assert not np.isnan(values).all(), column.name
    assert sum(s["trades"] for s in scenario.rows[0].seconds) > 5_000


def test_dollar_columns_are_the_quote_columns_at_the_tapes_rate(day: tuple[Day, At, float]) -> None:
    _, at, _ = day
    columns = {c.name: c.compute(at) for c in COLUMNS if c.metric in ("turnover", "turnover_usd")}
    assert at.usd.tolist() == [1.0, 1.0, 1.0]
    for window in WINDOWS:
        np.testing.assert_array_equal(columns[f"turnover_usd_{window}"], columns[f"turnover_{window}"])


def test_columns_without_a_window(day: tuple[Day, At, float]) -> None:
    scenario, at, t = day
    with np.errstate(all="ignore"):
        got = {c.metric: c.compute(at) for c in COLUMNS if not c.window}
    for i, row in enumerate(scenario.rows):
        b, (bid, bid_size, ask, ask_size) = scenario.batch(row, t), row.quote
        mark, index = scenario.state.cells[i][5], scenario.state.cells[i][6]
        rate = 0.0001 * (i + 1)
        want = {
            "last": row.last, "bid": bid, "bid_size": bid_size, "ask": ask, "ask_size": ask_size,
            "mid": (bid + ask) / 2, "microprice": (ask * bid_size + bid * ask_size) / (bid_size + ask_size),
            "spread_bps": 2e4 * (ask - bid) / (ask + bid), "mark": mark, "index": index,
            "acceleration": (velocity(b, 60) - 1e4 * math.log(b.ago(b.close, 60) / b.ago(b.close, 120)) / 60) / 60,
            "oi": row.oi, "oi_usd": row.oi * mark, "funding": rate, "funding_8h": rate, "funding_apr": rate * 1095,
            "next_funding_s": START + SECONDS + 600 - t, "basis_bps": 1e4 * (mark / index - 1),
            "basis_apr": (mark / index - 1) * 31_536_000 / (START + SECONDS + 86400 * 30 - t) if i == 2 else NAN,
            "age_ms": (t - scenario.received[i]) * 1e3, "day_source": 1.0,
            "listed_days": (t - LISTED_S) / 86400 if i == 0 else NAN,
        }  # fmt: skip
        for name, value in want.items():
            assert got[name][i] == pytest.approx(
                value, rel=1e-6, abs=2e-3 if name == "age_ms" else 1e-9, nan_ok=True
            ), (
                name,
                i,
            )


def test_atr_is_wilders_over_five_minute_bars(day: tuple[Day, At, float]) -> None:
    scenario, at, t = day
    atr_pct = next(c for c in COLUMNS if c.metric == "atr_pct").compute(at)
    for i, row in enumerate(scenario.rows):
        b = scenario.batch(row, t)
        ranges, average = [], NAN
        for start in range(START // 300 * 300, int(t) // 300 * 300, 300):
            high, low = b.between("high", start, start + 300).max(), b.between("low", start, start + 300).min()
            before = b.at(b.close, start)
            true_range = high - low if math.isnan(before) else max(high, before) - min(low, before)
            ranges.append(true_range)
            average = sum(ranges) / len(ranges) if len(ranges) <= 14 else average + (true_range - average) / 14
        assert atr_pct[i] == pytest.approx(average / row.last, rel=1e-6)


def test_venue_figures_stand_in_until_the_day_is_covered() -> None:
    state, source = State(4), Source(f"{MARKET}/0", MARKET, streams=True)
    ts = START * 10**9
    apply(state, source, [Listed("BTCUSDT", 0, INSTRUMENTS[0])], ts)
    ticker = Ticker("BTCUSDT", 0, 100.0, 5.0, 500.0, 110.0, 90.0, 0.05)
    apply(state, source, [ticker], ts)
    for _ in tick.gather(state, ts):
        pass
    at = At(state, ts, Catalogue(state.table, state.identity))
    got = {c.name: c.compute(at)[0] for c in COLUMNS}
    assert (got["change_24h"], got["turnover_24h"], got["high_24h"], got["low_24h"]) == (0.05, 500.0, 110.0, 90.0)
    assert got["day_source"] == 0.0
    assert math.isnan(got["change_1h"])
    assert math.isnan(got["turnover_1h"])
