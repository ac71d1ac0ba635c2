import { beforeEach, describe, expect, it, vi } from "vitest";
import { Socket, widened, type World } from "../src/wire/socket";

/** The far end of a connection, as a test plays it. */
class Peer {
  static all: Peer[] = [];
  readyState = 0;
  binaryType = "";
  said: Record<string, unknown>[] = [];
  onopen?: () => void;
  onmessage?: (event: { data: unknown }) => void;
  onclose?: (event: { code: number }) => void;

  constructor(readonly url: string) {
    Peer.all.push(this);
  }
  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }
  send(text: string): void {
    this.said.push(JSON.parse(text) as Record<string, unknown>);
  }
  close(): void {
    this.readyState = 3;
  }
  drop(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }
  tell(message: unknown): void {
    this.onmessage?.({ data: typeof message === "string" || message instanceof ArrayBuffer ? message : JSON.stringify(message) });
  }
  ack(topic: string, resumed = false): void {
    this.tell({ op: "subscribed", topic, topic_id: 7, schema: 1, columns: [], n: 0, hz: 10, encoding: "json", resumed });
  }
}

const world: World = { open: (url) => new Peer(url) as unknown as WebSocket, now: () => performance.now(), random: () => 1 };
const last = (): Peer => Peer.all[Peer.all.length - 1]!;

function started(): Socket {
  const socket = new Socket(() => "ws://x/ws", undefined, world);
  socket.start();
  last().open();
  return socket;
}

beforeEach(() => {
  vi.useFakeTimers();
  Peer.all = [];
});

describe("a socket", () => {
  it("tells listeners what they subscribed to, until they give it up", () => {
    const socket = started();
    const said = vi.fn();
    const stop = socket.subscribe("liquidations", { n: 5 }, { said });
    expect(last().said[0]).toEqual({ op: "subscribe", topic: "liquidations", n: 5 });
    last().ack("liquidations");
    last().tell({ kind: "snapshot", topic: "liquidations", seq: 4, ts_ms: 1, rows: [] });
    last().tell({ kind: "delta", topic: "liquidations", seq: 5, ts_ms: 2, rows: [] });
    expect(said).toHaveBeenCalledTimes(2);
    stop();
    expect(last().said.at(-1)).toEqual({ op: "unsubscribe", topic: "liquidations" });
    last().tell({ kind: "delta", topic: "liquidations", seq: 6, ts_ms: 3, rows: [] });
    expect(said).toHaveBeenCalledTimes(2);
  });

  it("comes back by itself and resumes after the last batch", () => {
    const socket = started();
    socket.subscribe("assets", {}, {});
    last().ack("assets");
    last().tell({ kind: "snapshot", topic: "assets", seq: 40, ts_ms: 1 });
    last().drop();
    expect(socket.state).toBe("waiting");
    vi.advanceTimersByTime(300);
    expect(Peer.all).toHaveLength(2);
    last().open();
    expect(last().said[0]).toEqual({ op: "subscribe", topic: "assets", resume: 40 });
  });

  it("waits longer each time, at most five seconds", () => {
    const socket = started();
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      const began = performance.now();
      last().drop();
      waits.push(socket.retryAt - began);
      vi.advanceTimersByTime(5_001);
    }
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000, 5000]);
  });

  it("asks for a snapshot when a batch is missing", () => {
    const socket = started();
    const said = vi.fn();
    socket.subscribe("assets", {}, { said });
    last().ack("assets");
    last().tell({ kind: "snapshot", topic: "assets", seq: 40, ts_ms: 1 });
    last().tell({ kind: "delta", topic: "assets", seq: 42, ts_ms: 2 });
    expect(said).toHaveBeenCalledTimes(1);
    expect(last().said.at(-1)).toEqual({ op: "subscribe", topic: "assets" });
  });

  it("asks again where the server is not ready yet, and tells what is refused", () => {
    const socket = started();
    const refused = vi.fn();
    socket.subscribe("overview", {}, { refused });
    last().tell({ op: "error", topic: "overview", error: { code: "not_ready", message: "no view" } });
    expect(refused).not.toHaveBeenCalled();
    vi.advanceTimersByTime(500);
    expect(last().said.filter(({ op }) => op === "subscribe")).toHaveLength(2);
    last().tell({ op: "error", topic: "overview", error: { code: "bad", message: "no", allowed: "yes" } });
    expect(refused).toHaveBeenCalledWith("no (yes)");
  });

  it("goes on after the server said that events were dropped", () => {
    const socket = started();
    const said = vi.fn();
    socket.subscribe("liquidations", {}, { said });
    last().ack("liquidations");
    last().tell({ kind: "snapshot", topic: "liquidations", seq: 1, ts_ms: 1 });
    last().tell({ kind: "dropped", topic: "liquidations", dropped: 12 });
    last().tell({ kind: "delta", topic: "liquidations", seq: 9, ts_ms: 2 });
    expect(said.mock.calls.map(([message]) => (message as { kind: string }).kind)).toEqual(["snapshot", "dropped", "delta"]);
  });

  it("ignores what it cannot read, and counts it", () => {
    const socket = started();
    const said = vi.fn();
    socket.subscribe("assets", {}, { said });
    last().ack("assets");
    const hostile = ["{", "null", "[]", "7", '"x"', new ArrayBuffer(3), new Uint8Array(24).fill(255).buffer,
      { kind: "snapshot", topic: "assets" }, { kind: "snapshot", topic: "other", seq: 1, ts_ms: 1 },
      { op: "subscribed", topic: "assets", columns: "no" }, { op: "error" }, { kind: "names", topic: "nobody", names: {} }];
    for (const message of hostile) expect(() => last().tell(message)).not.toThrow();
    expect(said).not.toHaveBeenCalled();
    expect(socket.ignored).toBeGreaterThanOrEqual(5);
    expect(socket.state).toBe("open");
  });

  it("stops and asks for a key when the key is wrong", () => {
    const socket = started();
    last().drop(4001);
    expect(socket.state).toBe("key");
    vi.advanceTimersByTime(60_000);
    expect(Peer.all).toHaveLength(1);
    socket.reconnect();
    expect(Peer.all).toHaveLength(2);
  });

  it("takes a connection that says nothing for dead", () => {
    const socket = started();
    socket.subscribe("assets", {}, {});
    vi.advanceTimersByTime(20_000);
    expect(socket.reconnects).toBeGreaterThan(0);
  });

  it("two listeners of a topic share one that is wide enough", () => {
    expect(widened({ n: 5, hz: 2, columns: ["a"] }, { n: 9, hz: 5, columns: ["b", "a"] })).toEqual({ n: 9, hz: 5, columns: ["a", "b"] });
    expect(widened({ n: 5 }, {})).toEqual({ hz: 10 });
    const socket = started();
    socket.subscribe("markets", { n: 5, columns: ["last"] }, {});
    socket.subscribe("markets", { n: 50, columns: ["mid"] }, {});
    expect(last().said.at(-1)).toEqual({ op: "subscribe", topic: "markets", n: 50, hz: 10, columns: ["last", "mid"] });
  });
});
