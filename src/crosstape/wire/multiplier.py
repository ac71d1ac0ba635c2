"""Multipliers that venues write into the names of coins."""

from __future__ import annotations

import re

_PREFIX = re.compile(r"(10{3,7})(?=[A-Z0-9]*[A-Z])")
_MILLION = re.compile(r"1M(?=[A-Z]{3,})")
_SUFFIX = re.compile(r"([A-Z]{2,})(10{3,7})")


def split_multiplier(base: str) -> tuple[str, float]:
    """A venue's coin without the multiplier in its name.

    >>> split_multiplier("1000PEPE"), split_multiplier("SHIB1000"), split_multiplier("1INCH")
    (('PEPE', 1000.0), ('SHIB', 1000.0), ('1INCH', 1.0))
    >>> split_multiplier("1MBABYDOGE")
    ('BABYDOGE', 1000000.0)
    """
    if match := _PREFIX.match(base):
        return base[match.end() :], float(match[1])
    if match := _MILLION.match(base):
        return base[match.end() :], 1e6
    if match := _SUFFIX.fullmatch(base):
        return match[1], float(match[2])
    return base, 1.0
