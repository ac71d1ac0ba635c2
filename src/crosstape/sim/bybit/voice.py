"""Bybit's voice: its topics, commands and REST over one world."""

from collections.abc import Collection

from crosstape.sim.answer import Answer
from crosstape.sim.bybit.native import CATEGORIES
from crosstape.sim.bybit.ops import reply
from crosstape.sim.bybit.rest import answer
from crosstape.sim.bybit.stream import Stream
from crosstape.sim.dialect import Ask, Query, Reply, Seat

ROOT = "/v5/public/"


class BybitVoice(Stream):
    """The topics of `Stream` with what clients say and ask."""

    def seat(self, path: str, query: Query) -> Seat | None:
        """One address a category."""
        category = path.removeprefix(ROOT)
        return Seat(category) if path.startswith(ROOT) and category in CATEGORIES else None

    def reply(self, category: str, conn_id: str, held: Collection[str], text: bytes) -> Reply:
        """Commands as Bybit answers them."""
        return reply(self, category, conn_id, held, text)

    def answer(self, ask: Ask) -> Answer:
        """Public REST is GET only."""
        return answer(self, ask.path, ask.query)
