"""Quality flags as short badges; rows that cannot be trusted are dimmed."""

from __future__ import annotations

from crosstape.model.quality import Quality

SHORT = {
    Quality.STALE: "STALE", Quality.GAP: "GAP", Quality.RESYNCING: "SYNC", Quality.CROSSED: "CROSS",
    Quality.SKEWED: "SKEW", Quality.SAMPLED: "SAMP", Quality.LOSSY: "LOSSY", Quality.TRUNCATED: "TRUNC",
    Quality.REPAIRED: "REP", Quality.PARTIAL_WINDOW: "PART", Quality.UNDESCRIBED: "UNDESC",
    Quality.HALVED_OI: "½OI", Quality.UNPROVEN: "UNPR",
}  # fmt: skip
DIMMED = (Quality.STALE | Quality.RESYNCING | Quality.CROSSED | Quality.UNDESCRIBED).value


def badges(flags: int) -> str:
    """SIMULATED and REPLAY are on the banner, not on every row."""
    return " ".join(text for flag, text in SHORT.items() if flags & flag)


def doubtful(flags: int) -> bool:
    """Whether the row is dimmed."""
    return bool(flags & DIMMED)
