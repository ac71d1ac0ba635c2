/** One WebSocket for everything: subscriptions, reconnection with resume, pause while nobody looks. */

import { type Cell, type Frame, decode, topicOf, WireError } from "./codec";

export interface Want {
  n?: number;
  hz?: 1 | 2 | 5 | 10;
  columns?: readonly string[];
  encoding?: "json" | "columns";
  where?: Readonly<Record<string, string>>;
}

export interface Ack {
  topic: string;
  topic_id: number;
  schema: number;
  columns: Cell[];
  n: number;
  hz: number;
  encoding: string;
  resumed: boolean;
}

/** A JSON message of a topic: `kind` is snapshot, delta or dropped. */
export type Said = { kind: string; topic: string; seq: number; ts_ms: number } & Record<string, unknown>;

export interface Listener {
  ack?(ack: Ack): void;
  frame?(frame: Frame): void;
  /** Names by row; labels for those whose name says nothing to people. */
  names?(names: Record<string, string>, labels: Record<string, string>): void;
  said?(message: Said): void;
  refused?(message: string): void;
}

export type State = "connecting" | "open" | "waiting" | "key" | "closed";

interface Subscription {
  topic: string;
  want: Want;
  listeners: Set<Listener>;
  ack: Ack | undefined;
  seq: number | undefined;
}

/** What a socket needs of the world: tests and replays bring their own. */
export interface World {
  open(url: string): WebSocket;
  now(): number;
  random(): number;
}

const REAL: World = {
  open: (url) => new WebSocket(url),
  now: () => performance.now(),
  random: () => Math.random(),
};
const FIRST_MS = 250;
const LONGEST_MS = 5_000;
/** Topics speak at least once a second: after this long without a word the connection is taken for dead. */
const SILENT_MS = 8_000;
const LATER_MS = 400;
const WRONG_KEY = 4001;

export class Socket {
  state: State = "connecting";
  /** performance.now() of the last message, and counters for the System page. */
  heardAt = 0;
  /** The same for what topics say; answers to pings do not count. */
  toldAt = 0;
  serverTs = 0;
  rtt = NaN;
  messages = 0;
  bytes = 0;
  ignored = 0;
  reconnects = 0;
  retryAt = 0;
  private ws: WebSocket | undefined;
  private subscriptions = new Map<string, Subscription>();
  private byId = new Map<number, Subscription>();
  private attempts = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private watch: ReturnType<typeof setInterval> | undefined;
  private pinged = 0;
  private paused = false;

  constructor(
    private readonly address: () => string,
    private readonly changed: () => void = () => undefined,
    private readonly world: World = REAL,
  ) {}

  get busy(): boolean {
    return this.subscriptions.size > 0;
  }

  start(): void {
    this.watch = setInterval(() => this.check(), 1_000);
    this.connect();
  }

  /** Subscribe; the answer gives it up again. Listeners of one topic share a subscription wide enough for all. */
  subscribe(topic: string, want: Want, listener: Listener): () => void {
    let known = this.subscriptions.get(topic);
    if (known) {
      known.listeners.add(listener);
      const wider = widened(known.want, want);
      if (JSON.stringify(wider) !== JSON.stringify(known.want)) this.rewant(known, wider);
      else if (known.ack) {
        listener.ack?.(known.ack);
        this.rewant(known, wider);
      }
    } else {
      known = { topic, want, listeners: new Set([listener]), ack: undefined, seq: undefined };
      this.subscriptions.set(topic, known);
      this.ask(known);
    }
    const mine = known;
    return () => {
      mine.listeners.delete(listener);
      if (mine.listeners.size === 0 && this.subscriptions.get(topic) === mine) {
        this.subscriptions.delete(topic);
        if (mine.ack) this.byId.delete(mine.ack.topic_id);
        this.send({ op: "unsubscribe", topic });
      }
    };
  }

  /** Want something else of a topic, for all its listeners. */
  change(topic: string, want: Want): void {
    const known = this.subscriptions.get(topic);
    if (known) this.rewant(known, want);
  }

  pause(paused: boolean): void {
    if (paused === this.paused) return;
    this.paused = paused;
    this.heardAt = this.toldAt = this.world.now();
    this.serverTs = 0;
    this.send({ op: paused ? "pause" : "resume" });
  }

  /** Now, not after the wait. */
  reconnect(): void {
    clearTimeout(this.timer);
    this.attempts = 0;
    this.ws?.close();
    this.connect();
  }

  close(): void {
    clearInterval(this.watch);
    clearTimeout(this.timer);
    this.subscriptions.clear();
    this.become("closed");
    this.ws?.close();
  }

  private connect(): void {
    if (this.state === "closed") return;
    clearTimeout(this.timer);
    this.become("connecting");
    const ws = this.world.open(this.address());
    ws.binaryType = "arraybuffer";
    this.ws = ws;
    ws.onopen = () => {
      if (ws !== this.ws) return;
      this.attempts = 0;
      this.heardAt = this.toldAt = this.world.now();
      this.serverTs = 0;
      this.byId.clear();
      for (const known of this.subscriptions.values()) known.ack = undefined;
      this.become("open");
      for (const known of this.subscriptions.values()) this.ask(known);
      if (this.paused) this.send({ op: "pause" });
    };
    ws.onmessage = (event: MessageEvent) => {
      if (ws === this.ws) this.hear(event.data);
    };
    ws.onclose = (event: CloseEvent) => {
      if (ws === this.ws && this.state !== "closed") this.lost(event.code);
    };
  }

