/** Depth over time as a picture: a column a moment, brighter where more rests. */

import type { Book } from "./book";

/** Dark to bright, evenly to the eye; ends of a perceptual ramp sampled at eight places. */
const RAMP = [[16, 12, 40], [49, 18, 84], [72, 40, 120], [56, 88, 140], [33, 130, 142], [40, 170, 130], [130, 205, 80], [250, 230, 50]] as const;
const COLUMN = 4;

export function colour(share: number): string {
  const at = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1);
  const i = Math.min(Math.floor(at), RAMP.length - 2);
  const mix = (channel: 0 | 1 | 2): number => Math.round(RAMP[i]![channel] + (RAMP[i + 1]![channel] - RAMP[i]![channel]) * (at - i));
  return `rgb(${mix(0)} ${mix(1)} ${mix(2)})`;
}

const ROW = 3;
/** What lies further apart is another time: a replay jumped, or nothing came for long. */
const JUMP_MS = 15_000;

interface Moment {
  mid: number;
  prices: Float64Array;
  sizes: Float64Array;
}

export class Heat {
  low = NaN;
  high = NaN;
  private readonly moments: Moment[] = [];
  private most = 0;
  private ts = 0;

  constructor(private readonly canvas: HTMLCanvasElement) {}

  /** Take the book as it is now and draw. */
  add(book: Book): void {
    const { bid, ask } = book.best();
    if (!book.synced || !Number.isFinite(bid) || !Number.isFinite(ask)) return;
    const levels = [...book.bids, ...book.asks];
    if (Math.abs(book.ts - this.ts) > JUMP_MS) {
      this.moments.length = 0;
      this.low = this.high = NaN;
    }
    this.ts = book.ts;
    this.moments.push({ mid: (bid + ask) / 2, prices: Float64Array.from(levels, ([price]) => price), sizes: Float64Array.from(levels, ([, size]) => size) });
    const room = Math.floor(this.canvas.width / COLUMN);
    if (this.moments.length > room) this.moments.splice(0, this.moments.length - room);
    if (this.fit((bid + ask) / 2, levels)) this.all();
    else this.one();
  }

  /** The canvas has another size. */
  resized(width: number, height: number): void {
    this.canvas.width = Math.max(Math.floor(width), 1);
    this.canvas.height = Math.max(Math.floor(height), 1);
    this.all();
  }

  /** True when the range of prices or of sizes had to move, so that all is drawn again. */
  private fit(mid: number, levels: readonly [number, number][]): boolean {
    const inside = mid > this.low + (this.high - this.low) * 0.2 && mid < this.high - (this.high - this.low) * 0.2;
    if (!inside) {
      const distances = levels.map(([price]) => Math.abs(price - mid)).sort((a, b) => a - b);
      const reach = Math.max(distances[Math.floor(distances.length * 0.9)] ?? 0, mid * 1e-5) * 1.5;
      [this.low, this.high] = [mid - reach, mid + reach];
    }
    // Full brightness for all but the largest few: one wall must not darken the rest.
    const sums = [...this.rows(this.moments[this.moments.length - 1]!)].filter((sum) => sum > 0).sort((a, b) => a - b);
    const bright = sums[Math.floor(sums.length * 0.96)] ?? 0;
    const rescaled = bright > this.most * 1.6 || bright < this.most / 2.5;
    if (rescaled) this.most = bright;
    return !inside || rescaled;
  }

  /** Sizes summed into rows of the picture. */
  private rows(moment: Moment): Float64Array {
    const { height } = this.canvas;
    const scale = height / (this.high - this.low);
    const rows = new Float64Array(Math.ceil(height / ROW));
    for (let i = 0; i < moment.prices.length; i++) {
      const y = (this.high - moment.prices[i]!) * scale;
      if (y >= 0 && y < height) rows[Math.floor(y / ROW)]! += moment.sizes[i]!;
    }
    return rows;
  }

  private all(): void {
    const context = this.canvas.getContext("2d");
    if (!context) return;
    context.fillStyle = colour(0);
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    const from = this.canvas.width - this.moments.length * COLUMN;
    this.moments.forEach((moment, i) => this.column(context, moment, from + i * COLUMN));
  }

  private one(): void {
    const context = this.canvas.getContext("2d");
    const newest = this.moments[this.moments.length - 1];
    if (!context || !newest) return;
    context.drawImage(this.canvas, -COLUMN, 0);
    const x = this.canvas.width - COLUMN;
    context.fillStyle = colour(0);
    context.fillRect(x, 0, COLUMN, this.canvas.height);
    this.column(context, newest, x);
  }

  private column(context: CanvasRenderingContext2D, moment: Moment, x: number): void {
    const rows = this.rows(moment);
    const scale = this.canvas.height / (this.high - this.low);
    for (let row = 0; row < rows.length; row++) {
      if (rows[row]! <= 0) continue;
      context.fillStyle = colour(0.06 + 0.94 * Math.min(rows[row]! / this.most, 1) ** 1.3);
      context.fillRect(x, row * ROW, COLUMN, ROW);
    }
    context.fillStyle = "#ffffff";
    context.fillRect(x, (this.high - moment.mid) * scale - 1, COLUMN, 2);
  }
}
