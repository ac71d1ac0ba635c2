"""Own accounts as a view shows them."""

from __future__ import annotations

from collections.abc import Iterator

from crosstape.engine.view import OwnAccount
from crosstape.state.owned import Owned
from crosstape.state.source import Source
from crosstape.state.state import State

SUFFIX = "-account"


def own_accounts(state: State) -> Iterator[OwnAccount]:
    """By name. It is synced when all of it was asked since its connection came up."""
    for key, owned in sorted(state.own.items()):
        source, (market, _, name) = state.sources[key], key.partition("/")
        yield OwnAccount(
            name, market.removesuffix(SUFFIX), _state(owned, source), owned.refused, source.last_ts,
            owned.whole_ts,
            tuple(owned.balances[asset] for asset in sorted(owned.balances)),
            tuple(owned.positions[place] for place in sorted(owned.positions)),
            tuple(owned.orders.values()), tuple(owned.fills),
        )  # fmt: skip


def _state(owned: Owned, source: Source) -> str:
    if owned.refused:
        return "refused"
    if source.is_open and owned.whole_ts >= source.opened_ts:
        return "synced"
    return "stale" if owned.whole_ts else "opening"
