"""One file a venue; the tuple of them is what crosstape speaks."""

from crosstape.venues.bybit import BYBIT
from crosstape.wire.venue import Venue

VENUES: tuple[Venue, ...] = (BYBIT,)
