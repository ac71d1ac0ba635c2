/** A replay's controls: asks where it is, tells it where to go. */

import type { Rest } from "../wire/rest";

export interface Replay {
  at: number;
  from: number;
  to: number;
  speed: number;
  progress: number;
  state: string;
  error: string;
}

export interface Tape {
  name: string;
  from: number;
  to: number;
  frames: number;
  bytes: number;
  segments: number;
  checkpoints: number;
  markets: string[];
  state: string;
  problem: string;
}

export interface Session {
  id: string;
  base: string;
  tape: string;
  running_s: number;
  idle_s: number;
}

export const SPEEDS = [0.5, 1, 2, 5, 10, 30, 100];

export class Controls {
  now: Replay | undefined = $state.raw();
  failed = $state("");
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stopped = false;

  constructor(private readonly rest: Rest) {
    void this.ask();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  play(): void {
    const over = this.now !== undefined && this.now.state === "ended";
    void this.tell(this.now?.state === "playing" ? { op: "pause" } : over ? { op: "seek", at: this.now!.from } : { op: "play" });
  }

  step(): void {
    void this.tell({ op: "step" });
  }

  seek(at: number): void {
    if (!this.now) return;
    void this.tell({ op: "seek", at: Math.min(Math.max(at, Math.ceil(this.now.from)), Math.floor(this.now.to)) });
  }

  speed(speed: number): void {
    void this.tell({ op: "speed", speed });
  }

  private async tell(body: Record<string, unknown>): Promise<void> {
    try {
      this.take(await this.rest.send<Replay>("POST", "/api/v1/replay", body));
    } catch (error) {
      this.failed = (error as Error).message;
    }
  }

  private async ask(): Promise<void> {
    try {
      this.take(await this.rest.get<Replay>("/api/v1/replay"));
    } catch (error) {
      this.failed = (error as Error).message;
    }
    if (this.stopped) return;
    const busy = this.now?.state === "seeking";
    this.timer = setTimeout(() => void this.ask(), busy ? 150 : 500);
  }

  private take(found: Replay): void {
    this.now = found;
    this.failed = found.error;
  }
}
