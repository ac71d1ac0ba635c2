import { describe, expect, it } from "vitest";
import { direction, heading, metricOf, text } from "../src/lib/columns";
import { score } from "../src/lib/commands";
import { atTick, bytes, clock, compact, percent, price, span } from "../src/lib/format";
import { Order, parseSort, sorted } from "../src/lib/order";
import { DEFAULTS, sound } from "../src/lib/prefs.svelte";
import { bits, level, names } from "../src/lib/quality";
import { address, parse } from "../src/lib/router.svelte";
import { reveal, windowOf } from "../src/lib/virtual";

describe("numbers", () => {
  it.each([
    [price(64120.5), "64,120.5"], [price(0.01234), "0.0123400"], [price(3119.7), "3119.70"], [price(-2), "−2.00000"],
    [price(NaN), "–"], [price(0), "0"], [atTick(64120.5, 0.01), "64,120.50"], [atTick(0.00001234, 1e-8), "0.00001234"],
    [atTick(5, 1), "5"], [compact(1234), "1.23K"], [compact(999_999), "1.00M"], [compact(15.6e9), "15.6B"],
    [compact(-12.2e6), "−12.2M"], [compact(0), "0"], [compact(NaN), "–"], [percent(0.0124), "+1.24%"],
    [percent(-0.5, 1), "−50.0%"], [percent(-0.000001), "0.00%"], [span(4.04), "4.0 s"], [span(600), "10 min"],
    [bytes(1_500_000), "1.5 MB"], [clock(3_661_000, true), "01:01:01"],
  ])("%s", (got, want) => expect(got).toBe(want));
});

describe("columns", () => {
  it("have short headings and units of their own", () => {
    expect(heading("change_24h")).toBe("Chg 24h");
    expect(heading("depth_10bps")).toBe("Depth 10");
    expect(metricOf("cvd_5m")).toBe("cvd");
    expect(text("fraction", 0.01)).toBe("+1.00%");
    expect(text("usd", null)).toBe("–");
    expect(text("code", 1)).toBe("own");
  });
  it("point only where a sign means a direction", () => {
    expect(direction("change_5m", "fraction", -0.1)).toBe(-1);
    expect(direction("cvd_5m", "quote", 5)).toBe(1);
    expect(direction("turnover_5m", "quote", 5)).toBe(0);
    expect(direction("atr_pct", "fraction", 0.1)).toBe(0);
  });
});

describe("order", () => {
  const rows = Uint32Array.from([0, 1, 2, 3]);
  it("puts unknown values last either way, ties by row", () => {
    const values = [2, NaN, 5, 2];
    expect([...sorted(rows, values, true)]).toEqual([2, 0, 3, 1]);
    expect([...sorted(rows, values, false)]).toEqual([0, 3, 2, 1]);
    expect(parseSort("-x")).toEqual({ column: "x", descending: true });
    expect(parseSort("")).toBeUndefined();
  });
  it("changes once a second, not while held, at once for another sort", () => {
    const order = new Order(1_000);
    let next = rows;
    const at = (now: number, key = "a", has = (_row: number): boolean => true): number[] => [...order.of(key, now, () => next, has)];
    expect(at(0)).toEqual([0, 1, 2, 3]);
    next = Uint32Array.from([3, 2, 1, 0]);
    expect(at(500)).toEqual([0, 1, 2, 3]);
    expect(at(1_000)).toEqual([3, 2, 1, 0]);
    order.held = true;
    next = rows;
    expect(at(9_000)).toEqual([3, 2, 1, 0]);
    expect(at(9_001, "a", (row) => row !== 2)).toEqual([3, 1, 0]);
    expect(at(9_002, "b")).toEqual([0, 1, 2, 3]);
  });
});

describe("a long list", () => {
  it("shows what is in view and a little more", () => {
    expect(windowOf(0, 300, 5_000, 30)).toEqual({ first: 0, count: 22, height: 150_000, offset: 0 });
    expect(windowOf(3_000, 300, 5_000, 30)).toEqual({ first: 94, count: 22, height: 150_000, offset: 2_820 });
    const end = windowOf(1e9, 300, 5_000, 30);
    expect(end.first + end.count).toBe(5_000);
    expect(windowOf(0, 300, 0, 30).count).toBe(0);
    expect(windowOf(900, 300, 3, 30)).toMatchObject({ first: 0, count: 3 });
  });
  it("scrolls no more than it takes", () => {
    expect(reveal(0, 300, 5, 30)).toBe(0);
    expect(reveal(0, 300, 10, 30)).toBe(30);
    expect(reveal(600, 300, 5, 30)).toBe(150);
  });
});

describe("places", () => {
  it("round-trip through the address", () => {
    const href = address("m", "hyperliquid:PURR/USDC", { tf: "15m" });
    expect(href).toBe("/m/hyperliquid:PURR/USDC?tf=15m");
    const place = parse("/m/hyperliquid:PURR/USDC", "?tf=15m");
    expect([place.page, place.rest, place.params.get("tf")]).toEqual(["m", "hyperliquid:PURR/USDC", "15m"]);
    expect(parse("/", "").page).toBe("overview");
    expect(parse("/nowhere/x", "").page).toBe("overview");
  });
});

describe("settings", () => {
  it("survive whatever was kept", () => {
    expect(sound(null)).toEqual(DEFAULTS);
    const kept = sound({ theme: "pink", density: "roomy", favourites: ["a", 7], columns: { x: "no", y: ["last"] }, other: 1,
      layouts: [{ name: "a", href: "//evil", wall: [], columns: {} }, { name: "b", href: "/boards", wall: [], columns: {} }] });
    expect(kept.theme).toBe("auto");
    expect(kept.density).toBe("roomy");
    expect(kept.favourites).toEqual(["a"]);
    expect(kept.columns).toEqual({ y: ["last"] });
    expect(kept.layouts.map((layout) => layout.name)).toEqual(["b"]);
    expect("other" in kept).toBe(false);
  });
});

describe("quality and search", () => {
  it("tells a serious flag from one that everyone has", () => {
    expect(level(bits(["SIMULATED", "PARTIAL_WINDOW"]))).toBe("");
    expect(level(bits(["SIMULATED", "GAP"]))).toBe("doubt");
    expect(level(bits(["CROSSED"]))).toBe("serious");
    expect(names(bits(["STALE", "REPLAY"]))).toEqual(["STALE", "REPLAY"]);
  });
  it("finds names by words, beginnings first", () => {
    expect(score("fund", "Funding spread")).toBeGreaterThan(score("fund", "Highest funding"));
    expect(score("xyz", "Funding")).toBe(0);
    expect(score("gnr", "Gainers")).toBeGreaterThan(0);
  });
});
