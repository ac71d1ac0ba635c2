"""Whether a fault fits a venue: what can be known to be wrong before it is in force."""

from __future__ import annotations

import difflib

from crosstape.model.errors import ConfigError
from crosstape.sim.chaos.act import Site
from crosstape.sim.chaos.kinds import CHANNELS, Kind
from crosstape.sim.chaos.language import Spec

NUMBERS = ("times", "bytes", "bytes_per_s", "after", "code", "status", "patience")


def check(spec: Spec, kind: Kind, site: Site) -> None:
    """ConfigError names the fault, what is wrong with it, and what is allowed."""
    if "channel" in spec.values:
        spec.one_of("channel", CHANNELS)
    for name in NUMBERS:
        if name in spec.values and spec.number(name) < (1 if name == "bytes_per_s" else 0):
            raise ConfigError(f"fault {spec.text!r}: {name}={spec.values[name]} is too small")
    if spec.nth and not (kind.target == "instrument" and "times" in kind.defaults):
        raise ConfigError(f"fault {spec.text!r}: {spec.kind} counts no messages; write a time such as @30s")
    if spec.kind == "skip" and not site.dialect.manners.counted:
        raise ConfigError(
            f"fault {spec.text!r}: {site.dialect.name} does not count its books by one; allowed: bybit"
        )
    if kind.target == "instrument" and spec.target not in ("*", "?"):
        symbols = listed_at(site, spec.values.get("market", ""))
        if (spec.target in symbols) == (spec.kind == "list"):
            raise ConfigError(_whose(spec, site, symbols))


def listed_at(site: Site, market: str) -> set[str]:
    """Every instrument a venue lists now."""
    rows = site.world.rows
    alive = zip(rows.contracts, rows.alive.tolist(), strict=True)
    return {c.symbol for c, there in alive if there and c.venue == site.dialect.sells and market in c.market}


def _whose(spec: Spec, site: Site, symbols: set[str]) -> str:
    if spec.kind == "list":
        return f"fault {spec.text!r}: {spec.target!r} is listed already"
    near = difflib.get_close_matches(spec.target, sorted(symbols), 3, 0.5) or sorted(symbols)[:3]
    return (
        f"fault {spec.text!r}: {site.dialect.name} has no instrument {spec.target!r}; "
        f"allowed: * (all), ? (whichever speaks next), or one such as {', '.join(near)}"
    )
