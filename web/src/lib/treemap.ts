/** Squarified treemap (Bruls, Huizing, van Wijk 2000): areas as large as their values, as square as can be. */

export interface Box<T> {
  item: T;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** `items` must be sorted by `size`, largest first; those without a size are left out. */
export function treemap<T>(items: readonly T[], size: (item: T) => number, width: number, height: number): Box<T>[] {
  const fit = items.filter((item) => size(item) > 0);
  const total = fit.reduce((sum, item) => sum + size(item), 0);
  if (!(total > 0) || width <= 0 || height <= 0) return [];
  const scale = (width * height) / total;
  const areas = fit.map((item) => size(item) * scale);
  const boxes: Box<T>[] = [];
  let [x, y, w, h] = [0, 0, width, height];
  let first = 0;
  while (first < fit.length) {
    const side = Math.min(w, h);
    let last = first;
    let sum = areas[first]!;
    while (last + 1 < fit.length && worst(areas, first, last + 1, sum + areas[last + 1]!, side) <= worst(areas, first, last, sum, side)) {
      sum += areas[++last]!;
    }
    const depth = sum / side;
    let along = 0;
    for (let i = first; i <= last; i++) {
      const length = areas[i]! / depth;
      boxes.push(w >= h ? { item: fit[i]!, x, y: y + along, width: depth, height: length } : { item: fit[i]!, x: x + along, y, width: length, height: depth });
      along += length;
    }
    if (w >= h) [x, w] = [x + depth, w - depth];
    else [y, h] = [y + depth, h - depth];
    first = last + 1;
  }
  return boxes;
}

/** The worst aspect ratio of a row of areas laid along a side. */
function worst(areas: readonly number[], first: number, last: number, sum: number, side: number): number {
  let [most, least] = [0, Infinity];
  for (let i = first; i <= last; i++) {
    most = Math.max(most, areas[i]!);
    least = Math.min(least, areas[i]!);
  }
  const square = sum * sum;
  const edge = side * side;
  return Math.max((edge * most) / square, square / (edge * least));
}
