/** The binary form of tables on `/ws`, as `crosstape/api/codec.py` describes it. Views, no copies. */

export const SNAPSHOT = 1;
export const DELTA = 2;
export const GONE = 0xffffffff;
const VERSION = 1;
const HEADER = 24;

export interface Cell {
  name: string;
  unit: string;
  type: string;
}

export interface Frame {
  kind: number;
  topicId: number;
  seq: number;
  ts: number;
  schema: number;
  rows: Uint32Array;
  columns: (Float64Array | Float32Array)[];
  ranks: Uint32Array;
  quality: Uint32Array;
}

/** Bytes that are no frame. */
export class WireError extends Error {}

export function topicOf(buffer: ArrayBuffer): number {
  if (buffer.byteLength < HEADER) throw new WireError("the frame is shorter than its header");
  return new DataView(buffer).getUint16(2, true);
}

/** WireError for what is none, or of another schema than was subscribed to. */
export function decode(buffer: ArrayBuffer, cells: readonly Cell[], schema: number): Frame {
  if (buffer.byteLength < HEADER) throw new WireError("the frame is shorter than its header");
  const head = new DataView(buffer);
  const n = head.getUint32(16, true);
  if (head.getUint8(0) !== VERSION || head.getUint32(20, true) !== schema) {
    throw new WireError("not the version or schema that was subscribed to");
  }
  const kind = head.getUint8(1);
  if (kind !== SNAPSHOT && kind !== DELTA) throw new WireError(`no such kind of frame: ${kind}`);
  let offset = HEADER;
  const take = (size: number): number => {
    const at = offset;
    offset += Math.ceil((size * n) / 8) * 8;
    if (offset > buffer.byteLength) throw new WireError("the frame is shorter than its header says");
    return at;
  };
  const rows = new Uint32Array(buffer, take(4), n);
  const columns = cells.map((cell) =>
    cell.type === "f64" ? new Float64Array(buffer, take(8), n) : new Float32Array(buffer, take(4), n),
  );
  const ranks = new Uint32Array(buffer, take(4), n);
  const quality = new Uint32Array(buffer, take(4), n);
  return {
    kind,
    topicId: head.getUint16(2, true),
    seq: head.getUint32(4, true),
    ts: head.getFloat64(8, true),
    schema,
    rows,
    columns,
    ranks,
    quality,
  };
}