  private lost(code: number): void {
    this.ws = undefined;
    if (code === WRONG_KEY) return this.become("key");
    const wait = Math.min(FIRST_MS * 2 ** this.attempts, LONGEST_MS) * (0.5 + this.world.random() / 2);
    this.attempts++;
    this.reconnects++;
    this.retryAt = this.world.now() + wait;
    this.become("waiting");
    this.timer = setTimeout(() => this.connect(), wait);
  }

  private check(): void {
    if (this.state !== "open") return;
    const now = this.world.now();
    if (!this.paused && this.subscriptions.size > 0 && now - this.heardAt > SILENT_MS) {
      const ws = this.ws;
      this.ws = undefined;
      ws?.close();
      return this.lost(1006);
    }
    if (now - this.pinged > 4_000) {
      this.pinged = now;
      this.send({ op: "ping", id: "ping" });
    }
  }

  private become(state: State): void {
    this.state = state;
    this.changed();
  }

  private rewant(known: Subscription, want: Want): void {
    known.want = want;
    known.seq = undefined;
    this.ask(known);
  }

  private ask(known: Subscription): void {
    const resume = known.seq === undefined ? {} : { resume: known.seq };
    this.send({ op: "subscribe", topic: known.topic, ...known.want, ...resume });
  }

  /** A server that has just begun, or a replay on its way, knows no market yet. */
  private askLater(known: Subscription): void {
    setTimeout(() => {
      if (this.subscriptions.get(known.topic) === known && !known.ack) this.ask(known);
    }, LATER_MS);
  }

  private send(command: Record<string, unknown>): void {
    if (this.state === "open" && this.ws?.readyState === 1) this.ws.send(JSON.stringify(command));
  }

  private hear(data: unknown): void {
    this.heardAt = this.world.now();
    this.messages++;
    try {
      if (data instanceof ArrayBuffer) {
        this.bytes += data.byteLength;
        this.hearFrame(data);
      } else if (typeof data === "string") {
        this.bytes += data.length;
        this.hearText(JSON.parse(data));
      }
    } catch (error) {
      if (!(error instanceof WireError || error instanceof SyntaxError)) throw error;
      this.ignored++;
    }
  }

  private hearFrame(data: ArrayBuffer): void {
    const known = this.byId.get(topicOf(data));
    if (!known?.ack) return;
    const frame = decode(data, known.ack.columns, known.ack.schema);
    this.toldAt = this.heardAt;
    if (!this.follows(known, frame.kind === 1, frame.seq)) return;
    this.serverTs = Math.max(this.serverTs, frame.ts);
    for (const listener of known.listeners) listener.frame?.(frame);
  }

  private hearText(message: unknown): void {
    if (typeof message !== "object" || message === null) throw new WireError("not an object");
    const said = message as Said & { op?: string; id?: string; names?: Record<string, string>; labels?: Record<string, string> };
    const known = typeof said.topic === "string" ? this.subscriptions.get(said.topic) : undefined;
    if (said.op === "pong") {
      this.rtt = this.world.now() - this.pinged;
    } else if (said.op === "subscribed" && known) {
      this.acknowledged(known, message as Ack);
    } else if (said.op === "error" && known) {
      const { code, message: why = "refused", allowed = "" } = (said.error ?? {}) as { code?: string; message?: string; allowed?: string };
      if (code === "not_ready") return this.askLater(known);
      for (const listener of known.listeners) listener.refused?.(allowed ? `${why} (${allowed})` : why);
    } else if (said.kind === "names" && known && said.names) {
      for (const listener of known.listeners) listener.names?.(said.names, said.labels ?? {});
    } else if (said.kind === "dropped" && known) {
      known.seq = undefined;
      for (const listener of known.listeners) listener.said?.(said);
    } else if ((said.kind === "snapshot" || said.kind === "delta") && known?.ack) {
      if (typeof said.seq !== "number" || typeof said.ts_ms !== "number") throw new WireError("no seq");
      this.toldAt = this.heardAt;
      if (!this.follows(known, said.kind === "snapshot", said.seq)) return;
      this.serverTs = Math.max(this.serverTs, said.ts_ms);
      for (const listener of known.listeners) listener.said?.(said);
    }
  }

  private acknowledged(known: Subscription, ack: Ack): void {
    if (!Array.isArray(ack.columns)) throw new WireError("an ack without columns");
    if (known.ack) this.byId.delete(known.ack.topic_id);
    known.ack = ack;
    if (!ack.resumed) known.seq = undefined;
    this.byId.set(ack.topic_id, known);
    for (const listener of known.listeners) listener.ack?.(ack);
  }

  /** Whether a batch can be applied; a hole asks for a snapshot. */
  private follows(known: Subscription, snapshot: boolean, seq: number): boolean {
    if (!snapshot && known.seq !== undefined && seq !== (known.seq + 1) >>> 0) {
      this.rewant(known, known.want);
      return false;
    }
    known.seq = seq;
    return true;
  }
}

/** A subscription that serves both. */
export function widened(a: Want, b: Want): Want {
  const columns = a.columns && b.columns ? [...new Set([...a.columns, ...b.columns])] : undefined;
  const n = a.n !== undefined && b.n !== undefined ? Math.max(a.n, b.n) : undefined;
  const hz = Math.max(a.hz ?? 10, b.hz ?? 10) as 1 | 2 | 5 | 10;
  const { columns: _a, n: _b, ...rest } = { ...a, ...b };
  return { ...rest, hz, ...(columns ? { columns } : {}), ...(n !== undefined ? { n } : {}) };
}
