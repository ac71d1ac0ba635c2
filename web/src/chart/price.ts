/** The chart of one market: candles with what is drawn over them, and panes below. Framework-free. */

import {
  CandlestickSeries, createChart, HistogramSeries, type IChartApi, type ISeriesApi, LineSeries, LineStyle,
  type LineData, type HistogramData, type Time, type UTCTimestamp, type WhitespaceData,
} from "lightweight-charts";
import type { Candle } from "../wire/types";
import { bollinger, cvd, ema, profile, vwap } from "./indicators";
import { Profile } from "./profile";

export interface Colours {
  text: string;
  dim: string;
  line: string;
  up: string;
  down: string;
  accent: string;
  warn: string;
}

/** A value a minute: open interest, funding. */
export interface Sample {
  ts_ms: number;
  oi_usd: number | null;
  funding_apr: number | null;
}

export const OVERLAYS = ["vwap", "ema", "bb", "vp"] as const;
export const PANES = ["vol", "cvd", "oi", "funding"] as const;
export const PANE_WORDS: Record<string, string> = {
  vwap: "VWAP", ema: "EMA 20, 50", bb: "Bollinger 20, 2", vp: "Volume profile", vol: "Volume", cvd: "CVD", oi: "Open interest", funding: "Funding APR",
};

type Line = ISeriesApi<"Line">;
type Points = (LineData<Time> | WhitespaceData<Time>)[];

export class PriceChart {
  private readonly chart: IChartApi;
  private readonly price: ISeriesApi<"Candlestick">;
  private readonly lines = new Map<string, Line>();
  private readonly histograms = new Map<string, ISeriesApi<"Histogram">>();
  private readonly profile: Profile | undefined;
  private candles: Candle[] = [];
  private samples: readonly Sample[] = [];
  private drawn = 0;

  constructor(
    container: HTMLElement,
    private readonly colours: Colours,
    private readonly shown: ReadonlySet<string>,
    private readonly shiftS: number,
    precision: { precision: number; minMove: number },
    onhover: (candle: Candle | undefined) => void,
  ) {
    const { text, line, up, down } = colours;
    this.chart = createChart(container, {
      autoSize: true,
      layout: { background: { color: "transparent" }, textColor: text, fontSize: 11, attributionLogo: false, panes: { separatorColor: line, separatorHoverColor: line } },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      rightPriceScale: { borderColor: line, scaleMargins: { top: 0.08, bottom: 0.08 }, minimumWidth: 74 },
      timeScale: { borderColor: line, timeVisible: true, rightOffset: 4 },
      crosshair: { mode: 0 },
    });
    this.price = this.chart.addSeries(CandlestickSeries, {
      upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, borderVisible: false, priceFormat: { type: "price", ...precision },
    });
    if (shown.has("vp")) {
      this.profile = new Profile(() => ({ up, down, line: text, dim: this.colours.dim }));
      this.price.attachPrimitive(this.profile);
    }
    this.addOverlays(precision);
    this.addPanes();
    this.chart.subscribeCrosshairMove(({ time, logical }) => {
      onhover(time === undefined || logical === undefined ? undefined : this.candles[Math.round(logical)]);
    });
  }

  remove(): void {
    this.chart.remove();
  }

  /** Everything anew. */
  set(candles: Candle[], samples: readonly Sample[]): void {
    this.candles = candles;
    this.samples = samples;
    this.price.setData(candles.map((candle) => ({ time: this.time(candle), open: candle.open, high: candle.high, low: candle.low, close: candle.close })));
    const series = this.derived();
    for (const [name, line] of this.lines) line.setData(this.points(series[name] ?? []));
    this.histograms.get("vol")?.setData(candles.map((candle) => this.bar(candle)));
    this.drawProfile(true);
  }

  /** The last candle changed, or a new one began: one update a series. */
  update(candle: Candle, samples: readonly Sample[]): void {
    this.samples = samples;
    const before = this.candles[this.candles.length - 1];
    if (before && candle.ts_ms < before.ts_ms) return;
    if (before?.ts_ms === candle.ts_ms) this.candles[this.candles.length - 1] = candle;
    else this.candles.push(candle);
    const time = this.time(candle);
    this.price.update({ time, open: candle.open, high: candle.high, low: candle.low, close: candle.close });
    const series = this.derived();
    for (const [name, line] of this.lines) {
      const values = series[name];
      const value = values?.[values.length - 1] ?? NaN;
      if (Number.isFinite(value)) line.update({ time, value });
    }
    this.histograms.get("vol")?.update(this.bar(candle));
    this.drawProfile(false);
  }

