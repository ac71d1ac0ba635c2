/** A table topic as plain arrays, indexed by the server's row numbers. Never reactive: views read it on a tick. */

import { type Cell, type Frame, GONE, SNAPSHOT } from "./codec";
import type { Ack, Listener } from "./socket";

/** A server that numbers rows beyond this is not believed. */
const MOST_ROWS = 200_000;
const EMPTY = new Uint32Array(0);

export class Table implements Listener {
  cells: Cell[] = [];
  values: Float64Array[] = [];
  ids: string[] = [];
  rank: Uint32Array = EMPTY;
  quality: Uint32Array = EMPTY;
  /** +1 or -1 where the watched column last moved, with the time it did (performance.now()). */
  moved: Int8Array = new Int8Array(0);
  movedAt: Float64Array = new Float64Array(0);
  version = 0;
  ranksVersion = 0;
  ts = 0;
  ready = false;
  error = "";
  private index = new Map<string, number>();
  private ordered: Uint32Array = EMPTY;
  private orderedAt = -1;

  constructor(
    private readonly changed: () => void = () => undefined,
    private readonly watched = "last",
  ) {}

  /** The values of a column by row; undefined when it is not subscribed to. */
  column(name: string): Float64Array | undefined {
    const at = this.index.get(name);
    return at === undefined ? undefined : this.values[at];
  }

  value(name: string, row: number): number {
    return this.column(name)?.[row] ?? NaN;
  }

  has(row: number): boolean {
    return row < this.rank.length && this.rank[row] !== GONE;
  }

  /** Rows that are in the topic, best rank first. */
  order(): Uint32Array {
    if (this.orderedAt !== this.ranksVersion) {
      const rows: number[] = [];
      for (let row = 0; row < this.rank.length; row++) if (this.rank[row] !== GONE) rows.push(row);
      rows.sort((a, b) => this.rank[a]! - this.rank[b]!);
      this.ordered = Uint32Array.from(rows);
      this.orderedAt = this.ranksVersion;
    }
    return this.ordered;
  }

  ack(ack: Ack): void {
    const old = new Map(this.cells.map((cell, i) => [cell.name, this.values[i]!]));
    this.cells = ack.columns;
    this.values = ack.columns.map((cell) => old.get(cell.name) ?? new Float64Array(this.rank.length).fill(NaN));
    this.index = new Map(ack.columns.map((cell, i) => [cell.name, i]));
    this.error = "";
    this.version++;
    this.changed();
  }

  refused(message: string): void {
    this.error = message;
    this.changed();
  }

  names(names: Record<string, string>): void {
    for (const [row, name] of Object.entries(names)) {
      const at = Number(row);
      if (Number.isInteger(at) && at >= 0 && at < MOST_ROWS) this.ids[at] = String(name);
    }
  }

  frame(frame: Frame): void {
    const { rows, ranks, quality, columns } = frame;
    const n = rows.length;
    let most = 0;
    for (let i = 0; i < n; i++) if (rows[i]! > most) most = rows[i]!;
    if (most >= MOST_ROWS) return;
    this.fit(most + 1);
    let moved = frame.kind === SNAPSHOT;
    if (moved) this.rank.fill(GONE);
    const watched = this.index.get(this.watched) ?? -1;
    if (watched >= 0) this.mark(rows, columns[watched]!, this.values[watched]!);
    for (let c = 0; c < columns.length; c++) {
      const from = columns[c]!;
      const to = this.values[c]!;
      for (let i = 0; i < n; i++) to[rows[i]!] = from[i]!;
    }
    for (let i = 0; i < n; i++) {
      const row = rows[i]!;
      if (this.rank[row] !== ranks[i]) {
        this.rank[row] = ranks[i]!;
        moved = true;
      }
      this.quality[row] = quality[i]!;
    }
    if (moved) this.ranksVersion++;
    this.version++;
    this.ts = frame.ts;
    this.ready = true;
    this.changed();
  }

  private mark(rows: Uint32Array, now: ArrayLike<number>, before: Float64Array): void {
    const at = performance.now();
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const difference = now[i]! - before[row]!;
      if (difference > 0 || difference < 0) {
        this.moved[row] = difference > 0 ? 1 : -1;
        this.movedAt[row] = at;
      }
    }
  }

  private fit(size: number): void {
    const had = this.rank.length;
    if (size <= had) return;
    const room = Math.max(size, Math.ceil(had * 1.5));
    const grown = <A extends Uint32Array | Float64Array | Int8Array>(old: A, fresh: A): A => {
      fresh.set(old);
      return fresh;
    };
    this.rank = grown(this.rank, new Uint32Array(room).fill(GONE));
    this.quality = grown(this.quality, new Uint32Array(room));
    this.moved = grown(this.moved, new Int8Array(room));
    this.movedAt = grown(this.movedAt, new Float64Array(room));
    this.values = this.values.map((old) => grown(old, new Float64Array(room).fill(NaN)));
  }
}
