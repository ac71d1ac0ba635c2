"""Streams, files, cache and exchange keys in the terminal: a person at the real application, before a real server."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.widgets import Input

from crosstape.api import ApiSettings
from crosstape.app.accounts import Keyring
from crosstape.app.inflow import Inflow
from crosstape.config import Config, VenueSettings
from crosstape.store.history.files import History
from crosstape.store.ledger import Ledger
from crosstape.tui.form import Form, Sure
from support.served import Notebook, Stage, staged
from support.signed import KEY, SECRET, exchange
from tui.conftest import Seat, same_as_kept, seated

START = 1_767_225_600_000
SEEN = "2026-11-18 11:06:43Z"
NAME = "BTCUSDT-trades-2026-01.csv"
FILE = "\n".join(
    ["id,price,qty,quote_qty,time,is_buyer_maker"]
    + [f"{n},{100 + n % 7},2,1,{START + n * 20_000},{'true' if n % 2 else 'false'}" for n in range(30)]
    + ["30,oops,2,1,1767226300000,true"]
)


@contextlib.asynccontextmanager
async def kept(
    folder: Path, api: ApiSettings | None = None, **options: str
) -> AsyncIterator[tuple[Seat, Stage, Ledger]]:
    """A dashboard before a server that has a ledger, a history and a vault."""
    with exchange() as address:
        config = Config(
            data=str(folder), api=api or ApiSettings(port=0), venues={"bybit": VenueSettings(rest=address)}
        )
        ledger = Ledger.open("", folder)
        inflow = Inflow(config, ledger, History(config.history_folder))
        notebook = Notebook({"see": "viewer"})
        try:
            async with (
                staged(config.api, notebook, ticks=30, streams=inflow, credentials=Keyring(config)) as stage,
                seated(f"http://127.0.0.1:{stage.port}", **options) as seat,
            ):
                await seat.reads("bybit-linear:BTCUSDT")
                yield seat, stage, ledger
        finally:
            ledger.close()


async def typed(seat: Seat, **values: str) -> None:
    """Into fields by name; Enter in the last."""
    for name, value in values.items():
        field = seat.app.screen.query_one(f"#{name}", Input)
        field.value = value
        field.focus()
    await seat.pilot.press("enter")


async def test_a_file_is_looked_at_imported_listed_and_forgotten(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(FILE)
    async with kept(tmp_path) as (seat, _, ledger):
        await seat.pilot.press("g", "d")
        await seat.page("Streams")
        await seat.reads("No stream yet", "streams: 0")
        await seat.pilot.press("i")
        await seat.page("Import")
        await typed(seat, path=str(tmp_path / NAME))
        await seat.reads(
            "Binance futures trades", "trades of binance-usdm:BTCUSDT", "price = price", "size = qty", "i imports it",
            "line 32", "2026-01-01 00:00:20Z",
        )  # fmt: skip
        assert ledger.streams.all() == [], "a look keeps nothing"
        await seat.reads(SEEN)
        same_as_kept("import", re.sub(rf"{tmp_path / NAME} *", "PATH", seat.text))
        await seat.pilot.press("i")
        await seat.reads(
            "30 rows read", "kept             30", "there already    0", "rejected         1", "rejects/"
        )
        await typed(seat, path=str(tmp_path / NAME))
        await seat.reads("i imports it")
        await seat.pilot.press("i")
        await seat.reads("kept             0", "there already    30", f"imported into {NAME}")
        await seat.pilot.press("g", "d")
        await seat.page("Streams")
        await seat.reads(NAME, "binance-usdm:BTCUSDT", "streams: 1", "2026-01-01 00:09:40Z")
        await seat.reads(SEEN)
        same_as_kept("streams", seat.text)
        await seat.pilot.press("enter")
        await seat.page("Stream")
        await seat.reads("the first 30 of 30", "trade_id", "2026-01-01 00:00:20Z", "sell")
        await seat.pilot.press("escape")
        await seat.page("Streams")
        await seat.pilot.press("d")
        await seat.until(lambda: isinstance(seat.app.screen, Sure))
        await seat.reads("the 30 trades that", "y yes")
        await seat.pilot.press("n")
        await seat.page("Streams")
        assert len(ledger.streams.all()) == 1, "no is no"
        await seat.pilot.press("d")
        await seat.until(lambda: isinstance(seat.app.screen, Sure))
        await seat.pilot.press("y")
        await seat.reads(f"{NAME} is gone", "No stream yet")
        assert ledger.streams.all() == []


async def test_what_is_not_sure_is_asked_and_what_is_wrong_is_said(tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text("when,px,amount,volume\n" + f"{START},100,1,2\n" * 3)
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "large.csv").write_text(FILE * 200)
    async with kept(tmp_path, ApiSettings(port=0, max_upload=50_000)) as (seat, _, ledger):
        await seat.pilot.press("g", "i")
        await seat.page("Import")
        await typed(seat, path=str(tmp_path / "none.csv"))
        await seat.reads("No such file")
        await typed(seat, path=str(tmp_path / "empty.csv"))
        await seat.reads("is empty")
        await typed(seat, path=str(tmp_path / "large.csv"))
        await seat.reads("50000")
        await typed(seat, path=str(tmp_path / "odd.csv"))
        await seat.reads("not sure", "amount or volume")
        await seat.pilot.press("tab", "tab", "tab", "tab", "tab", "tab", "i")
        await seat.reads("look at a file first")
        await typed(seat, map="size=amount,ts=when,price=px", symbol="SOL/USD", market="import", kind="trades")
        await seat.reads("i imports it", "import:SOL/USD")
        await seat.pilot.press("i")
        await seat.reads("kept             3")
        assert [one.symbol for one in ledger.streams.all()] == ["import:SOL/USD"]


async def test_a_viewer_reads_why_nothing_is_imported(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(FILE)
    async with kept(tmp_path, ApiSettings(port=0, require_key=True), key="see") as (seat, _, ledger):
        await seat.pilot.press("g", "i")
        await seat.page("Import")
        await typed(seat, path=str(tmp_path / NAME))
        await seat.reads("trader")
        await seat.pilot.press("escape", "g", "k")
        await seat.page("Exchange keys")
        await seat.reads("admin")
        assert ledger.streams.all() == []


async def test_the_cache(tmp_path: Path) -> None:
    async with kept(tmp_path) as (seat, _, _):
        await seat.pilot.press("g", "c")
        await seat.page("Cache")
        await seat.reads("backend", "memory", "hit rate", "Nothing was asked yet")
        names = {command.title for command in seat.app.get_system_commands(seat.app.screen)}
        assert {"Streams", "Import", "Cache", "Keys"} <= names, "the palette knows every page"
        await seat.reads(SEEN)
        same_as_kept("cache", seat.text)


async def test_exchange_keys_are_added_tried_rotated_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSTAPE_PASSPHRASE", "a long enough passphrase")
    async with kept(tmp_path) as (seat, _, _):
        await seat.pilot.press("g", "k")
        await seat.page("Exchange keys")
        await seat.reads("No key yet")
        await seat.pilot.press("a")
        await seat.until(lambda: isinstance(seat.app.screen, Form))
        await typed(seat, name="mine", venue="bybit", key=KEY, secret="wrong at first", passphrase="")
        await seat.reads("kept; t asks the exchange", "mine", f"{KEY[:4]}•••")
        same_as_kept("keys", re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ(?!  4 Hz)", "KEPT", seat.text))
        await seat.pilot.press("t")
        await seat.reads("bybit refuses the key 'mine'")
        await seat.pilot.press("o")
        await seat.until(lambda: isinstance(seat.app.screen, Form))
        await seat.reads("Rotate mine", "venue: bybit")
        await typed(seat, key=KEY, secret=SECRET, passphrase="")
        await seat.reads("mine is rotated")
        await seat.pilot.press("t")
        await seat.reads("bybit takes mine; its account holds 0.100000000000000001 BTC")
        await seat.pilot.press("a")
        await seat.until(lambda: isinstance(seat.app.screen, Form))
        await typed(seat, name="mine", venue="bybit", key="other", secret="hidden from all eyes", passphrase="")
        await seat.reads("there is a key 'mine' already")
        assert "hidden" not in seat.text
        await seat.pilot.press("escape", "d")
        await seat.until(lambda: isinstance(seat.app.screen, Sure))
        await seat.pilot.press("y")
        await seat.reads("mine is removed", "No key yet")


async def test_keys_are_not_taken_where_there_is_no_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CROSSTAPE_PASSPHRASE", raising=False)
    async with kept(tmp_path) as (seat, _, _):
        await seat.pilot.press("g", "k")
        await seat.page("Exchange keys")
        await seat.pilot.press("a")
        await seat.until(lambda: isinstance(seat.app.screen, Form))
        await typed(seat, name="mine", venue="bybit", key=KEY, secret=SECRET, passphrase="")
        await seat.reads("CROSSTAPE_PASSPHRASE")
        assert SECRET not in seat.text
