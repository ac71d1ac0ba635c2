/** Numbers as people read them, by the unit of their column. Signs and glyphs, never colour alone. */

export const NONE = "–";
const MINUS = "−";
const GROUPED = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const SUFFIXES = ["", "K", "M", "B", "T"];

/** Significant digits without exponents: 64,120.5 · 0.01234. */
export function price(value: number, digits = 6): string {
  if (!Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (size === 0) return "0";
  const whole = Math.floor(Math.log10(size)) + 1;
  const decimals = Math.min(Math.max(digits - whole, 0), 10);
  return signed(size >= 10_000 && decimals <= 1 ? grouped(value, decimals) : value.toFixed(decimals));
}

function grouped(value: number, decimals: number): string {
  const text = value.toFixed(decimals);
  const [whole = "", part] = text.split(".");
  return `${GROUPED.format(Number(whole))}${part ? `.${part}` : ""}`;
}

/** As many decimals as the tick has. */
export function atTick(value: number, tick: number | null | undefined): string {
  if (!Number.isFinite(value)) return NONE;
  if (!tick || !Number.isFinite(tick)) return price(value);
  const decimals = Math.min(Math.max(Math.ceil(-Math.log10(tick) - 1e-9), 0), 12);
  return signed(grouped(value, decimals));
}

/** 1.23M. */
export function compact(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return NONE;
  let size = Math.abs(value);
  let step = 0;
  while (size >= 999.5 && step < SUFFIXES.length - 1) {
    size /= 1_000;
    step++;
  }
  if (size >= 999.5) return signed(value.toExponential(1));
  const decimals = size >= 100 ? 0 : size >= 10 ? Math.min(1, digits - 2) : size >= 1 || step > 0 ? Math.min(2, digits - 1) : digits;
  const text = size === 0 ? "0" : size.toFixed(step === 0 && Number.isInteger(value) ? 0 : decimals);
  return `${value < 0 ? MINUS : ""}${text}${SUFFIXES[step]}`;
}

export function percent(value: number, decimals = 2, plus = true): string {
  if (!Number.isFinite(value)) return NONE;
  const text = (Math.abs(value) * 100).toFixed(decimals);
  const sign = Number(text) === 0 ? "" : value < 0 ? MINUS : plus ? "+" : "";
  return `${sign}${text}%`;
}

export function fixed(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return NONE;
  return signed(value.toFixed(decimals).replace(/^-(0(\.0*)?)$/, "$1"));
}

function signed(text: string): string {
  return text.startsWith("-") ? MINUS + text.slice(1) : text;
}

/** 4 s · 12 min · 3.5 h · 2 d. */
export function span(seconds: number): string {
  if (!Number.isFinite(seconds)) return NONE;
  const s = Math.max(seconds, 0);
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 90) return `${s.toFixed(0)} s`;
  if (s < 5_400) return `${(s / 60).toFixed(0)} min`;
  if (s < 129_600) return `${(s / 3_600).toFixed(1)} h`;
  return `${(s / 86_400).toFixed(0)} d`;
}

export function bytes(value: number): string {
  if (!Number.isFinite(value)) return NONE;
  const steps = ["B", "kB", "MB", "GB", "TB"];
  let size = value;
  let step = 0;
  while (size >= 1_000 && step < steps.length - 1) {
    size /= 1_000;
    step++;
  }
  return `${size.toFixed(step === 0 || size >= 100 ? 0 : 1)} ${steps[step]}`;
}

export function clock(ms: number, utc: boolean, seconds = true): string {
  if (!Number.isFinite(ms) || ms <= 0) return NONE;
  const at = new Date(ms);
  const parts = utc
    ? [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()]
    : [at.getHours(), at.getMinutes(), at.getSeconds()];
  return parts.slice(0, seconds ? 3 : 2).map((part) => String(part).padStart(2, "0")).join(":");
}

export function date(ms: number, utc: boolean): string {
  if (!Number.isFinite(ms) || ms <= 0) return NONE;
  const at = new Date(ms);
  const parts = utc
    ? [at.getUTCFullYear(), at.getUTCMonth() + 1, at.getUTCDate()]
    : [at.getFullYear(), at.getMonth() + 1, at.getDate()];
  return parts.map((part) => String(part).padStart(2, "0")).join("-");
}
