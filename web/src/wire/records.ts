/** What users keep: streams, files to import, exchange keys, the cache, as the API has them. */

import type { Num } from "./types";

export interface Stream {
  id: number;
  name: string;
  source: string;
  kind: string;
  symbol: string;
  count: number;
  from: number;
  to: number;
}

/** What importing a file would bring. `columns`: our field -> theirs; `unsure`: what has to be said first. */
export interface Preview {
  layout: string;
  kind: string;
  market: string;
  symbol: string;
  columns: Record<string, string>;
  file_columns: string[];
  unsure: unknown;
  rows: Record<string, string | number | null>[];
  bad: { line: number; reason: string; text: string }[];
}

export interface Outcome {
  streams: Stream[];
  layout: string;
  rows: number;
  new: number;
  bad: number;
  rejects: string;
}

export interface Kept {
  name: string;
  venue: string;
  key: string;
  created_ms: number;
}

export interface CacheStats {
  backend: string;
  state: string;
  total_entries: number;
  total_hits: number;
  misses: number;
  total_requests: number;
  hit_rate: Num;
  timeouts: number;
  errors: number;
  expired_entries: number;
  compressed_entries: number;
  compression_ratio: Num;
  size_bytes: number;
  avg_response_time: Num;
}

/** One own account as its topic tells it; amounts are exact texts. */
export interface Account {
  name: string;
  venue: string;
  state: "synced" | "stale" | "opening" | "refused";
  reason: string;
  age_ms: number;
  balances: { asset: string; total: string; free: string }[];
  positions: { id: string; side: string; leg: string; size: string; entry: string; mark: string; pnl: string }[];
  orders: { id: string; order_id: string; side: string; kind: string; price: string; size: string; filled: string; ts_ms: number }[];
  fills: { id: string; trade_id: string; side: string; price: string; size: string; fee: string; fee_asset: string; liquidity: string; kind: string; ts_ms: number }[];
}

/** What can be unsure comes as a list, a text or a mapping: sentences for people. */
export function sentences(unsure: unknown): string[] {
  if (Array.isArray(unsure)) return unsure.map(String);
  if (typeof unsure === "object" && unsure !== null) return Object.entries(unsure).map(([field, why]) => `${field}: ${String(why)}`);
  return unsure ? [String(unsure)] : [];
}

/** The first part of a text file, cut at a line's end, is enough for a look; other files are read whole. */
export function head(file: File, most = 1_000_000): Promise<Blob> {
  if (file.size <= most || /\.(parquet|gz|zst)$/i.test(file.name)) return Promise.resolve(file);
  return file.slice(0, most).text().then((text) => new Blob([text.slice(0, text.lastIndexOf("\n") + 1)]));
}
