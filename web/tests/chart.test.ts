import { describe, expect, it } from "vitest";
import { Book, fitting, ladder } from "../src/chart/book";
import { Growing } from "../src/chart/candles";
import { bollinger, cvd, ema, profile, valueArea, vwap } from "../src/chart/indicators";
import { sampled } from "../src/chart/price";
import type { Candle, Trade } from "../src/wire/types";

const candle = (ts_ms: number, close: number, more: Partial<Candle> = {}): Candle => ({
  ts_ms, open: close, high: close, low: close, close, volume: 1, turnover: close, trades: 1, taker_buy_volume: 0.5, ...more,
});
const trade = (ts_ms: number, price: number, taker: "BUY" | "SELL" = "BUY"): Trade => ({
  ts_ms, price, size: 2, notional: 2 * price, taker, id: `${ts_ms}-${price}`, block: false,
});

describe("indicators by hand", () => {
  it("ema begins with the plain mean", () => {
    expect(ema([1, 2, 3, 4, 5], 3)).toEqual([NaN, NaN, 2, 3, 4]);
  });
  it("bollinger bands are two deviations wide", () => {
    const { middle, upper, lower } = bollinger([2, 4, 4, 4, 5, 5, 7, 9], 8);
    expect([middle[7], upper[7], lower[7]]).toEqual([5, 9, 1]);
    expect(middle[6]).toBeNaN();
  });
  it("vwap begins anew with the UTC day", () => {
    const day = 86_400_000;
    const found = vwap([candle(0, 10), candle(60_000, 20, { volume: 3, turnover: 60 }), candle(day, 7)]);
    expect(found).toEqual([10, 17.5, 7]);
  });
  it("cvd adds buys minus sells", () => {
    expect(cvd([candle(0, 1, { volume: 4, taker_buy_volume: 3 }), candle(1, 1, { volume: 2, taker_buy_volume: 0 })])).toEqual([2, 0]);
    expect(cvd([candle(0, 1, { taker_buy_volume: null }), candle(1, 1, { volume: 4, taker_buy_volume: 3 })])).toEqual([NaN, 2]);
  });
  it("a profile keeps all volume, and the value area holds most of it", () => {
    const bins = profile([candle(0, 5, { low: 0, high: 10, volume: 10 }), candle(1, 5, { low: 4.5, high: 5.5, volume: 20 })], 10);
    expect(bins.reduce((sum, bin) => sum + bin.volume, 0)).toBeCloseTo(30);
    const [first, last, peak] = valueArea(bins);
    expect(bins[peak]!.volume).toBe(11);
    expect(bins.slice(first, last + 1).reduce((sum, bin) => sum + bin.volume, 0)).toBeGreaterThanOrEqual(21);
  });
  it("samples belong to the candle they fall into", () => {
    const samples = [{ ts_ms: 5, oi_usd: 1, funding_apr: null }, { ts_ms: 15, oi_usd: 2, funding_apr: null }, { ts_ms: 16, oi_usd: 3, funding_apr: null }];
    expect(sampled([candle(0, 1), candle(10, 1), candle(20, 1)], samples, "oi_usd")).toEqual([1, 3, NaN]);
  });
});

describe("the open candle", () => {
  it("is finer candles, then trades, each once", () => {
    const growing = new Growing(300);
    const fine = [{ seconds: 60, candles: [candle(240_000, 9), candle(300_000, 10, { high: 12 }), candle(360_000, 11, { low: 8 })] }];
    growing.begin(300_000, fine, [trade(359_000, 99), trade(430_000, 13)]);
    expect(growing.candle).toMatchObject({ ts_ms: 300_000, open: 10, high: 13, low: 8, close: 13, volume: 4, taker_buy_volume: 3 });
    expect(growing.add(trade(430_000, 13))).toBe(false);
    expect(growing.candle!.volume).toBe(4);
    expect(growing.add(trade(601_000, 14, "SELL"))).toBe(true);
    expect(growing.candle).toMatchObject({ ts_ms: 600_000, open: 14, volume: 2, taker_buy_volume: 0 });
  });
});

describe("a book", () => {
  it("takes a snapshot, changes and removals", () => {
    let times = 0;
    const book = new Book(() => times++);
    const head = { topic: "book:x", seq: 1, ts_ms: 1, synced: true, quality: [] };
    book.said({ kind: "snapshot", ...head, bids: [[10, 1], [9, 2]], asks: [[11, 3]] });
    book.said({ kind: "delta", ...head, bids: [[10, 0], [9.5, 4]], asks: [] });
    expect([...book.bids]).toEqual([[9, 2], [9.5, 4]]);
    expect(book.best()).toEqual({ bid: 9.5, ask: 11 });
    book.said({ kind: "delta", ...head, bids: "no", asks: [] });
    expect(times).toBe(2);
  });
  it("is grouped downwards for bids and upwards for asks", () => {
    const levels: [number, number][] = [[100.1, 1], [100.4, 2], [101.0, 4]];
    expect(ladder(levels, 0.5, true, 9)).toEqual([{ price: 101, size: 4, total: 4 }, { price: 100, size: 3, total: 7 }]);
    expect(ladder(levels, 0.5, false, 9)).toEqual([{ price: 100.5, size: 3, total: 3 }, { price: 101, size: 4, total: 7 }]);
    expect(ladder([[0.3, 1]], 0.1, true, 1)[0]!.price).toBeCloseTo(0.3);
    expect(fitting([100, 101], 0.01, 20)).toBeCloseTo(0.05);
  });
});
