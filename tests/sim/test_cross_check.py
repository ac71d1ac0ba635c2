"""Books held against the venues' REST: equal ones are left alone, a wrong one is found, dropped and taken anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from crosstape.engine.settings import EngineSettings, Universe
from crosstape.engine.view import View
from crosstape.model.event import Continuity
from crosstape.sim.fault import Conn
from crosstape.sim.server import SimSettings
from support.running import one_market, run_until

SETTINGS = EngineSettings(
    mode="simulated", universe=Universe(top=6, deep=3, min_24h_volume=0), backfill_hours=0.0, cross_check_s=1.0
)
MARKETS = {"bybit": "bybit-linear", "binance": "binance-usdm", "okx": "okx-swap"}
SIDES = ("b", "a", "bids", "asks")


def doubled(found: Any) -> Any:
    """Every size of every book twice what it is; update ids stay right."""
    if isinstance(found, list):
        return [doubled(item) for item in found]
    if not isinstance(found, dict):
        return found
    return {
        key: [[price, str(float(size) * 2), *rest] for price, size, *rest in value]
        if key in SIDES and isinstance(value, list) else doubled(value)
        for key, value in found.items()
    }  # fmt: skip


class Wrong:
    """While `on`, the book deltas of every instrument say something else than the venue's own book."""

    def __init__(self) -> None:
        self.on = False

    def __call__(self, conn: Conn, payload: bytes) -> tuple[bytes]:
        book = any(part in conn.topic for part in ("orderbook.200", "@depth", "books"))
        if not (self.on and book and not conn.first):
            return (payload,)
        return (msgspec.json.encode(doubled(msgspec.json.decode(payload))),)


@pytest.mark.parametrize("name", sorted(MARKETS))
async def test_a_book_that_is_not_the_venues_is_found(tmp_path: Path, name: str) -> None:
    market, wrong = MARKETS[name], Wrong()
    views: list[View] = []
    sim = SimSettings(venues=(name,), seed=5, assets=8, rate=400, time_scale=4)
    async with one_market(tmp_path, market, SETTINGS, sim, (wrong,)) as (_, _, live):

        def source() -> Any:
            return live.machine.state.sources[f"{market}/0"]

        def differs() -> list[Continuity]:
            return [e for v in views for _, e in v.events if isinstance(e, Continuity) and e.what == "Differs"]

        await run_until(live, views, lambda: f"{market}/0" in live.machine.state.sources and source().checked >= 8)
        assert source().checked >= 8
        assert source().differing == 0
        assert not differs()
        wrong.on = True
        await run_until(live, views, lambda: bool(differs()))
        assert source().differing >= 1
        wrong.on = False
        said = differs()[0]
        row = live.machine.state.table.by_market[market][said.symbol]

        def again() -> bool:
            book = live.machine.state.books[row]
            return book is not None and book.synced and not live.machine.state.resyncing[row]

        checked = source().checked
        await run_until(live, views, lambda: again() and source().checked >= checked + 4)
        assert again()
