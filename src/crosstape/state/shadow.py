"""A book that went on past a gap in its ids, kept to be held against the venue's next picture."""

from __future__ import annotations

from dataclasses import dataclass

from crosstape.model.event import BookDelta, BookSnapshot, Levels


@dataclass(slots=True)
class Shadow:
    """Price -> size a side: what the book would be if nothing had been missed, as of `ts`, the venue's time in ns.
    Nothing is read from it but this."""

    bids: dict[float, float]
    asks: dict[float, float]
    ts: int = 0

    def take(self, event: BookDelta) -> None:
        """One more delta."""
        self.ts = event.ts_event
        for side, levels in ((self.bids, event.bids), (self.asks, event.asks)):
            for price, size in levels:
                if size > 0.0:
                    side[price] = size
                else:
                    side.pop(price, None)

    def same(self, event: BookSnapshot) -> bool | None:
        """Whether the venue's picture is this book, as far as both reach; a message that was missed shows until
        all of its levels have been told anew. None: the picture is of another instant, so nothing can be said."""
        if event.ts_event != self.ts:
            return None
        return _same(self.bids, event.bids, -1.0) and _same(self.asks, event.asks, 1.0)


def _same(ours: dict[float, float], theirs: Levels, sign: float) -> bool:
    picture = sorted((level for level in theirs if level[1] > 0.0), key=lambda level: sign * level[0])
    kept = sorted((level for level in ours.items() if level[1] > 0.0), key=lambda level: sign * level[0])
    reach = min(len(picture), len(kept))
    return reach > 0 and picture[:reach] == kept[:reach]
