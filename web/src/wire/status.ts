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

/** One aim: what it is now, what it should be, whether it is (null = not known yet), and how it is measured. */
export interface Kpi {
  name: string;
  value: Num;
  unit: string;
  target: string;
  met: boolean | null;
  how: string;
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
  kpis: Kpi[];
}

/** The machine and the newest log lines, as `/api/v1/admin/system` has them. */
export interface Machine {
  process: Record<string, Num>;
  errors: number;
  error_rate: Num;
  log: { ts_ms: number; level: string; event: string; details: string }[];
}

/** One source in one hour, as `/api/v1/quality` has it. */
export interface Hour {
  hour_ms: number;
  source: string;
  frames: number;
  bytes: number;
  gaps: number;
  seconds_lost: Num;
  repaired: number;
  duplicates: number;
  decode_errors: number;
  lag_p50_ms: Num;
  lag_p99_ms: Num;
  clock_offset_ms: Num;
  complete: Num;
  running: boolean;
}

export interface Quality {
  rows: Hour[];
  note: string;
  flags: { flag: string; rows: number; of: number; meaning: string }[];
  drifts: { ts_ms: number; source: string; kind: string; path: string; what: string; sample: string }[];
}
