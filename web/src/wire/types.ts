/** What REST answers carry, as far as pages read it. `null` = not known. */

export type Num = number | null;

export interface Head {
  mode: string;
  ts_ms: number;
  view: number;
}

export interface Column {
  name: string;
  metric: string;
  unit: string;
  window: string;
  cadence: string;
  doc: string;
}

export interface Board {
  name: string;
  title: string;
  column: string;
  unit: string;
  ascending: boolean;
  min_turnover_usd: number;
  fields: string[];
  top: number;
}

export interface Instrument {
  id: string;
  symbol: string;
  market: string;
  venue: string;
  native: string;
  kind: string;
  base: string;
  quote: string;
  settle: string;
  multiplier: number;
  tick_size: Num;
  lot_size: Num;
  min_size: Num;
  funding_hours: Num;
  tier: string;
  quality: string[];
  described: boolean;
}

export interface MarketAnswer extends Head {
  instrument: Instrument;
  /** "" while it is not joined to one. */
  asset: string;
  quality: string[];
  columns: Record<string, Num>;
  /** Only of an instrument that is not live: what was brought in of it. */
  history?: Past;
}

/** An instrument that was imported, fetched or pushed; times in ms. */
export interface Past {
  id: string;
  sources: string[];
  kinds: string[];
  rows: number;
  from: number;
  to: number;
  live?: boolean;
  streams?: { id: number; name: string; kind: string; source: string; count: number }[];
}

export interface Trade {
  ts_ms: number;
  price: number;
  size: number;
  notional: number;
  /** "": an imported trade may not say. */
  taker: "BUY" | "SELL" | "";
  id: string;
  block: boolean;
}

export interface Candle {
  ts_ms: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  turnover: number;
  /** null: the venue's own candles may not say how many, or who took. */
  trades: Num;
  taker_buy_volume: Num;
  quality?: string[];
}

export interface Liquidation {
  ts_ms: number;
  id: string;
  side: "BUY" | "SELL";
  price: number;
  size: number;
  notional: number;
  usd: Num;
}

export type Row = { id: string; symbol: string; market: string; base: string; quote: string; kind: string } & Record<string, unknown>;
