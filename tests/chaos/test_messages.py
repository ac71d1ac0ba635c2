"""Messages lost, doubled, exchanged, damaged or late, at every venue at once: one book suffers, and it recovers."""

from __future__ import annotations

from pathlib import Path

from support.chaos import VENUES, instrument, running

# Coin -> the fault its book gets.
FAULTS = {
    "BTC": "gap:{}@0s",
    "ETH": "reorder:{}@0s",
    "SOL": "malformed:{}@0s",
    "XRP": "wrong-types:{}@0s",
    "DOGE": "duplicate:{}@0s,times=5",
    "BNB": "drift:{}@0s,channel=book",
}
# A venue without sequence numbers cannot know of these; there the next snapshot is the bound.
BROKEN = ("BTC", "ETH", "SOL", "XRP")


async def test_each_breaks_its_own_book_and_no_other(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        before = len(run.said)
        for venue in VENUES:
            for coin, fault in FAULTS.items():
                run.put(venue, fault.format(instrument(venue, coin).partition(":")[2]))
        numbered = [v for v in VENUES if v != "hyperliquid"]
        for venue in numbered:
            for coin in BROKEN:
                name = instrument(venue, coin)
                await run.until(f"{name} notices {FAULTS[coin]}", lambda n=name: n in run.whose("Gap", before))
        for venue in VENUES:
            market = instrument(venue, "").partition(":")[0]
            await run.until(f"{market} counts what it cannot read", lambda m=market: run.errors(m) >= 2)
        await run.until("every book is in sync again", run.synced)
        allowed = {instrument(v, coin) for v in VENUES for coin in BROKEN}
        assert run.whose("Gap", before) <= allowed
        assert not {name for name, event in run.said[before:] if event.what == "Closed"}
        for venue in numbered:
            assert {instrument(venue, coin) for coin in BROKEN} <= run.whose("Resumed", before)


async def test_a_snapshot_older_than_the_deltas_before_it(tmp_path: Path) -> None:
    async with running(tmp_path, ("bybit", "binance", "okx")) as run:
        before = len(run.said)
        names = {v: instrument(v, "BTC") for v in ("bybit", "binance", "okx")}
        for venue, name in names.items():
            symbol = name.partition(":")[2]
            run.put(venue, f"old-snapshot:{symbol}@0s,times=2")
            run.put(venue, f"gap:{symbol}@0s")
        for name in names.values():
            await run.until(f"{name} notices the gap", lambda n=name: n in run.whose("Gap", before))
        await run.until(
            "the old snapshots were sent",
            lambda: all(run.server(v).lab.listed()[0].hits >= (1 if v != "binance" else 0) for v in names),
        )
        await run.until("every book is in sync again", run.synced)
        assert run.whose("Gap", before) == set(names.values())
