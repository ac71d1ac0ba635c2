"""Connections half-open, dripping, cut, too old, closed for maintenance, flooded: the others go on, all recover."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.chaos import MARKET, VENUES, Run, running


async def recovered(run: Run, pair: tuple[str, str], fault: str, before: int) -> None:
    """Their connections were replaced, all books are back, and nobody else's connection was touched."""
    markets = tuple(MARKET[venue] for venue in pair)
    for market in markets:
        await run.until(f"{fault}: a connection of {market} ends", lambda m=market: closed(run, before, m) > 0)
    for venue in pair:
        run.server(venue).lab.clear()
    await run.until(f"{fault}: every book is in sync again", run.synced)
    others = {
        event.source
        for _, event in run.said[before:]
        if event.what == "Closed" and not event.source.startswith(markets)
    }
    assert not others, f"{fault} at {pair} ended connections of {others}"


def closed(run: Run, before: int, market: str) -> int:
    return sum(event.what == "Closed" and event.source.startswith(market) for _, event in run.said[before:])


@pytest.mark.parametrize("pair", [VENUES[::2], VENUES[1::2]], ids=" and ".join)
async def test_a_line_that_breaks_is_replaced(tmp_path: Path, pair: tuple[str, str]) -> None:
    """Two venues at a time, while the other two must not notice."""
    faults = (
        "half-open:*@0s", "cut:*@0s", "cut:*@0s,code=1008", "lifetime:*@0s,seconds=1s", "giant:?@0s,bytes=20000000",
        "maintenance:*@0s,notice=500ms,for=2s",
    )  # fmt: skip
    async with running(tmp_path) as run:
        for fault in faults:
            before = len(run.said)
            for venue in pair:
                run.put(venue, fault)
            await recovered(run, pair, fault, before)
