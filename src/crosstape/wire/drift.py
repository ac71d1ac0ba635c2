"""A venue's messages change shape: which fields appear, vanish or change type, noticed without failing.

Looked at in samples. What a kind of message looks like is learnt from its first `LEARN` samples and goes on being
learnt; only what contradicts it is told, once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

LEARN = 60
MOST_KINDS, MOST_FIELDS, MOST_DEPTH = 40, 400, 6
# An object with more keys than this is a table by name, not a record.
MOST_KEYS = 60
VANISHED = 60
SAMPLE = 120
SAID_BY = ("topic", "stream", "channel", "table", "e", "type", "action", "method", "op", "event")
TYPES = {bool: "boolean", int: "number", float: "number", str: "text", list: "list", dict: "object"}
SPLIT = ".:@"


class Field(msgspec.Struct):
    """A field of one kind of message: its types, how many samples had it, and how many have come since without."""

    types: list[str]
    seen: int = 0
    missing: int = 0


class Shape(msgspec.Struct):
    """One kind of message as far as it is known."""

    samples: int = 0
    fields: dict[str, Field] = {}


class Change(msgspec.Struct, frozen=True):
    """What is new: `what` is one of appeared vanished changed."""

    kind: str
    path: str
    what: str
    sample: str


class Canary:
    """The shapes of one market's messages by kind; `shapes` is all it remembers."""

    def __init__(self, shapes: dict[str, Shape] | None = None) -> None:
        self.shapes: dict[str, Shape] = {} if shapes is None else shapes

    @property
    def looks(self) -> int:
        """How many messages it has seen."""
        return sum(shape.samples for shape in self.shapes.values())

    def look(self, payload: bytes) -> list[Change]:
        """Learn from one message, and say what contradicts what was learnt; bytes that are no JSON object say
        nothing here, the decoder counts them."""
        try:
            message = msgspec.json.decode(payload)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return []
        if not isinstance(message, dict):
            return []
        kind = kind_of(message)
        shape = self.shapes.get(kind)
        if shape is None:
            if len(self.shapes) >= MOST_KINDS:
                return []
            shape = self.shapes[kind] = Shape()
        return [Change(kind, path, what, sample) for path, what, sample in _compare(shape, message)]


def _compare(shape: Shape, message: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    known, learning, news = shape.fields, shape.samples < LEARN, []
    shape.samples += 1
    found = _fields(message)
    for path, value in found.items():
        name = TYPES.get(type(value), "null")
        field = known.get(path)
        if field is None:
            # The fields of an object that is new itself are told with it.
            if not learning and (not (parent := path.rpartition(".")[0]) or known[parent].seen > 1):
                news.append((path, "appeared", repr(value)[:SAMPLE]))
            if len(known) < MOST_FIELDS:
                known[path] = Field([name], 1)
            continue
        field.seen += 1
        field.missing = 0
        if name not in field.types:
            field.types.append(name)
            if not learning and "null" not in field.types:
                news.append((path, "changed", repr(value)[:SAMPLE]))
    if len(found) < len(known):
        news += [(path, "vanished", "") for path in _gone(shape, found) if not learning]
    return news


def _gone(shape: Shape, found: Mapping[str, Any]) -> Iterator[str]:
    """Only a field that was in every message before can be said to be gone, and only after a while."""
    for path, field in shape.fields.items():
        if path in found:
            continue
        always = field.missing or field.seen >= shape.samples - 1
        field.missing = field.missing + 1 if always else 0
        if always and field.missing == VANISHED:
            yield path


def kind_of(message: Mapping[str, Any]) -> str:
    """What sort of message it is, whatever instrument it is about: "publicTrade/snapshot"."""
    words = []
    argument = message.get("arg")
    for holder in (message, argument if isinstance(argument, dict) else {}):
        for name in SAID_BY:
            value = holder.get(name)
            if isinstance(value, str) and value:
                words.append(_word(name, value))
    return "/".join(words) or ",".join(sorted(message)[:8])


def _word(name: str, value: str) -> str:
    parts = [value]
    for mark in SPLIT:
        parts = [piece for part in parts for piece in part.split(mark)]
    # Binance names the instrument first, the others last.
    return parts[min(1, len(parts) - 1)] if name == "stream" else parts[0]


def _fields(message: Mapping[str, Any]) -> dict[str, Any]:
    """Every field by its path; of a list the first element stands for all."""
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [("", message)]
    while waiting:
        path, value = waiting.pop()
        if path:
            found[path] = value
        if type(value) is dict and len(value) <= MOST_KEYS and path.count(".") < MOST_DEPTH:
            waiting += [(f"{path}.{key}" if path else str(key), inner) for key, inner in value.items()]
        elif type(value) is list and value and path.count("[]") < MOST_DEPTH:
            waiting.append((f"{path}[]", value[0]))
    return found
