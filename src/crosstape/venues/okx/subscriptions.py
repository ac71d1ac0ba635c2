"""OKX's subscriptions: topics to their argument objects and back, acks, and what an instrument needs.

A topic is "<channel>:<instrument>"; that of the forced orders of a whole line names its instType. `index-tickers`
takes an index pair that several instruments may follow: its topics still name the instrument, so that each stands
for itself when connections are packed and made again, and an unsubscribe leaves them out.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import msgspec

from crosstape.model.instrument import Instrument, InstrumentKind
from crosstape.venues.okx.names import KINDS, pair_of
from crosstape.wire.venue import Ack

LIQUIDATIONS = "liquidation-orders"
INDEX = "index-tickers"
# "Too many requests": the request was not looked at, and will be repeated because nobody answered it.
SLOW_DOWN = "60014"


class _Arg(msgspec.Struct, frozen=True, rename="camel"):
    channel: str = ""
    inst_id: str = ""
    inst_type: str = ""

    @property
    def mark(self) -> str:
        """Four bytes that tell this argument from the others of its request."""
        return f"{crc32(f'{self.channel}:{self.inst_id}{self.inst_type}'.encode()):08x}"


class _Said(msgspec.Struct):
    event: str = ""
    id: str = ""
    code: str = ""
    msg: str = ""
    arg: _Arg = _Arg()


_said = msgspec.json.Decoder(_Said)


def argument(topic: str) -> dict[str, str]:
    """Their object for a topic.

    >>> argument("books:BTC-USDT-SWAP")
    {'channel': 'books', 'instId': 'BTC-USDT-SWAP'}
    >>> argument("liquidation-orders:SWAP"), argument("index-tickers:BTC-USDT-SWAP")["instId"]
    ({'channel': 'liquidation-orders', 'instType': 'SWAP'}, 'BTC-USDT')
    """
    channel, _, what = topic.partition(":")
    if channel == LIQUIDATIONS:
        return {"channel": channel, "instType": what}
    return {"channel": channel, "instId": pair_of(what) if channel == INDEX else what}


def subscribe(topics: Sequence[str], request_id: str) -> bytes:
    """The message that asks for topics."""
    return _request("subscribe", topics, request_id)


def unsubscribe(topics: Sequence[str], request_id: str) -> bytes:
    """The message that drops topics, but not an index that other instruments may follow."""
    own = [topic for topic in topics if topic.partition(":")[0] != INDEX]
    return _request("unsubscribe", own or topics, request_id)


def _request(op: str, topics: Sequence[str], request_id: str) -> bytes:
    arguments = {(arg := argument(topic))["channel"] + str(arg): arg for topic in topics}
    last = msgspec.convert(list(arguments.values())[-1], _Arg).mark if arguments else ""
    return msgspec.json.encode({"id": f"{request_id}x{last}", "op": op, "args": list(arguments.values())})


def ack(payload: bytes) -> Ack | None:
    """Their answer to a request, or None.

    They answer argument by argument, in order, so a request is answered when its last argument is: the id names
    it. An error answers at once; which argument it is about is found by asking for fewer.
    """
    if payload[:6] == b'{"arg"' or payload == b"pong":
        return None
    try:
        said = _said.decode(payload)
    except msgspec.MsgspecError:
        return None
    request_id, _, last = said.id.partition("x")
    if said.event == "error" and said.code != SLOW_DOWN:
        return Ack(False, request_id, f"{said.code} {said.msg}")
    if said.event in ("subscribe", "unsubscribe") and said.arg.mark == last:
        return Ack(True, request_id)
    return None


def topics(instrument: Instrument, tier: str) -> tuple[str, ...]:
    """A: everything with the 400-level book; B: all but the book; C: polled figures only."""
    if tier == "C":
        return ()
    wanted = ["trades", "bbo-tbt"]
    if instrument.kind is not InstrumentKind.SPOT:
        # The mark price first: it tells the decoder which instruments an index is for.
        wanted = ["mark-price", INDEX, *wanted, "open-interest"]
    if instrument.kind is InstrumentKind.PERP:
        wanted.append("funding-rate")
    named = [f"{channel}:{instrument.native}" for channel in (*wanted, "tickers")]
    return (*book_topics(instrument, tier), *named)


def bulk_topics(line: str) -> tuple[str, ...]:
    """What is asked for once for a whole product line."""
    return () if line == "spot" else (f"{LIQUIDATIONS}:{KINDS[line]}",)


def book_topics(instrument: Instrument, tier: str) -> tuple[str, ...]:
    """The topics whose fresh subscription brings a fresh book."""
    return (f"books:{instrument.native}",) if tier == "A" else ()
