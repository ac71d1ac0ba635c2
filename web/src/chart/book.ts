/** An order book out of its topic, and the ladder people look at. */

import type { Listener, Said } from "../wire/socket";

export type Level = [price: number, size: number];

export class Book implements Listener {
  bids = new Map<number, number>();
  asks = new Map<number, number>();
  synced = false;
  ready = false;
  ts = 0;
  quality: string[] = [];

  constructor(private readonly changed: () => void) {}

  said(message: Said): void {
    const sides = [[this.bids, message.bids], [this.asks, message.asks]] as const;
    if (!sides.every(([, levels]) => Array.isArray(levels))) return;
    for (const [side, levels] of sides) {
      if (message.kind === "snapshot") side.clear();
      for (const [price, size] of levels as Level[]) {
        if (size > 0) side.set(price, size);
        else side.delete(price);
      }
    }
    this.synced = message.synced === true;
    this.quality = Array.isArray(message.quality) ? (message.quality as string[]) : [];
    this.ts = message.ts_ms;
    this.ready = true;
    this.changed();
  }

  best(): { bid: number; ask: number } {
    return { bid: Math.max(...this.bids.keys()), ask: Math.min(...this.asks.keys()) };
  }
}

export interface Rung {
  price: number;
  size: number;
  /** Added up from the best price. */
  total: number;
}

/** Levels summed into steps of `step`: bids down, asks up, best first. */
export function ladder(levels: Iterable<Level>, step: number, bids: boolean, count: number): Rung[] {
  const sums = new Map<number, number>();
  for (const [price, size] of levels) {
    const rung = bids ? Math.floor(price / step + 1e-9) : Math.ceil(price / step - 1e-9);
    sums.set(rung, (sums.get(rung) ?? 0) + size);
  }
  const rungs = [...sums.keys()].sort((a, b) => (bids ? b - a : a - b)).slice(0, count);
  let total = 0;
  return rungs.map((rung) => ({ price: rung * step, size: sums.get(rung)!, total: (total += sums.get(rung)!) }));
}

/** 1, 2, 5, 10 … ticks. */
export function steps(tick: number): number[] {
  return [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000].map((times) => times * tick);
}

/** The coarsest step that fills `rungs` rungs a side. */
export function fitting(levels: Iterable<number>, tick: number, rungs: number): number {
  const prices = [...levels];
  const range = Math.max(...prices) - Math.min(...prices);
  // The coarsest that still fills the rungs; what does not fit is further away.
  return steps(tick).findLast((step) => range / step >= rungs) ?? tick;
}
