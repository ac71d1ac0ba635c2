"""An imported instrument in the terminal: searched, opened, another timeframe."""

from __future__ import annotations

from pathlib import Path

from crosstape.api import ApiSettings
from crosstape.app.inflow import Inflow
from crosstape.client import AsyncClient
from crosstape.config import Config
from crosstape.store.history.files import History
from crosstape.store.ledger import Ledger
from crosstape.tui.grid import Grid
from crosstape.tui.overlays import Finder
from support.served import staged
from tui.conftest import seated

MS = 1_767_225_600_000
FILE = "\n".join(
    ["id,price,qty,quote_qty,time,is_buyer_maker"]
    + [f"{n},{1000 + n},2,1,{MS + n * 20_000},{'true' if n % 2 else 'false'}" for n in range(600)]
).encode()


async def test_what_was_imported_is_found_and_opened(tmp_path: Path) -> None:
    ledger, config = Ledger.open("", tmp_path), Config(data=str(tmp_path))
    streams = Inflow(config, ledger, History(config.history_folder))
    try:
        async with staged(ApiSettings(port=0), ledger, ticks=30, streams=streams) as stage:
            url = f"http://127.0.0.1:{stage.port}"
            async with AsyncClient(url) as client:
                await client.import_file(FILE, "WIFUSDT-trades.csv")
            async with seated(url) as seat:
                await seat.reads("bybit-linear:BTCUSDT")
                await seat.pilot.press("slash")
                await seat.until(lambda: isinstance(seat.app.screen, Finder))
                await seat.pilot.press(*"wif binance")
                grid = seat.app.screen.query_one(Grid)
                await seat.until(lambda: grid.selected == "binance-usdm:WIFUSDT")
                await seat.reads("history", "to 2026-01-01")
                await seat.pilot.press("enter")
                await seat.page("History")
                await seat.reads("not live: it stands on no board", "WIFUSDT-trades.csv · trades", "600 rows")
                await seat.reads("· 1m", "over 166 candles", "▼ SELL     1,599.00", "NOT LIVE")
                await seat.pilot.press("right_square_bracket", "right_square_bracket")
                await seat.reads("· 5m", "over 40 candles")
                await seat.pilot.press("g", "m")
                await seat.page("History")
    finally:
        ledger.close()
