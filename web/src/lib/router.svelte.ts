/** Where we are, out of the address bar: page, argument, parameters. Everything a page shows is in the URL. */

export const PAGES = ["overview", "boards", "m", "assets", "liquidations", "trading", "explore", "data", "system", "settings", "time"] as const;
export type Page = (typeof PAGES)[number];

export interface Place {
  page: Page;
  rest: string;
  params: URLSearchParams;
}

/** Parameters that stay when the page changes. */
const STICKY = ["replay", "link"];

export function parse(path: string, search: string): Place {
  const [, first = "", ...more] = path.split("/");
  const page = PAGES.find((name) => name === first) ?? "overview";
  return { page, rest: more.map(decodeURIComponent).join("/"), params: new URLSearchParams(search) };
}

export function address(page: Page, rest = "", params: Readonly<Record<string, string | undefined>> = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value) query.set(name, value);
  const text = query.toString();
  // Slashes of an instrument's id stay readable; the server leaves paths alone.
  const tail = rest ? `/${encodeURIComponent(rest).replaceAll("%2F", "/").replaceAll("%3A", ":")}` : "";
  return `/${page}${tail}${text ? `?${text}` : ""}`;
}

export class Router {
  place: Place = $state.raw(parse(location.pathname, location.search));

  constructor() {
    window.addEventListener("popstate", () => this.read());
  }

  get page(): Page {
    return this.place.page;
  }

  param(name: string): string {
    return this.place.params.get(name) ?? "";
  }

  /** A link to a page; what must outlive it goes along. */
  href(page: Page, rest = "", params: Readonly<Record<string, string | undefined>> = {}): string {
    const kept = Object.fromEntries(STICKY.map((name) => [name, this.param(name) || undefined]));
    return address(page, rest, { ...kept, ...params });
  }

  go(href: string): void {
    history.pushState(null, "", href);
    this.read();
    window.scrollTo(0, 0);
  }

  /** Change parameters of this page in place; "" takes one away. */
  set(changes: Readonly<Record<string, string>>): void {
    const params = new URLSearchParams(this.place.params);
    for (const [name, value] of Object.entries(changes)) {
      if (value) params.set(name, value);
      else params.delete(name);
    }
    const text = params.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
    history.replaceState(null, "", `${location.pathname}${text ? `?${text}` : ""}`);
    this.read();
  }

  /** Plain clicks on our own links do not load a page. */
  follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = (event.target as Element).closest?.("a[href]");
    const href = link?.getAttribute("href") ?? "";
    const first = href.split(/[/?]/)[1] ?? "";
    if (!link || link.hasAttribute("download") || link.hasAttribute("target")) return;
    if (!href.startsWith("/") || !(first === "" || PAGES.some((page) => page === first))) return;
    event.preventDefault();
    this.go(href);
  }

  private read(): void {
    this.place = parse(location.pathname, location.search);
  }
}
