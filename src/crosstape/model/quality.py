"""Flags that say how far a number can be trusted."""

from __future__ import annotations

from enum import IntFlag


class Quality(IntFlag):
    """Set on a row of a view; no flag means nothing is known against it."""

    STALE = 1
    GAP = 2
    RESYNCING = 4
    CROSSED = 8
    SKEWED = 16
    SAMPLED = 32
    LOSSY = 64
    TRUNCATED = 128
    REPAIRED = 256
    PARTIAL_WINDOW = 512
    SIMULATED = 1024
    REPLAY = 2048
    UNDESCRIBED = 4096
    HALVED_OI = 8192
    UNPROVEN = 16384


MEANING: dict[Quality, str] = {
    Quality.STALE: "the row's stream is down, has not spoken since it came up, or is silent beyond its usual",
    Quality.GAP: "messages were missed, or the connection was down, within the last hour",
    Quality.RESYNCING: "the book waits for a fresh snapshot; nothing is computed from it",
    Quality.CROSSED: "best bid at or above best ask",
    Quality.SKEWED: "the venue's clock and ours disagree by more than the lag can explain",
    Quality.SAMPLED: "the venue sends pictures of this book every so often and no sequence: a miss cannot be seen",
    Quality.LOSSY: "the venue may drop events of this stream under load",
    Quality.TRUNCATED: "depth reaches past the last level the venue sent",
    Quality.REPAIRED: "trades of the last hour were missed and made up for over REST",
    Quality.PARTIAL_WINDOW: "the row has been live for less than its longest short window (1 h)",
    Quality.SIMULATED: "from the built-in simulator, not from a venue",
    Quality.REPLAY: "from a recorded tape",
    Quality.UNDESCRIBED: "the venue's catalogue did not describe the instrument: multiplier 1 assumed",
    Quality.HALVED_OI: "open interest was published for both sides and halved here",
    Quality.UNPROVEN: "the venue leaves update ids out: a message that was missed cannot be told from none",
}


def names(flags: int) -> list[str]:
    """The names of the flags set in `flags`, lowest bit first."""
    return [flag.name for flag in Quality if flags & flag and flag.name]


def parse(text: str) -> int:
    """Flags from "GAP,CROSSED"; ValueError names the word that is none."""
    flags = 0
    for word in filter(None, text.replace("|", ",").split(",")):
        try:
            flags |= Quality[word.strip().upper()]
        except KeyError:
            allowed = ", ".join(flag.name or "" for flag in Quality)
            raise ValueError(f"{word.strip()!r} is no quality flag; allowed: {allowed}") from None
    return flags
