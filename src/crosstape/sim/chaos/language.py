"""The language of faults: `kind:target@when,parameter=value`, parsed with errors that say what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeVar

from msgspec import Struct

from crosstape.model.errors import ConfigError

Target = Literal["instrument", "connection", "path", "venue"]
UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
N = TypeVar("N", int, float)
_DURATION = re.compile(r"(-?\d+(?:\.\d+)?)(ms|s|m|h)")


class Form(Struct, frozen=True):
    """How a kind of fault is written.

    target    what stands behind the colon
    defaults  its own parameters and their values where they are not given, as text
    """

    name: str
    target: Target
    what: str
    defaults: Mapping[str, str]


class Spec(Struct, frozen=True):
    """One fault as asked for. `after_s` seconds of the venue's time from when it is put in force, or from the
    `nth` matching message of each connection (0 = by time). `values` holds every parameter of its kind."""

    text: str
    kind: str
    target: str
    after_s: float
    nth: int
    values: Mapping[str, str]

    def seconds(self, name: str) -> float:
        """A parameter that is a duration."""
        return self._read(name, duration, "a duration such as 500ms, 30s, 2m or 1h")

    def number(self, name: str) -> int:
        """A parameter that is a whole number."""
        return self._read(name, int, "a whole number")

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        """A parameter that is one of a few words."""
        value = self.values[name]
        if value not in allowed:
            raise ConfigError(
                f"fault {self.text!r}: {name}={value!r} is not allowed; allowed: {', '.join(allowed)}"
            )
        return value

    def _read(self, name: str, read: Callable[[str], N], wanted: str) -> N:
        try:
            return read(self.values[name])
        except ValueError:
            raise ConfigError(f"fault {self.text!r}: {name}={self.values[name]!r} is not {wanted}") from None


# What any fault may be given.
SHARED: Final[Mapping[str, str]] = {"every": "0s"}


def duration(text: str) -> float:
    """Seconds from "500ms", "30s", "2m", "1h"; ValueError for anything else.

    >>> duration("1.5m"), duration("-200ms")
    (90.0, -0.2)
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return float(match[1]) * UNITS[match[2]]


def parse(text: str, forms: Mapping[str, Form]) -> Spec:
    """The fault a text asks for; ConfigError names the fault, what is wrong with it and what is allowed."""
    head, *pairs = text.strip().split(",")
    kind, colon, rest = head.partition(":")
    form = forms.get(kind)
    if form is None:
        raise ConfigError(f"fault {text!r}: no kind {kind!r}; allowed: {', '.join(sorted(forms))}")
    target, after_s, nth = _when(text, rest)
    if not colon or not target:
        raise ConfigError(f"fault {text!r}: no target; write {kind}:{_example(form.target)}@30s")
    allowed = {**form.defaults, **SHARED}
    values = dict(allowed)
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if name not in allowed or not equals:
            raise ConfigError(
                f"fault {text!r}: {pair!r} is no parameter of {kind}; allowed: "
                f"{', '.join(f'{n}={v}' for n, v in sorted(allowed.items()))}"
            )
        values[name] = value
    spec = Spec(text.strip(), kind, target, after_s, nth, values)
    for name in ("for", "every"):
        if name in values and spec.seconds(name) < 0:
            raise ConfigError(f"fault {text!r}: {name} is below zero")
    return spec


def _when(text: str, rest: str) -> tuple[str, float, int]:
    """(target, seconds, n-th) from "BTCUSDT@30s", "BTCUSDT@#20" or "BTCUSDT". Targets may contain an @."""
    target, at, when = rest.rpartition("@")
    if not at:
        return rest, 0.0, 0
    if when.startswith("#") and when[1:].isdigit() and int(when[1:]) > 0:
        return target, 0.0, int(when[1:])
    try:
        after_s = duration(when)
    except ValueError:
        raise ConfigError(
            f"fault {text!r}: @{when} is neither a time such as @30s nor a message such as @#20"
        ) from None
    if after_s < 0:
        raise ConfigError(f"fault {text!r}: @{when} is in the past")
    return target, after_s, 0


def _example(target: Target) -> str:
    return {"instrument": "BTCUSDT", "connection": "*", "path": "/v5/market", "venue": "*"}[target]
