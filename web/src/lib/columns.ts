/** How a column is shown: text by unit, whether it has a direction, a short heading, and what it means. */

import { compact, fixed, NONE, percent, price, span } from "./format";
import type { Column } from "../wire/types";

/** Units whose sign says up or down. */
const DIRECTED = new Set(["fraction", "apr", "rate", "bps/s", "bps/s2", "z"]);
const DIRECTED_METRICS = new Set(["cvd", "ofi", "imbalance_10bps", "imbalance_50bps", "basis_bps", "basis_apr", "perp_spot_bps", "edge_10k_bps", "edge_100k_bps", "lead_lag_ms"]);
const UNDIRECTED_METRICS = new Set(["atr_pct", "funding_spread_8h"]);

const SHORT: Record<string, string> = {
  last: "Last", mid: "Mid", microprice: "Micro", mark: "Mark", index: "Index", change: "Chg", velocity: "Velocity",
  acceleration: "Accel", high: "High", low: "Low", from_high: "Off high", from_low: "Off low", turnover: "Turnover",
  turnover_usd: "Turnover $", volume_surge: "Surge", volume_surge_z: "Surge z", cvd: "CVD",
  taker_buy_share: "Taker buy", trade_rate: "Trades/s", mean_trade: "Mean trade", large_share: "Large", ofi: "OFI",
  bid: "Bid", bid_size: "Bid size", ask: "Ask", ask_size: "Ask size", spread_bps: "Spread", spread_mean_bps: "Mean spread",
  depth_10bps: "Depth 10", depth_50bps: "Depth 50", imbalance_10bps: "Imb 10", imbalance_50bps: "Imb 50",
  impact_10k: "Impact 10k", impact_100k: "Impact 100k", oi: "OI", oi_usd: "OI $", oi_change: "OI chg",
  funding: "Funding", funding_hours: "Fund. h", funding_8h: "Fund. 8h", funding_apr: "Fund. APR",
  next_funding_s: "Next fund.", basis_bps: "Basis", basis_apr: "Basis APR", liquidations_long: "Liq long",
  liquidations_short: "Liq short", liquidations_usd: "Liq $", realised_vol: "Vol", parkinson: "Parkinson",
  atr_pct: "ATR", vol_percentile: "Vol pctl", funding_spread_8h: "Fund. spread", edge_10k_bps: "Edge 10k",
  edge_100k_bps: "Edge 100k", divergence_bps: "Divergence", perp_spot_bps: "Perp/spot", lead_lag_ms: "Lead",
  lead_lag_error_ms: "Lead ±", venues: "Venues", coverage: "Coverage", age_ms: "Age", lag_ms: "Lag",
  day_source: "24h by", listed_days: "Listed",
};
const WINDOW = /^(.*)_(1m|5m|15m|1h|4h|24h)$/;

export function metricOf(name: string): string {
  if (SHORT[name] !== undefined) return name;
  return WINDOW.exec(name)?.[1] ?? name;
}

/** A heading that fits a column: "Chg 24h". */
export function heading(name: string): string {
  if (SHORT[name] !== undefined) return SHORT[name];
  const [, metric = name, window = ""] = WINDOW.exec(name) ?? [];
  return `${SHORT[metric] ?? metric.replaceAll("_", " ")}${window ? ` ${window}` : ""}`;
}

export function text(unit: string, value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  switch (unit) {
    case "price":
      return price(value);
    case "fraction":
      return percent(value);
    case "share":
      return percent(value, 1, false);
    case "annual":
      return percent(value, Math.abs(value) >= 1 ? 0 : 1, false);
    case "apr":
      return percent(value, Math.abs(value) >= 10 ? 0 : 1);
    case "rate":
      return percent(value, 4);
    case "bps":
      return fixed(value, Math.abs(value) >= 100 ? 0 : 2);
    case "bps/s":
    case "bps/s2":
    case "z":
      return fixed(value, 2);
    case "ratio":
      return Math.abs(value) >= 1_000 ? compact(value) : fixed(value, 2);
    case "ms":
      return span(value / 1_000) === NONE ? NONE : value < 1_000 ? `${value.toFixed(0)} ms` : span(value / 1_000);
    case "s":
      return span(value);
    case "h":
      return `${compact(value)} h`;
    case "days":
      return `${value.toFixed(0)} d`;
    case "1/s":
      return fixed(value, 2);
    case "code":
      return value === 0 ? "venue" : "own";
    default:
      return compact(value);
  }
}

/** -1, 0 or +1: which way the number points; 0 for numbers without direction. */
export function direction(name: string, unit: string, value: number): number {
  const metric = metricOf(name);
  if (UNDIRECTED_METRICS.has(metric) || !(DIRECTED.has(unit) || DIRECTED_METRICS.has(metric))) return 0;
  return value > 0 ? 1 : value < 0 ? -1 : 0;
}

/** Width in px that holds the longest usual value. */
export function width(name: string, unit: string): number {
  if (unit === "price") return 96;
  if (unit === "fraction" || unit === "rate") return 88;
  return Math.max(78, heading(name).length * 7 + 26);
}

export interface Group {
  title: string;
  columns: Column[];
}

const GROUPS: [string, RegExp][] = [
  ["Price", /^(last|mid|microprice|mark|index|change|velocity|acceleration|high|low|from_high|from_low)/],
  ["Flow", /^(turnover|volume|cvd|taker|trade_rate|mean_trade|large_share|ofi)/],
  ["Order book", /^(bid|ask|spread|depth|imbalance|impact)/],
  ["Derivatives", /^(oi|funding(?!_spread)|next_funding|basis|liquidations)/],
  ["Volatility", /^(realised|parkinson|atr|vol_percentile)/],
  ["Across venues", /^(funding_spread|edge|divergence|perp_spot|lead_lag|venues)/],
  ["Trust", /./],
];

/** Columns by what they are about, in the order of the catalogue. */
export function groups(columns: readonly Column[]): Group[] {
  const found: Group[] = GROUPS.map(([title]) => ({ title, columns: [] }));
  for (const column of columns) {
    const at = GROUPS.findIndex(([, pattern]) => pattern.test(column.name));
    found[at]!.columns.push(column);
  }
  return found.filter((group) => group.columns.length > 0);
}

export const UNIT_WORDS: Record<string, string> = {
  "1/s": "a second", annual: "a year", apr: "a year, not compounded", base: "units of the base asset",
  bps: "basis points (1/100 of a percent)", "bps/s": "basis points a second", code: "code", count: "how many",
  days: "days", fraction: "percent", h: "hours", ms: "milliseconds", price: "quote currency for one unit",
  quote: "quote currency", rate: "percent, for one funding interval", ratio: "times", s: "seconds",
  share: "share of the whole", usd: "US dollars", z: "standard deviations from the mean",
};
