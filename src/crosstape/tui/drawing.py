"""Pictures made of characters: braille lines, bars, columns."""

from __future__ import annotations

import math
from collections.abc import Sequence

EIGHTHS = " ▁▂▃▄▅▆▇█"
LEFT_EIGHTHS = " ▏▎▍▌▋▊▉█"
# Braille dots of a cell: two columns of four, from the top.
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
BLANK = 0x2800


def line(values: Sequence[float], width: int, height: int) -> list[str]:
    """A line through the values as braille, `height` rows of `width` characters; NaN leaves a gap."""
    across, down = width * 2, height * 4
    known = [value for value in values if math.isfinite(value)]
    cells = [[BLANK] * width for _ in range(height)]
    if not known or width < 1 or height < 1:
        return ["".join(map(chr, row)) for row in cells]
    low, high = min(known), max(known)
    span = high - low or 1.0
    before: int | None = None
    for x in range(across):
        value = values[min(x * len(values) // across, len(values) - 1)]
        if not math.isfinite(value):
            before = None
            continue
        y = (down - 1) - round((value - low) / span * (down - 1)) if high > low else down // 2
        for dot in range(min(y, y if before is None else before), max(y, y if before is None else before) + 1):
            cells[dot // 4][x // 2] |= DOTS[dot % 4][x % 2]
        before = y
    return ["".join(map(chr, row)) for row in cells]


def columns(values: Sequence[float], width: int) -> str:
    """One row of columns, the tallest an entire character."""
    if not values or width < 1:
        return " " * max(width, 0)
    sampled = [values[min(x * len(values) // width, len(values) - 1)] for x in range(width)]
    most = max((value for value in sampled if math.isfinite(value)), default=0.0)
    if most <= 0:
        return " " * width
    tall = [max(value, 0.0) / most if math.isfinite(value) else 0.0 for value in sampled]
    return "".join(EIGHTHS[round(share * 8)] for share in tall)


def bar(share: float, width: int) -> str:
    """A bar of this share of the width."""
    if not math.isfinite(share):
        return " " * width
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (LEFT_EIGHTHS[part] if part else "")).ljust(width)[:width]
