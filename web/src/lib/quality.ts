/** Quality flags as bits, with the words people see. */

export const FLAGS = [
  "STALE", "GAP", "RESYNCING", "CROSSED", "SKEWED", "SAMPLED", "LOSSY", "TRUNCATED", "REPAIRED", "PARTIAL_WINDOW",
  "SIMULATED", "REPLAY", "UNDESCRIBED", "HALVED_OI", "UNPROVEN",
] as const;
export type Flag = (typeof FLAGS)[number];

const BIT = Object.fromEntries(FLAGS.map((name, i) => [name, 1 << i])) as Record<Flag, number>;
/** Said of every row of a demo or a young window: they do not set one row apart from another. */
const EVERYWHERE = BIT.SIMULATED | BIT.REPLAY | BIT.PARTIAL_WINDOW | BIT.TRUNCATED | BIT.HALVED_OI | BIT.LOSSY | BIT.SAMPLED | BIT.REPAIRED;
const SERIOUS = BIT.STALE | BIT.RESYNCING | BIT.CROSSED;

export const MEANING: Record<Flag, string> = {
  STALE: "no live stream", GAP: "messages were missed within the last hour", RESYNCING: "the book waits for a snapshot",
  CROSSED: "best bid at or above best ask", SKEWED: "the venue's clock differs from ours",
  SAMPLED: "the venue sends only a sample", LOSSY: "the venue may drop events under load",
  TRUNCATED: "depth reaches past the last level the venue sends", REPAIRED: "part of the window came from REST",
  PARTIAL_WINDOW: "live for less than an hour, so longer windows are partial", SIMULATED: "from the simulator, not a venue",
  REPLAY: "from a recorded tape", UNDESCRIBED: "the catalogue did not describe the instrument",
  HALVED_OI: "open interest of both sides was halved",
  UNPROVEN: "the venue leaves update ids out: a missed message cannot be told from none",
};

export function names(bits: number): Flag[] {
  return FLAGS.filter((name) => (bits & BIT[name]) !== 0);
}

export function bits(flags: readonly string[]): number {
  return flags.reduce((sum, name) => sum | (BIT[name as Flag] ?? 0), 0);
}

/** "serious": do not rely on it. "doubt": something sets this row apart. */
export function level(quality: number): "serious" | "doubt" | "" {
  if (quality & SERIOUS) return "serious";
  return quality & ~EVERYWHERE ? "doubt" : "";
}

/** In words, worst first. */
export function spoken(quality: number): string {
  const found = names(quality);
  return found.length ? found.map((name) => `${name.replaceAll("_", " ").toLowerCase()}: ${MEANING[name]}`).join("; ") : "nothing is known against it";
}
