/** The body of `/api/v1/status`. */

import type { Num } from "./types";

export interface Source {
  source: string;
  market: string;
  state: string;
  lag_ms: Num;
  since_ms: number;
  last_ms: number;
  reconnects: number;
  topics: number;
  frames: number;
  bytes: number;
  failed: number;
  errors: number;
  gaps: number;
  last_error: string;
}

/** One aim: what it is now, what it should be, and whether it is. */
export interface Kpi {
  name: string;
  title?: string;
  value: Num;
  target: Num | string;
  unit?: string;
  met: boolean | null;
  note?: string;
}

export interface Status {
  version: string;
  reasons_not_ready: string[];
  process: Record<string, Num>;
  instruments: number;
  late_trades: number;
  digest: string;
  sources: Source[];
  hosts: { venue: string; host: string; what: string; used: number; limit: number; waiting: number; refused: number; circuit: string }[];
  tape: { recording: boolean; folder: string; bytes: number; segments: number; failed: string; lost: number };
  websocket: { clients: number; topics: number; sent: number; bytes: number; per_s: Num; conflated: number; dropped: number; cut_off: number };
  metrics: { metric: string; works: boolean; reason: string; of: number }[];
  continuity: { ts_ms: number; what: string; source: string; id: string }[];
  kpis?: Kpi[];
}
