"""Numbers as a trader reads them: by unit, of bounded width, with sign and glyph where there is a direction."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from rich.style import Style

from crosstape.tui.palette import DIM, DOWN, PLAIN, UP

UNKNOWN = "–"
SCALES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
# Units whose sign is a direction.
DIRECTED = frozenset({"fraction", "rate", "apr", "z", "bps/s"})
WIDTHS = {"price": 12, "fraction": 10, "rate": 11, "apr": 10, "share": 8}


def shown(value: float | None, unit: str) -> tuple[str, Style]:
    """Text and style of a number."""
    if value is None or not math.isfinite(value):
        return UNKNOWN, DIM
    if unit in DIRECTED:
        glyph, style = ("▲", UP) if value > 0 else ("▼", DOWN) if value < 0 else (" ", PLAIN)
        return f"{glyph} {_text(value, unit)}", style
    return _text(value, unit), PLAIN


def _text(value: float, unit: str) -> str:
    if unit == "price":
        return price(value)
    if unit in ("fraction", "apr"):
        return f"{value * 100:+.2f}%"
    if unit == "rate":
        return f"{value * 100:+.4f}%"
    if unit in ("share", "annual"):
        return f"{value * 100:.1f}%"
    if unit in ("usd", "quote", "base"):
        return compact(value)
    if unit == "ms":
        return duration(value / 1e3)
    if unit == "s":
        return duration(value)
    if unit in ("count", "code"):
        return compact(value) if value >= 10_000 else f"{value:g}"
    return f"{value:,.2f}"


def price(value: float) -> str:
    """Six significant digits at least, never an exponent."""
    if value == 0:
        return "0"
    decimals = max(min(5 - math.floor(math.log10(abs(value))), 10), 0)
    return f"{value:,.{decimals}f}"


def compact(value: float) -> str:
    """1.23B; four digits at most."""
    for size, letter in SCALES:
        if abs(value) >= size * 0.99995:
            return f"{value / size:.2f}{letter}"
    return f"{value:.2f}"


def duration(seconds: float) -> str:
    """850 ms, 12 s, 3 m, 5 h, 2 d."""
    if seconds < 1:
        return f"{seconds * 1e3:.0f} ms"
    for size, letter in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f} {letter}"
    return f"{seconds:.0f} s"


def clock(ts_ms: float, date: bool = False) -> str:
    """UTC, to the second."""
    when = datetime.fromtimestamp(ts_ms / 1e3, UTC)
    return when.strftime("%Y-%m-%d %H:%M:%SZ" if date else "%H:%M:%S")


def width(unit: str) -> int:
    """Columns a number of this unit takes."""
    return WIDTHS.get(unit, 9)
