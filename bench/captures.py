"""Real captures from the shared data folder beside the repository; absent ones are skipped, loudly."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crosstape.model.frame import Kind
from crosstape.tape.captures import read_capture

DATES = "bybit/cryptofeed/2025-06-13"
DEEP = "bybit/nautilus/2024-12-01_XRPUSDT_ob500.data.zip"


def shared() -> Path:
    """The folder, from CROSSTAPE_SHARED or ../shared."""
    return Path(os.environ.get("CROSSTAPE_SHARED") or Path(__file__).parents[2] / "shared")


def quotes() -> list[bytes]:
    """orderbook.1 messages that cryptofeed recorded on 2025-06-13; none when the capture is not there."""
    folder = shared() / "data" / DATES
    if not folder.is_dir():
        print(f"SKIPPED: no capture at {folder} (set CROSSTAPE_SHARED)")
        return []
    frames = [frame for path in sorted(folder.iterdir()) for frame in read_capture(path, _market)]
    # Spot writes its symbols like linear's; only linear's are taken. All are whole snapshots and may be repeated.
    return [
        f.payload for f in frames
        if f.kind is Kind.DATA and f.source.startswith("linear/") and b'"orderbook.1.' in f.payload[:40]
    ]  # fmt: skip


def _market(address: str) -> str:
    return address.rstrip("/").rpartition("/")[2]


def deep() -> list[bytes]:
    """orderbook.500 of XRPUSDT, 2024-12-01: a snapshot and the deltas that follow it."""
    path = shared() / "data" / DEEP
    if not path.exists():
        print(f"SKIPPED: no capture at {path} (set CROSSTAPE_SHARED)")
        return []
    with zipfile.ZipFile(path) as archive:
        return archive.read(archive.namelist()[0]).splitlines()


def symbols_of(messages: Sequence[bytes]) -> list[str]:
    """The native symbols that book messages name."""
    return sorted({str(json.loads(message)["data"]["s"]) for message in messages})


def catalogue(symbols: Sequence[str], template: bytes) -> list[bytes]:
    """A catalogue page that names these symbols: a page of the simulator with its first row copied a symbol."""
    page: dict[str, Any] = json.loads(template)
    row = next(r for r in page["result"]["list"] if r["contractType"] == "LinearPerpetual")
    page["result"]["list"] = [
        {**row, "symbol": symbol, "baseCoin": symbol.removesuffix("USDT"), "quoteCoin": "USDT"}
        for symbol in symbols
    ]
    page["result"]["nextPageCursor"] = ""
    return [json.dumps(page).encode()]
