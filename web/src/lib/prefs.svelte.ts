/** What a person set: kept by the server for their key, and in this browser for an instant start. */

import type { Rest } from "../wire/rest";

export interface Layout {
  name: string;
  href: string;
  wall: string[];
  columns: Record<string, string[]>;
}

export interface Settings {
  theme: "auto" | "dark" | "light";
  colours: "default" | "cvd" | "east";
  density: "compact" | "normal" | "roomy";
  flash: boolean;
  utc: boolean;
  dock: boolean;
  favourites: string[];
  wall: string[];
  /** Columns by board; "all" = the table of every market. */
  columns: Record<string, string[]>;
  layouts: Layout[];
  /** When something was last set, ms since the epoch: of two copies the newer is right. */
  changed: number;
}

export const DEFAULTS: Settings = {
  theme: "auto",
  colours: "default",
  density: "normal",
  flash: true,
  utc: true,
  dock: true,
  favourites: [],
  wall: ["gainers_5m", "losers_5m", "volume_surge", "cvd_up", "cvd_down", "oi_up", "funding_highest", "funding_lowest",
    "cross_edge", "liquidations_1h", "spread_widest", "volatile"],
  columns: {},
  layouts: [],
  changed: 0,
};
const PLACE = "crosstape.settings";
const CHOICES: { [K in keyof Settings]?: readonly Settings[K][] } = {
  theme: ["auto", "dark", "light"],
  colours: ["default", "cvd", "east"],
  density: ["compact", "normal", "roomy"],
};

/** Whatever was kept, made whole: unknown keys go, wrong kinds become the default. */
export function sound(kept: unknown): Settings {
  const given = (typeof kept === "object" && kept !== null ? kept : {}) as Record<string, unknown>;
  const found: Record<string, unknown> = { ...DEFAULTS };
  for (const [name, standard] of Object.entries(DEFAULTS)) {
    const value = given[name];
    const allowed = CHOICES[name as keyof Settings] as readonly unknown[] | undefined;
    if (allowed ? allowed.includes(value) : sameKind(value, standard)) found[name] = value;
  }
  const settings = found as unknown as Settings;
  settings.favourites = settings.favourites.filter((id) => typeof id === "string");
  settings.wall = settings.wall.filter((id) => typeof id === "string");
  settings.columns = Object.fromEntries(Object.entries(settings.columns).filter(([, names]) => Array.isArray(names)));
  settings.layouts = settings.layouts.filter(isLayout);
  return settings;
}

function sameKind(value: unknown, standard: unknown): boolean {
  return typeof value === typeof standard && value !== null && Array.isArray(value) === Array.isArray(standard);
}

function isLayout(value: unknown): value is Layout {
  const layout = value as Partial<Layout> | null;
  return typeof layout?.name === "string" && typeof layout.href === "string" && layout.href.startsWith("/") &&
    !layout.href.startsWith("//") && Array.isArray(layout.wall) && typeof layout.columns === "object";
}

function local(): Settings {
  try {
    return sound(JSON.parse(localStorage.getItem(PLACE) ?? "{}"));
  } catch {
    return sound({});
  }
}

export class Prefs {
  settings: Settings = $state.raw(local());
  /** Why the server keeps nothing; "" = it does. */
  unsaved = $state("");
  private rest: Rest | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.show();
    addEventListener("pagehide", () => this.timer !== undefined && void this.save(true));
  }

  /** The newer of the server's copy and this browser's. */
  async load(rest: Rest): Promise<void> {
    this.rest = rest;
    try {
      const { prefs } = await rest.get<{ prefs: Record<string, unknown> }>("/api/v1/prefs");
      this.unsaved = "";
      const theirs = sound(prefs);
      if (theirs.changed > this.settings.changed) this.take(theirs);
      else if (theirs.changed < this.settings.changed) await this.save();
    } catch (error) {
      this.unsaved = String((error as Error).message);
    }
  }

  set(changes: Partial<Settings>): void {
    this.take(sound({ ...this.settings, ...changes, changed: Date.now() }));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.save(), 400);
  }

  get dark(): boolean {
    const { theme } = this.settings;
    return theme === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : theme === "dark";
  }

  isFavourite(id: string): boolean {
    return this.settings.favourites.includes(id);
  }

  favour(id: string): void {
    const { favourites } = this.settings;
    this.set({ favourites: favourites.includes(id) ? favourites.filter((known) => known !== id) : [...favourites, id] });
  }

  private take(settings: Settings): void {
    this.settings = settings;
    try {
      localStorage.setItem(PLACE, JSON.stringify(settings));
    } catch {
      // A browser that keeps nothing: the settings live as long as the page.
    }
    this.show();
  }

  /** `leaving`: the page goes away, the request must not. */
  private async save(leaving = false): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (!this.rest) return;
    try {
      await this.rest.send("PUT", "/api/v1/prefs", this.settings, leaving);
      this.unsaved = "";
    } catch (error) {
      this.unsaved = String((error as Error).message);
    }
  }

  private show(): void {
    const root = document.documentElement;
    root.dataset.theme = this.dark ? "dark" : "light";
    root.dataset.colours = this.settings.colours;
    root.dataset.density = this.settings.density;
    root.dataset.flash = this.settings.flash ? "on" : "off";
  }
}
