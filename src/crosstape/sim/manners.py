"""What the chaos lab must know of a venue's ways: what its topics are about, how it refuses and says goodbye."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from crosstape.sim.answer import Answer
from crosstape.sim.fault import Close


class Manners(Struct, frozen=True):
    """A venue's ways.

    about    topic -> (channel, symbol): channels are book, quote, trades, ticker, mark, index, funding, interest,
             liquidations, candles; symbol "" = about a whole market
    books    REST paths that answer with a book
    limited  its answer to one who asks too often; `banned`: to one who goes on
    bodies   the body of a refusal by status; others have a plain one
    busy     REST while it is maintained
    notice   (connection id, ms) -> what a connection hears before the end; b"" = nothing
    closing  how connections end then
    counted  the field of a book's message whose number goes up by one; "" = there is none
    by_address  each market has addresses of its own: a connection's category begins with the market
    """

    about: Callable[[str], tuple[str, str]]
    limited: Answer
    banned: Answer
    busy: Answer
    books: tuple[str, ...] = ()
    bodies: Mapping[int, bytes] = {}
    notice: Callable[[str, int], bytes] = lambda conn_id, ms: b""
    closing: Close = Close(1006)
    counted: str = ""
    by_address: bool = False
