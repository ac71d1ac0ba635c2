/** Which rows of a long list are in view. */

export interface Window {
  first: number;
  count: number;
  height: number;
  offset: number;
}

export function windowOf(scroll: number, viewport: number, rows: number, rowHeight: number, extra = 6): Window {
  const height = rows * rowHeight;
  const top = Math.min(Math.max(scroll, 0), Math.max(height - viewport, 0));
  const first = Math.max(Math.floor(top / rowHeight) - extra, 0);
  const count = Math.max(Math.min(Math.ceil(viewport / rowHeight) + 2 * extra, rows - first), 0);
  return { first, count, height, offset: first * rowHeight };
}

/** The scroll position that shows a row, moving as little as it takes. */
export function reveal(scroll: number, viewport: number, row: number, rowHeight: number): number {
  const top = row * rowHeight;
  if (top < scroll) return top;
  if (top + rowHeight > scroll + viewport) return top + rowHeight - viewport;
  return scroll;
}
