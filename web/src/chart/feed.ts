/** Brings a chart its candles: closed ones by REST, the open one from finer candles and trades as they come. */

import type { Rest } from "../wire/rest";
import type { Listener, Said } from "../wire/socket";
import type { Candle, Trade } from "../wire/types";
import { Growing, type Fine } from "./candles";
import { TIMEFRAMES } from "./indicators";
import type { Sample } from "./price";

const CLOSE_GRACE_MS = 1_600;

export class CandleFeed implements Listener {
  candles: Candle[] = [];
  samples: Sample[] = [];
  error = "";
  private readonly growing: Growing;
  private readonly seconds: number;
  private trades: Trade[] = [];
  private loaded = false;
  private stopped = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `whole`: all candles changed; `grew`: the last one did. */
  constructor(
    private readonly rest: Rest,
    private readonly id: string,
    private readonly tf: string,
    private readonly whole: () => void,
    private readonly grew: (candle: Candle) => void,
  ) {
    this.seconds = TIMEFRAMES[tf] ?? 60;
    this.growing = new Growing(this.seconds);
    void this.load();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  said(message: Said): void {
    if (!Array.isArray(message.rows)) return;
    const rows = message.rows as Trade[];
    if (message.kind === "snapshot") this.trades = rows.slice();
    else this.trades.push(...rows);
    if (this.trades.length > 2_000) this.trades.splice(0, this.trades.length - 1_000);
    if (!this.loaded) return;
    // Begun anew: the connection came back, or a replay jumped. The past may be another.
    if (message.kind === "snapshot") return this.again(0);
    let closed = false;
    for (const trade of rows) closed = this.growing.add(trade) || closed;
    if (this.growing.candle) this.grew(this.growing.candle);
    // The server's candle of the bar that ended is the one to keep.
    if (closed) this.again(CLOSE_GRACE_MS);
  }

  private again(wait: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.load(), wait);
  }

  private async load(): Promise<void> {
    const path = `/api/v1/markets/${encodeURIComponent(this.id)}`;
    try {
      const [closed, samples, fine] = await Promise.all([
        this.fetched(this.tf, 1_000),
        this.rest.get<{ rows: Sample[] }>(`${path}/series`, { fields: "oi_usd,funding_apr" }),
        this.finer(),
      ]);
      if (this.stopped) return;
      const span = this.seconds * 1_000;
      const lastClosed = closed[closed.length - 1]?.ts_ms ?? -Infinity;
      const newest = Math.max(this.trades[this.trades.length - 1]?.ts_ms ?? 0, ...fine.map((one) => one.candles[one.candles.length - 1]?.ts_ms ?? 0));
      const start = Math.max(Math.floor(newest / span) * span, lastClosed + span);
      this.growing.begin(start, fine, this.trades);
      this.candles = this.growing.candle ? [...closed, { ...this.growing.candle }] : closed;
      this.samples = samples.rows;
      this.error = "";
      this.loaded = true;
      this.whole();
    } catch (error) {
      if (this.stopped) return;
      this.error = (error as Error).message;
      this.whole();
      this.again(3_000);
    }
  }

  private async finer(): Promise<Fine[]> {
    const steps = this.seconds > 14_400 ? ["1h", "1m"] : this.seconds > 60 ? ["1m"] : [];
    return Promise.all(steps.map(async (tf) => ({ seconds: TIMEFRAMES[tf]!, candles: await this.fetched(tf, 240) })));
  }

  private async fetched(tf: string, limit: number): Promise<Candle[]> {
    const found = await this.rest.get<{ rows: Candle[] }>(`/api/v1/markets/${encodeURIComponent(this.id)}/candles`, { tf, limit });
    return found.rows;
  }
}
