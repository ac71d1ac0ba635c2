/** Closed candles from REST and, on top, the one that is still open: finer candles, then trades. */

import type { Candle, Trade } from "../wire/types";

export interface Fine {
  seconds: number;
  candles: readonly Candle[];
}

export function merge(into: Candle | undefined, more: Candle, start: number): Candle {
  if (!into) return { ...more, ts_ms: start };
  return {
    ...into,
    high: Math.max(into.high, more.high),
    low: Math.min(into.low, more.low),
    close: more.close,
    volume: into.volume + more.volume,
    turnover: into.turnover + more.turnover,
    trades: into.trades === null || more.trades === null ? null : into.trades + more.trades,
    taker_buy_volume: into.taker_buy_volume === null || more.taker_buy_volume === null ? null : into.taker_buy_volume + more.taker_buy_volume,
  };
}

export function ofTrade(trade: Trade): Candle {
  const { price, size, ts_ms } = trade;
  return { ts_ms, open: price, high: price, low: price, close: price, volume: size, turnover: price * size, trades: 1,
    taker_buy_volume: trade.taker === "BUY" ? size : 0 };
}

/** The open candle as of now; undefined when nothing traded since it began. `cursor` = up to where closed ones reach. */
export function opened(start: number, fine: readonly Fine[]): { candle: Candle | undefined; cursor: number } {
  let candle: Candle | undefined;
  let cursor = start;
  for (const { seconds, candles } of fine) {
    for (const closed of candles) {
      if (closed.ts_ms < cursor) continue;
      candle = merge(candle, closed, start);
      cursor = closed.ts_ms + seconds * 1_000;
    }
  }
  return { candle, cursor };
}

/** Grows with every trade; tells when a candle ended. */
export class Growing {
  candle: Candle | undefined;
  private cursor = 0;
  private last = "";

  constructor(readonly seconds: number) {}

  begin(start: number, fine: readonly Fine[], trades: readonly Trade[]): void {
    const found = opened(start, fine);
    this.candle = found.candle;
    this.cursor = found.cursor;
    for (const trade of trades) this.add(trade);
  }

  /** Take a trade; true when it begins another candle, so that the one before is closed. */
  add(trade: Trade): boolean {
    if (trade.ts_ms < this.cursor || (trade.id !== "" && trade.id === this.last)) return false;
    this.last = trade.id;
    const span = this.seconds * 1_000;
    const start = Math.floor(trade.ts_ms / span) * span;
    if (this.candle && start < this.candle.ts_ms) return false;
    const next = this.candle !== undefined && start > this.candle.ts_ms;
    this.candle = merge(next ? undefined : this.candle, ofTrade(trade), start);
    return next;
  }
}
