/** What is drawn over candles. Arrays in, arrays out; NaN = not known yet. */

import type { Candle } from "../wire/types";

export const TIMEFRAMES: Record<string, number> = {
  "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1_800, "1h": 3_600, "2h": 7_200, "4h": 14_400, "6h": 21_600,
  "12h": 43_200, "1d": 86_400,
};
const DAY_MS = 86_400_000;

/** Exponential mean; begins with the plain mean of the first `span` values. */
export function ema(values: readonly number[], span: number): number[] {
  const weight = 2 / (span + 1);
  const out: number[] = [];
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    if (i < span) {
      sum += values[i]!;
      out.push(i === span - 1 ? sum / span : NaN);
    } else out.push(out[i - 1]! + weight * (values[i]! - out[i - 1]!));
  }
  return out;
}

/** Mean and `width` standard deviations (of the population) either side. */
export function bollinger(values: readonly number[], span = 20, width = 2): { middle: number[]; upper: number[]; lower: number[] } {
  const middle: number[] = [];
  const upper: number[] = [];
  const lower: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (i < span - 1) {
      middle.push(NaN);
      upper.push(NaN);
      lower.push(NaN);
      continue;
    }
    let sum = 0;
    for (let j = i - span + 1; j <= i; j++) sum += values[j]!;
    const mean = sum / span;
    let squares = 0;
    for (let j = i - span + 1; j <= i; j++) squares += (values[j]! - mean) ** 2;
    const deviation = Math.sqrt(squares / span);
    middle.push(mean);
    upper.push(mean + width * deviation);
    lower.push(mean - width * deviation);
  }
  return { middle, upper, lower };
}

/** Volume-weighted mean price since the UTC day began. */
export function vwap(candles: readonly Candle[]): number[] {
  let day = -1;
  let turnover = 0;
  let volume = 0;
  return candles.map((candle) => {
    const today = Math.floor(candle.ts_ms / DAY_MS);
    if (today !== day) [day, turnover, volume] = [today, 0, 0];
    turnover += candle.turnover;
    volume += candle.volume;
    return volume > 0 ? turnover / volume : NaN;
  });
}

/** Taker buys minus taker sells, added up from the first candle that says who took, base currency. */
export function cvd(candles: readonly Candle[]): number[] {
  let sum = 0;
  return candles.map(({ taker_buy_volume: bought, volume }) => (bought === null ? NaN : (sum += 2 * bought - volume)));
}

export interface Bin {
  low: number;
  high: number;
  volume: number;
  /** Of `volume`: what is known to be taker buys, and taker sells. */
  bought: number;
  sold: number;
}

/** Volume by price: each candle's spread evenly over its range. */
export function profile(candles: readonly Candle[], count = 48): Bin[] {
  if (!candles.length) return [];
  const low = Math.min(...candles.map((candle) => candle.low));
  const high = Math.max(...candles.map((candle) => candle.high));
  const step = (high - low) / count;
  if (!(step > 0)) return [];
  const bins: Bin[] = Array.from({ length: count }, (_, i) => ({ low: low + i * step, high: low + (i + 1) * step, volume: 0, bought: 0, sold: 0 }));
  for (const candle of candles) {
    const first = Math.min(Math.floor((candle.low - low) / step), count - 1);
    const last = Math.min(Math.floor((candle.high - low) / step), count - 1);
    const share = 1 / (last - first + 1);
    for (let i = first; i <= last; i++) {
      bins[i]!.volume += candle.volume * share;
      if (candle.taker_buy_volume === null) continue;
      bins[i]!.bought += candle.taker_buy_volume * share;
      bins[i]!.sold += (candle.volume - candle.taker_buy_volume) * share;
    }
  }
  return bins;
}

/** The first and last bin of the value area: around the fullest, until `share` of the volume is in. */
export function valueArea(bins: readonly Bin[], share = 0.7): [number, number, number] {
  let peak = 0;
  for (let i = 1; i < bins.length; i++) if (bins[i]!.volume > bins[peak]!.volume) peak = i;
  const total = bins.reduce((sum, bin) => sum + bin.volume, 0);
  let [first, last, inside] = [peak, peak, bins[peak]?.volume ?? 0];
  while (inside < total * share && (first > 0 || last < bins.length - 1)) {
    const below = first > 0 ? bins[first - 1]!.volume : -1;
    const above = last < bins.length - 1 ? bins[last + 1]!.volume : -1;
    if (above >= below) inside += bins[++last]!.volume;
    else inside += bins[--first]!.volume;
  }
  return [first, last, peak];
}
