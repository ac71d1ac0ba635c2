"""SQL in the terminal, over a real server's views."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Input

from crosstape.api import ApiSettings, Hub
from crosstape.app.asking import open_sql
from crosstape.client.sql import Selected
from crosstape.store.history.files import History
from crosstape.store.ledger import Ledger
from crosstape.store.sql.settings import SqlSettings
from crosstape.tui.query import listing
from support.served import staged
from tui.conftest import seated


async def test_a_question_its_answer_and_a_mistake(tmp_path: Path) -> None:
    hub, ledger = Hub(), Ledger.open("", tmp_path)
    sql = open_sql(History(tmp_path / "history"), lambda: hub.view, ledger, SqlSettings())
    try:
        async with (
            staged(ApiSettings(port=0), ledger, ticks=30, hub=hub, queries=sql) as stage,
            seated(f"http://127.0.0.1:{stage.port}") as seat,
        ):
            await seat.reads("bybit-linear:BTCUSDT")
            await seat.pilot.press("g", "e")
            page = await seat.page("Query")
            page.query_one(
                Input
            ).value = "SELECT id, last FROM live WHERE native = 'BTCUSDT' AND market = 'bybit-linear'"
            await seat.pilot.press("enter")
            await seat.reads("1 rows in", "bybit-linear:BTCUSDT", "last")
            await seat.pilot.press("e")
            page.query_one(Input).value = "SELECT lust FROM live"
            await seat.pilot.press("enter")
            await seat.reads("lust")
            await seat.pilot.press("e")
            page.query_one(Input).value = "DROP TABLE live"
            await seat.pilot.press("enter")
            await seat.reads("SELECT")
            await seat.pilot.press("tab", "enter")
            await seat.page("Market")
            await seat.reads("bybit-linear:BTCUSDT")
    finally:
        sql.close()
        ledger.close()


def test_columns_are_as_wide_as_what_stands_in_them() -> None:
    found = Selected(columns=({"name": "id"}, {"name": "n"}), rows=(("a" * 60, 1.5), ("b", None)))
    rows = listing(found)
    assert [(head.title, head.width, head.left) for head in rows.heads] == [("id", 40, True), ("n", 6, False)]
    assert [text for text, _ in rows.cells(0)] == ["a" * 60, "1.5"]
    assert [text for text, _ in rows.cells(1)] == ["b", "–"]
    assert rows.find("b") == 1
