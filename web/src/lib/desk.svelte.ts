/** What every page works with: one API (the live one, or a replay's), its socket, its catalogue. */

import { getContext, setContext } from "svelte";
import { Rest } from "../wire/rest";
import { Socket, type State, type Want, type Listener } from "../wire/socket";
import { Table } from "../wire/table";
import type { Board, Column } from "../wire/types";
import type { Prefs } from "./prefs.svelte";
import type { Router } from "./router.svelte";

const KEY = Symbol("desk");
const KEPT_KEY = "crosstape.key";
export const STALE_MS = 2_500;
const BEHIND_MS = 5_000;
const LATEST_MS = 1_200;
/** An answer, names, a frame. */
const ROWS_CAME = 3;

/** Counts repaints: many changes, one bump a frame. */
export class Pulse {
  tick = $state(0);
  private due = false;

  readonly mark = (): void => {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.tick++;
    });
  };
}

export class Desk {
  readonly rest: Rest;
  readonly socket: Socket;
  state: State = $state("connecting");
  /** Seconds since the server last said anything; 0 while fresh. */
  silent = $state(0);
  /** Seconds by which what the server says is older than its clock: it cannot keep up. 0 while it does. */
  behind = $state(0);
  mode = $state("");
  version = $state("");
  columns: Column[] = $state.raw([]);
  boards: Board[] = $state.raw([]);
  needsKey = $state(false);
  narrow = $state(false);
  readonly linked: Links;
  /** The server's clock minus ours, ms. */
  private offset = NaN;
  private readonly byName = new Map<string, Column>();
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly leave: (() => void)[] = [];

  constructor(
    readonly base: string,
    readonly prefs: Prefs,
    readonly router: Router,
  ) {
    this.rest = new Rest(base, keptKey, () => (this.needsKey = true));
    this.socket = new Socket(() => this.rest.socketUrl(), () => this.noticed());
    this.linked = new Links(router);
    this.timer = setInterval(() => this.age(), 500);
    this.look();
    this.socket.start();
    void this.greet();
    this.later();
  }

  /** Live or made up, at once: a banner depends on it. */
  private async greet(): Promise<void> {
    try {
      const health = await this.rest.get<{ version: string; mode: string; timestamp: number }>("/health");
      this.offset = health.timestamp * 1_000 - Date.now();
      this.mode = health.mode;
      this.version = health.version;
    } catch {
      if (this.state !== "closed") setTimeout(() => void this.greet(), 2_000);
    }
  }

  /** Words after figures: what explains them is asked for when the first rows are there, or none are due. */
  private later(): void {
    const latest = performance.now() + LATEST_MS;
    const timer = setInterval(() => {
      if (this.socket.messages < ROWS_CAME && performance.now() < latest && this.state !== "closed") return;
      clearInterval(timer);
      void this.learn();
      if (!this.base) void this.prefs.load(this.rest);
    }, 30);
  }

  /** Columns and boards, again while they cannot be had. */
  async learn(): Promise<void> {
    try {
      const [columns, boards] = await Promise.all([
        this.rest.get<{ rows: Column[] }>("/api/v1/columns"),
        this.rest.get<{ rows: Board[]; mode: string }>("/api/v1/boards"),
      ]);
      for (const column of columns.rows) this.byName.set(column.name, column);
      this.columns = columns.rows;
      this.boards = boards.rows;
    } catch {
      if (!this.needsKey) setTimeout(() => this.state !== "closed" && void this.learn(), 2_000);
    }
  }

  column(name: string): Column | undefined {
    return this.columns.length ? this.byName.get(name) : undefined;
  }

  unit(name: string): string {
    return this.column(name)?.unit ?? "";
  }

  board(name: string): Board | undefined {
    return this.boards.find((board) => board.name === name);
  }

  /** Nothing new is due: a replay, or no page that asks for anything. */
  private get still(): boolean {
    return this.base !== "" || this.mode === "replay" || !this.socket.busy;
  }

  get stale(): boolean {
    return this.silent > 0 || this.behind > 0 || this.state !== "open";
  }

  subscribe(topic: string, want: Want, listener: Listener): () => void {
    return this.socket.subscribe(topic, want, listener);
  }

  /** A table topic with its pulse. */
  table(pulse: Pulse, watched = "last"): Table {
    return new Table(pulse.mark, watched);
  }

  giveKey(key: string, remember: boolean): void {
    sessionStorage.setItem(KEPT_KEY, key);
    if (remember) localStorage.setItem(KEPT_KEY, key);
    else localStorage.removeItem(KEPT_KEY);
    this.needsKey = false;
    this.socket.reconnect();
    void this.learn();
    void this.prefs.load(this.rest);
  }

  close(): void {
    clearInterval(this.timer);
    for (const leave of this.leave) leave();
    this.linked.close();
    this.socket.close();
  }

  private noticed(): void {
    this.state = this.socket.state;
    if (this.socket.state === "key") this.needsKey = true;
    this.age();
  }

  private age(): void {
    const since = performance.now() - this.socket.toldAt;
    // A replay that stands still says nothing, and is not stale for that.
    const silent = document.hidden || this.still || since < STALE_MS ? 0 : since / 1_000;
    if (Math.round(silent * 2) !== Math.round(this.silent * 2)) this.silent = silent;
    const late = Date.now() + this.offset - this.socket.serverTs;
    const behind = document.hidden || this.still || silent > 0 || this.socket.serverTs === 0 || !(late > BEHIND_MS) ? 0 : late / 1_000;
    if (Math.round(behind) !== Math.round(this.behind)) this.behind = behind;
  }

  private look(): void {
    const hidden = (): void => this.socket.pause(document.hidden);
    document.addEventListener("visibilitychange", hidden);
    const query = matchMedia("(max-width: 719px)");
    const sized = (): void => void (this.narrow = query.matches);
    query.addEventListener("change", sized);
    sized();
    this.leave.push(() => document.removeEventListener("visibilitychange", hidden));
    this.leave.push(() => query.removeEventListener("change", sized));
  }
}

export const LINKS = ["blue", "orange", "purple"] as const;

/** Windows of one colour show one market: choosing it in one moves the others. */
export class Links {
  heard = $state("");
  private readonly channel = new BroadcastChannel("crosstape.link");

  constructor(private readonly router: Router) {
    this.channel.onmessage = ({ data }: MessageEvent<{ link?: unknown; id?: unknown }>) => {
      if (data.link === this.group && this.group && typeof data.id === "string") this.heard = data.id;
    };
  }

  get group(): string {
    return this.router.param("link");
  }

  say(id: string): void {
    if (this.group) this.channel.postMessage({ link: this.group, id });
  }

  close(): void {
    this.channel.close();
  }
}

function keptKey(): string {
  return sessionStorage.getItem(KEPT_KEY) ?? localStorage.getItem(KEPT_KEY) ?? "";
}

export function provide(desk: Desk): void {
  setContext(KEY, desk);
}

export function theDesk(): Desk {
  return getContext<Desk>(KEY);
}
