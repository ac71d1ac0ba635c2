/** What the command palette and the keys can do. */

import type { Page } from "./router.svelte";

export interface PageEntry {
  page: Page;
  title: string;
  key: string;
  icon: string;
}

/** `icon`: an SVG path on a 24 by 24 grid, drawn with a stroke. */
export const MENU: readonly PageEntry[] = [
  { page: "overview", title: "Overview", key: "o", icon: "M4 4h7v9H4zM13 4h7v5h-7zM13 11h7v9h-7zM4 15h7v5H4z" },
  { page: "boards", title: "Boards", key: "b", icon: "M4 6h16M4 12h16M4 18h10" },
  { page: "m", title: "Market", key: "m", icon: "M7 4v16M7 8h-2v7h4V8zM17 4v16M17 7h-2v6h4V7z" },
  { page: "assets", title: "Assets", key: "a", icon: "M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16M4 12h16M12 4c4 5 4 11 0 16M12 4c-4 5-4 11 0 16" },
  { page: "liquidations", title: "Liquidations", key: "l", icon: "M12 3c4 6 6 8 6 11a6 6 0 1 1-12 0c0-3 2-5 6-11" },
  { page: "trading", title: "Own trades", key: "p", icon: "M4 20V4M4 20h16M7 15l4-5 3 3 5-7" },
  { page: "explore", title: "Explore", key: "x", icon: "M4 6l5 6-5 6M12 18h8" },
  { page: "data", title: "Data", key: "d", icon: "M5 6c0-2 14-2 14 0v12c0 2-14 2-14 0zM5 6c0 2 14 2 14 0M5 12c0 2 14 2 14 0" },
  { page: "system", title: "System", key: "s", icon: "M3 12h4l3-8 4 16 3-8h4" },
  { page: "time", title: "Time machine", key: "t", icon: "M12 4a8 8 0 1 1-8 8M12 8v4l3 3M4 4v4h4" },
  { page: "settings", title: "Settings", key: "e", icon: "M4 7h10M18 7h2M4 17h4M12 17h8M16 4v6M10 14v6" },
];

/** Letters in order, words in any: how well a text answers a query; 0 = not at all. */
export function score(query: string, text: string): number {
  const low = text.toLowerCase();
  let sum = 1;
  for (const word of query.toLowerCase().split(/\s+/).filter(Boolean)) {
    const at = low.indexOf(word);
    if (at < 0) {
      const loose = subsequence(word, low);
      if (loose === 0) return 0;
      sum += loose;
    } else {
      sum += at === 0 ? 6 : /\W/.test(low[at - 1]!) ? 4 : 2;
    }
  }
  return sum - low.length / 1_000;
}

function subsequence(word: string, text: string): number {
  if (word.length < 3) return 0;
  let at = -1;
  for (const letter of word) {
    at = text.indexOf(letter, at + 1);
    if (at < 0) return 0;
  }
  return 0.5;
}

export const KEYS: readonly [string, string][] = [
  ["Ctrl K", "everything by name: pages, boards, markets, actions"],
  ["/", "search a market"],
  ["g then o b m a l p x d s t e", "go to a page: overview, boards, market, assets, liquidations, own trades, explore (SQL), data, system, time machine, settings"],
  ["j k ↓ ↑", "next and previous row"],
  ["Enter", "open the row's market"],
  ["f", "make the row a favourite, or not any more"],
  ["s", "sort by the next column"],
  ["1 … 9", "board tab"],
  ["[ ]", "shorter and longer timeframe (market page)"],
  ["Space", "play or pause a replay"],
  ["?", "this list"],
  ["Esc", "back, close"],
];
