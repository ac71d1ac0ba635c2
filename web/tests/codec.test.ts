import { describe, expect, it } from "vitest";
import { type Cell, decode, WireError } from "../src/wire/codec";
import { Table } from "../src/wire/table";
import type { Ack } from "../src/wire/socket";
import written from "./golden.json";

interface Golden {
  frame: string;
  schema: number;
  kind: number;
  seq: number;
  rows: number[];
  ranks: number[];
  quality: number[];
  values: (number | null)[][];
  columns: Cell[];
}
const golden = written as Golden[];

function bytes(text: string): ArrayBuffer {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
}

describe("frames written by the server", () => {
  it.each(golden)("seq $seq is read as it was written", (want) => {
    const frame = decode(bytes(want.frame), want.columns, want.schema);
    expect(frame.kind).toBe(want.kind);
    expect(frame.seq).toBe(want.seq);
    expect(frame.topicId).toBe(513);
    expect(frame.ts).toBe(1795656457600.5);
    expect([...frame.rows]).toEqual(want.rows);
    expect([...frame.ranks]).toEqual(want.ranks);
    expect([...frame.quality]).toEqual(want.quality);
    // Prices lead the schema, wherever they were asked for.
    expect(want.columns.map((cell) => cell.name)).toEqual(["last", "change_24h", "oi_usd"]);
    want.values.forEach((values, at) => {
      values.forEach((value, i) => {
        const got = frame.columns[at]![i]!;
        if (value === null) expect(got).toBeNaN();
        else expect(got).toBe(want.columns[at]!.type === "f64" ? value : Math.fround(value));
      });
    });
  });

  it("anything cut short is refused", () => {
    const { frame, columns, schema } = golden[0]!;
    const whole = bytes(frame);
    for (let size = 0; size < whole.byteLength; size++) {
      expect(() => decode(whole.slice(0, size), columns, schema)).toThrow(WireError);
    }
  });

  it("another schema, version or kind is refused", () => {
    const { frame, columns, schema } = golden[0]!;
    expect(() => decode(bytes(frame), columns, schema + 1)).toThrow(WireError);
    for (const [at, value] of [[0, 9], [1, 3]] as const) {
      const broken = new Uint8Array(bytes(frame));
      broken[at] = value;
      expect(() => decode(broken.buffer, columns, schema)).toThrow(WireError);
    }
  });
});

describe("a table", () => {
  const ack = { columns: golden[0]!.columns, schema: golden[0]!.schema } as Ack;
  const at = (i: number) => decode(bytes(golden[i]!.frame), golden[i]!.columns, golden[i]!.schema);

  it("takes a snapshot, then what changed, then what left", () => {
    const table = new Table();
    table.ack(ack);
    table.names({ "5": "m:A", "2": "m:B", "9": "m:C", "-1": "no", "999999999": "no" });
    table.frame(at(0));
    expect([...table.order()]).toEqual([5, 2, 9]);
    expect(table.value("last", 5)).toBe(64120.5);
    expect(table.quality[9]).toBe(1024);
    table.frame(at(1));
    expect([...table.order()]).toEqual([2, 5]);
    expect(table.value("last", 2)).toBe(0.2);
    expect(table.value("change_24h", 2)).toBeNaN();
    expect(table.has(9)).toBe(false);
    expect(table.ids[5]).toBe("m:A");
    expect(table.ids.length).toBeLessThan(1000);
  });

  it("marks which way the watched column moved", () => {
    const table = new Table(undefined, "change_24h");
    table.ack(ack);
    const first = at(0);
    table.frame(first);
    const change = first.columns[ack.columns.findIndex((cell) => cell.name === "change_24h")]!;
    change[0] = 0.5;
    change[1] = -0.75;
    table.frame(first);
    expect([table.moved[5], table.moved[2], table.moved[9]]).toEqual([1, -1, 0]);
  });

  it("does not believe row numbers without bound", () => {
    const table = new Table();
    table.ack(ack);
    const frame = at(0);
    table.frame({ ...frame, rows: Uint32Array.from([5, 2, 4_000_000_000]) });
    expect(table.rank.length).toBe(0);
  });
});
