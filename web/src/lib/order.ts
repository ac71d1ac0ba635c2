/** The order of rows: sorted now and then, and held still while somebody reads. */

export interface Sort {
  column: string;
  descending: boolean;
}

export function parseSort(text: string): Sort | undefined {
  const column = text.replace(/^[-+]/, "");
  return column ? { column, descending: text.startsWith("-") } : undefined;
}

/** By value; unknown ones last, ties by row. */
export function sorted(rows: Uint32Array, values: ArrayLike<number>, descending: boolean): Uint32Array {
  const sign = descending ? -1 : 1;
  return rows.slice().sort((a, b) => {
    const x = values[a]!;
    const y = values[b]!;
    if (x < y) return -sign;
    if (x > y) return sign;
    if (x === y) return a - b;
    return Number.isNaN(x) ? (Number.isNaN(y) ? a - b : 1) : -1;
  });
}

export function sortedByText(rows: Uint32Array, names: readonly string[], descending: boolean): Uint32Array {
  const sign = descending ? -1 : 1;
  return rows.slice().sort((a, b) => {
    const x = names[a] ?? "";
    const y = names[b] ?? "";
    return x < y ? -sign : x > y ? sign : a - b;
  });
}

/** Gives a fresh order at most once a second, and the same one while it is held. Rows that left always go. */
export class Order {
  held = false;
  private rows: Uint32Array = new Uint32Array(0);
  private at = -Infinity;
  private key = "";

  constructor(private readonly everyMs = 1_000) {}

  /** `key` = what decides besides time: another sort or filter is obeyed at once. */
  of(key: string, now: number, make: () => Uint32Array, has: (row: number) => boolean): Uint32Array {
    const due = key !== this.key || this.rows.length === 0;
    if (due || (!this.held && now - this.at >= this.everyMs)) {
      this.rows = make();
      this.at = now;
      this.key = key;
    } else if (this.rows.some((row) => !has(row))) {
      this.rows = this.rows.filter(has);
    }
    return this.rows;
  }
}