  /** Newest last, for the data table beside the picture. */
  latest(count: number): Candle[] {
    return this.candles.slice(-count);
  }

  private addOverlays(precision: { precision: number; minMove: number }): void {
    const { accent, warn, dim } = this.colours;
    const add = (name: string, color: string, width: 1 | 2, style = LineStyle.Solid): void => {
      this.lines.set(name, this.chart.addSeries(LineSeries, {
        color, lineWidth: width, lineStyle: style, lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false, priceFormat: { type: "price", ...precision },
      }));
    };
    if (this.shown.has("bb")) {
      add("upper", dim, 1, LineStyle.Dotted);
      add("middle", dim, 1, LineStyle.Dashed);
      add("lower", dim, 1, LineStyle.Dotted);
    }
    if (this.shown.has("ema")) {
      add("ema20", accent, 1);
      add("ema50", accent, 1, LineStyle.Dashed);
    }
    if (this.shown.has("vwap")) add("vwap", warn, 2);
  }

  private addPanes(): void {
    const { accent, warn, text } = this.colours;
    const panes = PANES.filter((name) => this.shown.has(name));
    panes.forEach((name, i) => {
      if (name === "vol") {
        this.histograms.set(name, this.chart.addSeries(HistogramSeries, { priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false }, i + 1));
      } else {
        const priceFormat = name === "funding"
          ? { type: "custom" as const, minMove: 0.0001, formatter: (value: number) => `${(value * 100).toFixed(2)}%` }
          : { type: "volume" as const };
        const color = name === "cvd" ? accent : name === "oi" ? warn : text;
        this.lines.set(name, this.chart.addSeries(LineSeries, { color, lineWidth: 1, priceFormat, priceLineVisible: false }, i + 1));
      }
      this.chart.panes()[i + 1]?.setStretchFactor(0.9);
    });
    this.chart.panes()[0]?.setStretchFactor(4);
  }

  private derived(): Record<string, number[]> {
    const closes = this.candles.map((candle) => candle.close);
    const found: Record<string, number[]> = {};
    if (this.shown.has("bb")) Object.assign(found, bollinger(closes));
    if (this.shown.has("ema")) Object.assign(found, { ema20: ema(closes, 20), ema50: ema(closes, 50) });
    if (this.shown.has("vwap")) found.vwap = vwap(this.candles);
    if (this.shown.has("cvd")) found.cvd = cvd(this.candles);
    if (this.shown.has("oi")) found.oi = sampled(this.candles, this.samples, "oi_usd");
    if (this.shown.has("funding")) found.funding = sampled(this.candles, this.samples, "funding_apr");
    return found;
  }

  private points(values: readonly number[]): Points {
    return this.candles.map((candle, i) => {
      const time = this.time(candle);
      const value = values[i] ?? NaN;
      return Number.isFinite(value) ? { time, value } : { time };
    });
  }

  private bar(candle: Candle): HistogramData<Time> {
    return { time: this.time(candle), value: candle.volume, color: (candle.close >= candle.open ? this.colours.up : this.colours.down) + "99" };
  }

  private drawProfile(now: boolean): void {
    // Volume by price moves slowly; it is not worth a sum over all candles at every trade.
    const at = performance.now();
    if (!this.profile || (!now && at - this.drawn < 5_000)) return;
    this.drawn = at;
    this.profile.set(profile(this.candles));
  }

  private time(candle: Candle): UTCTimestamp {
    return (candle.ts_ms / 1_000 + this.shiftS) as UTCTimestamp;
  }
}

/** The last sample within each candle. */
export function sampled(candles: readonly Candle[], samples: readonly Sample[], name: "oi_usd" | "funding_apr"): number[] {
  let at = 0;
  return candles.map((candle, i) => {
    const end = candles[i + 1]?.ts_ms ?? Infinity;
    let value = NaN;
    while (at < samples.length && samples[at]!.ts_ms < end) {
      if (samples[at]!.ts_ms >= candle.ts_ms) value = samples[at]![name] ?? NaN;
      at++;
    }
    return value;
  });
}
