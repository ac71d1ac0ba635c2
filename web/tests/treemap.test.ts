import { describe, expect, it } from "vitest";
import { treemap } from "../src/lib/treemap";

describe("a treemap", () => {
  const values = [600, 600, 400, 300, 200, 200, 100];
  const boxes = treemap(values, (value) => value, 600, 400);
  it("fills the area, each in proportion", () => {
    for (const box of boxes) expect(box.width * box.height).toBeCloseTo(box.item * 100, 6);
    for (const box of boxes) {
      expect(box.x).toBeGreaterThanOrEqual(-1e-9);
      expect(box.x + box.width).toBeLessThanOrEqual(600 + 1e-6);
      expect(box.y + box.height).toBeLessThanOrEqual(400 + 1e-6);
    }
  });
  it("overlaps nowhere", () => {
    for (const a of boxes) {
      for (const b of boxes) {
        if (a === b) continue;
        const apart = a.x + a.width <= b.x + 1e-6 || b.x + b.width <= a.x + 1e-6 || a.y + a.height <= b.y + 1e-6 || b.y + b.height <= a.y + 1e-6;
        expect(apart).toBe(true);
      }
    }
  });
  it("is close to squares", () => {
    for (const box of boxes) expect(Math.max(box.width / box.height, box.height / box.width)).toBeLessThan(3);
  });
  it("draws nothing of nothing", () => {
    expect(treemap([], Number, 10, 10)).toEqual([]);
    expect(treemap([0, -1], Number, 10, 10)).toEqual([]);
    expect(treemap([1], Number, 0, 10)).toEqual([]);
  });
});
