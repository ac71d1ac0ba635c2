"""Faults of messages: lost, doubled, exchanged, frozen, damaged, too large, late, on topics that are not there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from crosstape.sim.answer import Answer
from crosstape.sim.chaos.act import Act
from crosstape.sim.dialect import Ask
from crosstape.sim.fault import Conn, Out

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
# Times in milliseconds as every venue writes them: 13 digits, of this decade.
_MILLIS: Final = re.compile(rb"(?<![\d.])1[789]\d{11}(?![\d.])")


class Gap(Act):
    """Messages never arrive."""

    def out(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        """Nothing in place of a message that is hit."""
        return () if self.mine(conn) and not conn.first and self.trigger.strikes(conn, payload) else (payload,)


class Twice(Act):
    """Messages arrive twice."""

    def out(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        """The message and the message."""
        hit = self.mine(conn) and not conn.first and self.trigger.strikes(conn, payload)
        return (payload, payload) if hit else (payload,)


class Late(Act):
    """A message arrives behind the one that follows it on its topic."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.held: dict[tuple[int, str], bytes] = {}

    def out(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        """Holds a message back until the next."""
        if not self.mine(conn) or conn.first:
            return (payload,)
        key = (conn.number, conn.topic)
        if (held := self.held.pop(key, None)) is not None:
            return (payload, held)
        if self.trigger.strikes(conn, payload):
            self.held[key] = payload
            return ()
        return (payload,)


class OldSnapshot(Act):
    """A book's snapshot is older than the deltas that came before it. Where a subscription brings the snapshot it
    is held back behind `after` messages; where REST does, the book of an earlier request is answered again."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.behind = self.spec.number("after")
        self.held: dict[tuple[int, str], tuple[bytes, int]] = {}
        self.known: dict[tuple[str, str], Answer] = {}

    def out(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        """Counts the messages that overtake a snapshot."""
        if not self.mine(conn):
            return (payload,)
        key = (conn.number, conn.topic)
        if conn.first:
            if not self.trigger.strikes(conn, payload):
                return (payload,)
            self.held[key] = (payload, self.behind)
            return ()
        if key not in self.held:
            return (payload,)
        snapshot, left = self.held.pop(key)
        if left > 1:
            self.held[key] = (snapshot, left - 1)
            return (payload,)
        return (payload, snapshot)

    def answered(self, ask: Ask, answer: Answer) -> Answer:
        """The first book of each instrument again, while the fault holds."""
        if ask.path not in self.site.dialect.manners.books or answer.status != 200:
            return answer
        symbol = ask.query.get("symbol", "")
        if self.spec.target not in ("*", "?", symbol):
            return answer
        key = (ask.path, symbol)
        if key in self.known and self.trigger.asked():
            return self.known[key]
        self.known.setdefault(key, answer)
        return answer


class Skip(Act):
    """The venue leaves a number out, and nothing else: what follows on the topic counts on from there."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.left_out: dict[tuple[int, str], int] = {}
        self.number = re.compile(b'"%s":(\\d+)' % self.site.dialect.manners.counted.encode())

    def out(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        """The message with its later number."""
        if not self.mine(conn):
            return (payload,)
        key = (conn.number, conn.topic)
        if not conn.first and self.trigger.strikes(conn, payload):
            self.left_out[key] = self.left_out.get(key, 0) + 1
        by = self.left_out.get(key, 0)
        return (
            self.number.sub(lambda found: b"%s%d" % (found[0][: -len(found[1])], int(found[1]) + by), payload, 1),
        )


class Freeze(Act):
    """Topics are silent while acks and pongs go on."""

    def out(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        """Nothing while it holds."""
        return () if self.mine(conn) and self.trigger.strikes(conn, payload) else (payload,)


class Damage(Act):
    """Messages that cannot be read or do not mean what they should."""

    def out(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        """The damaged message."""
        hit = self.mine(conn) and self.trigger.strikes(conn, payload)
        return (self.spoil(payload),) if hit else (payload,)

    def spoil(self, payload: bytes) -> bytes:
        """Cut in half: not JSON any more."""
        return payload[: len(payload) // 2]


class WrongTypes(Damage):
    """Every number is a list of it."""

    def spoil(self, payload: bytes) -> bytes:
        """JSON of another shape."""
        return msgspec.json.encode(_listed(msgspec.json.decode(payload)))


class Giant(Damage):
    """A message is padded until it is larger than anything a client should take."""

    def spoil(self, payload: bytes) -> bytes:
        """White space before the last brace: still the same JSON."""
        return payload[:-1] + b" " * max(self.spec.number("bytes") - len(payload), 0) + payload[-1:]


class Drift(Damage):
    """The venue changes its messages: a field more, a field less."""

    def spoil(self, payload: bytes) -> bytes:
        """Every object that holds prices or sizes gets `add` and loses `drop`."""
        add, drop = self.spec.values["add"], self.spec.values["drop"]
        return msgspec.json.encode(_drifted(msgspec.json.decode(payload), add, drop))


class Skew(Act):
    """The venue's clock is wrong: every time it says is `by` too late."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.by_ms = int(self.spec.seconds("by") * 1000)

    def out(self, conn: Conn, payload: bytes) -> Iterable[Out]:
        """The message with other times."""
        return (self.shifted(payload),) if conn.topic and self.trigger.turn >= 0 else (payload,)

    def answered(self, ask: Ask, answer: Answer) -> Answer:
        """REST has the same clock."""
        if self.trigger.turn < 0:
            return answer
        return msgspec.structs.replace(answer, body=self.shifted(answer.body))

    def shifted(self, payload: bytes) -> bytes:
        """The bytes with every time moved."""
        self.trigger.hits += 1
        return _MILLIS.sub(lambda match: b"%d" % (int(match[0]) + self.by_ms), payload)


class Mute(Act):
    """A subscription is acknowledged, and nothing comes: what a wrong address does at Binance."""

    def mutes(self, topic: str) -> bool:
        """While it holds."""
        hit = self.about(topic) and self.trigger.turn >= 0
        self.trigger.hits += hit
        return hit


class BadSubscribe(Act):
    """The venue lists an instrument and refuses its topics: one bad apple in a batch."""

    def unknown(self, topic: str) -> bool:
        """While it holds."""
        hit = self.about(topic) and self.trigger.turn >= 0
        self.trigger.hits += hit
        return hit


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _listed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_listed(inner) for inner in value]
    number = isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value))
    return [value] if number and not isinstance(value, bool) else value


def _drifted(value: Any, add: str, drop: str) -> Any:
    if isinstance(value, list):
        return [_drifted(inner, add, drop) for inner in value]
    if not isinstance(value, dict):
        return value
    changed = {key: _drifted(inner, add, drop) for key, inner in value.items() if key != drop}
    return changed | ({add: "1"} if add else {})
