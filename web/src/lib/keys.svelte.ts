/** Keys that work on every page; a page adds its own through `data-` free listeners of its own. */

import { MENU } from "./commands";
import type { Router } from "./router.svelte";

export type Dialog = "" | "palette" | "help";

export class Keys {
  shown: Dialog = $state("");
  private awaiting = 0;

  constructor(private readonly router: Router) {}

  open(dialog: Dialog): void {
    this.shown = dialog;
  }

  close(): void {
    this.shown = "";
  }

  press(event: KeyboardEvent): void {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      this.open("palette");
      return;
    }
    if (plain(event) && this.shown === "") this.letter(event);
  }

  private letter(event: KeyboardEvent): void {
    const now = performance.now();
    if (now < this.awaiting) {
      this.awaiting = 0;
      const entry = MENU.find(({ key }) => key === event.key);
      if (entry) {
        event.preventDefault();
        event.stopImmediatePropagation();
        this.router.go(this.router.href(entry.page));
      }
      return;
    }
    if (event.key === "g") this.awaiting = now + 1_500;
    else if (event.key === "/") {
      event.preventDefault();
      this.open("palette");
    } else if (event.key === "?") this.open("help");
  }
}

/** A key for us: no modifier, and nobody is typing. */
export function plain(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  const target = event.target as HTMLElement | null;
  return !target?.closest?.("input, textarea, select, dialog[open]");
}
