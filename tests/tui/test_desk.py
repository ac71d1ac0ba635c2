"""What a person sees and what keys do, driven through the real application against a real server."""

from __future__ import annotations

import re

import msgspec
import numpy as np
import pytest
from rich.style import Style

from crosstape.api import ApiSettings
from crosstape.model.quality import Quality
from crosstape.tui.boards import BoardsPage
from crosstape.tui.grid import Grid
from crosstape.tui.market import MarketPage
from crosstape.tui.overlays import Finder, Sheet, Trouble
from crosstape.tui.page import Page
from support.served import Notebook, Stage, staged
from tui.conftest import Seat, same_as_kept, seated

BTC = "bybit-linear:BTCUSDT"


async def test_boards(seat: Seat) -> None:
    await seat.reads("SIMULATED", "● live", "Every market, by turnover", "2026-11-18 11:06:43Z")
    same_as_kept("boards", seat.text)


@pytest.mark.parametrize(
    ("letter", "heading", "words"),
    [
        ("m", "Market", ("spread", "BUY", "microprice", "Market  SIMULATED")),
        ("o", "Overview", ("24 hours", "bybit-linear", "▲")),
        ("a", "Assets", ("BTC", "price_usd")),
        ("s", "System", ("bybit-linear/0", "not recording", "crosstape/config")),
    ],
)
async def test_pages(seat: Seat, letter: str, heading: str, words: tuple[str, ...]) -> None:
    await seat.pilot.press("g", letter)
    await seat.page(heading)
    await seat.reads(*words)
    await seat.pilot.pause(0.5)
    text = re.sub(r"WebSocket .*?messages/s", "WebSocket", seat.text)
    text = re.sub(r" +│", " │", text) if heading == "System" else text
    same_as_kept(heading.lower(), text)


async def test_boards_by_key(seat: Seat) -> None:
    page = await seat.page("Boards")
    assert isinstance(page, BoardsPage)
    await seat.until(lambda: len(page.names) > 20)
    await seat.pilot.press("8")
    await seat.reads("▸8 turnover_24h◂", BTC)
    await seat.pilot.press("right_square_bracket")
    await seat.reads("▸9 turnover_5m◂")
    await seat.pilot.press("left_square_bracket", "left_square_bracket")
    await seat.reads("▸7 losers_24h◂", "bybit-")
    await seat.pilot.press("s")
    assert page.rows.table is not None
    first = next(iter(page.rows.table.columns))
    await seat.reads(f"{first}↓")
    await seat.pilot.press("S")
    await seat.reads(f"{first}↑")
    values = [page.rows.table.columns[first][page.rows.table.ids.index(page.rows.key(i))] for i in range(8)]
    assert values == sorted(values)
    await seat.pilot.press("2")
    await seat.reads("Nothing stands here yet")


async def test_rows_by_key_and_back(seat: Seat) -> None:
    grid = seat.app.screen.query_one(Grid)
    first = grid.selected
    await seat.pilot.press("j", "j", "k")
    second = grid.selected
    assert second != first
    assert second == grid.rows.key(1)
    await seat.pilot.press("G")
    assert grid.selected == grid.rows.key(len(grid.rows) - 1)
    await seat.reads(grid.selected)
    await seat.pilot.press("home", "j", "enter")
    page = await seat.page("Market")
    assert isinstance(page, MarketPage)
    assert page.market == second
    await seat.pilot.press("escape")
    await seat.page("Boards")
    await seat.reads(second)
    assert seat.app.screen.query_one(Grid).selected == second


async def test_favourites_are_kept_by_the_server(seat: Seat, notebook: Notebook) -> None:
    notebook.prefs["local"] = {"theme": "dark"}
    await seat.pilot.press("G", "f")
    chosen = seat.app.screen.query_one(Grid).selected
    await seat.reads(f"★ {chosen}")
    await seat.until(lambda: notebook.prefs["local"].get("favourites") == [chosen])
    assert notebook.prefs["local"]["theme"] == "dark"
    assert seat.app.screen.query_one(Grid).rows.key(0) == chosen
    await seat.pilot.press("f")
    await seat.until(lambda: notebook.prefs["local"]["favourites"] == [])


async def test_search(seat: Seat) -> None:
    await seat.pilot.press("slash")
    await seat.until(lambda: isinstance(seat.app.screen, Finder))
    await seat.pilot.press(*"eth linear")
    grid = seat.app.screen.query_one(Grid)
    await seat.until(lambda: grid.selected == "bybit-linear:ETHUSDT")
    await seat.pilot.press("enter")
    page = await seat.page("Market")
    assert isinstance(page, MarketPage)
    assert page.market == "bybit-linear:ETHUSDT"
    await seat.pilot.press("g", "m")
    await seat.pilot.press("slash", "escape")
    await seat.page("Market")


async def test_timeframes(seat: Seat) -> None:
    await seat.pilot.press("enter")
    await seat.page("Market")
    await seat.reads("· 1m")
    await seat.pilot.press("right_square_bracket", "right_square_bracket")
    await seat.reads("· 5m")
    await seat.pilot.press("left_square_bracket", "left_square_bracket", "left_square_bracket")
    await seat.reads("· 1d")
    assert "refused" not in seat.text


async def test_an_asset_side_by_side(seat: Seat) -> None:
    await seat.pilot.press("g", "a")
    await seat.page("Assets")
    await seat.until(lambda: len(seat.app.screen.query_one(Grid).rows) > 3)
    grid = seat.app.screen.query_one(Grid)
    while grid.selected != "BTC":
        await seat.pilot.press("j")
    await seat.pilot.press("enter")
    await seat.page("Asset")
    await seat.reads(BTC, "bybit-spot:BTCUSDT")
    await seat.pilot.press("enter")
    await seat.page("Market")
    await seat.pilot.press("escape", "escape")
    await seat.page("Assets")


async def test_help_palette_and_pace(seat: Seat) -> None:
    await seat.pilot.press("question_mark")
    await seat.until(lambda: isinstance(seat.app.screen, Sheet))
    await seat.reads("– is not known; it is not zero.")
    await seat.pilot.press("escape")
    await seat.page("Boards")
    await seat.pilot.press("ctrl+k")
    await seat.reads("Search for commands")
    await seat.pilot.press(*"overview")
    await seat.reads("Go to overview")
    await seat.pilot.press("down", "enter")
    await seat.page("Overview")
    await seat.pilot.press("g", "b")
    await seat.page("Boards")
    await seat.pilot.press("plus")
    await seat.reads("5 Hz")
    await seat.pilot.press(*["minus"] * 8)
    await seat.reads("1 Hz")


async def test_values_tick_and_the_selected_row_stays(seat: Seat, stage: Stage) -> None:
    await seat.pilot.press("j", "j", "j")
    grid = seat.app.screen.query_one(Grid)
    chosen, before = grid.selected, seat.text
    await stage.tick(5)
    await seat.until(lambda: seat.text != before)
    assert grid.selected == chosen
    assert grid.rows.find(chosen) == grid._place


def styles_of(seat: Seat, word: str) -> list[Style]:
    """Of the segments on the line that says it."""
    for strip in seat.app.screen._compositor.render_strips():
        if word in "".join(segment.text for segment in strip):
            return [segment.style for segment in strip if segment.text.strip() and segment.style is not None]
    raise AssertionError(f"{word!r} is not on the screen")


async def test_doubtful_rows_are_dim_and_say_why(seat: Seat, stage: Stage) -> None:
    view = stage.again()
    flags = view.quality.copy()
    flags[view.rows.index["bybit-linear:ETHUSDT"]] |= np.uint32(Quality.CROSSED.value)
    before = {style.color for style in styles_of(seat, "bybit-linear:ETHUSDT")[1:-1]}
    assert len(before) > 1
    stage.hub.publish(msgspec.structs.replace(view, quality=flags, number=view.number + 1))
    await seat.reads("CROSS PART")
    after = {style.color for style in styles_of(seat, "bybit-linear:ETHUSDT")[1:-1]}
    assert len(after) == 1, "one dim colour"


async def test_direction_is_not_colour_alone(seat: Seat) -> None:
    page = seat.app.screen
    assert isinstance(page, BoardsPage)
    table = page.rows.table
    assert table is not None
    for i in range(10):
        place = table.ids.index(page.rows.key(i))
        change = table.columns["change_24h"][place]
        line = next(line for line in seat.text.splitlines() if f" {table.ids[place]} " in line)
        assert (("▲ +" if change > 0 else "▼ -") in line) or change == 0


async def test_nobody_answers_then_somebody_does(notebook: Notebook) -> None:
    async with staged(ledger=notebook) as gone:
        port = gone.port
    async with seated(f"http://127.0.0.1:{port}") as seat:
        await seat.until(lambda: isinstance(seat.app.screen, Trouble))
        await seat.reads("No crosstape answers", "crosstape demo", "--url")
        async with staged(ApiSettings(port=port), notebook):
            await seat.page("Boards")
            await seat.reads(BTC)


async def test_a_server_killed_and_restarted(notebook: Notebook) -> None:
    now = 0.0
    async with staged(ledger=notebook) as first:
        port = first.port
        entered = seated(f"http://127.0.0.1:{port}", clock=lambda: now)
        seat = await entered.__aenter__()
        await seat.reads(BTC, "● live")
        fresh = styles_of(seat, BTC)[1].color
    try:
        now = 7.0
        await seat.reads("reconnecting, shown is 7 s old", BTC)
        assert styles_of(seat, BTC)[1].color != fresh, "what is old is dimmed"
        async with staged(ApiSettings(port=port), notebook) as second:
            await seat.reads("● live")
            before = seat.text
            now = 8.0
            await second.tick(10)
            await seat.until(lambda: seat.text != before)
            await seat.reads("● live", BTC)
    finally:
        await entered.__aexit__(None, None, None)


async def test_nothing_new_is_said(seat: Seat) -> None:
    seat.app.link.clock = lambda: 5.0
    await seat.reads("nothing new for 5 s")


async def test_a_key_is_asked_for(notebook: Notebook) -> None:
    async with staged(ApiSettings(port=0, require_key=True), notebook) as stage:
        url = f"http://127.0.0.1:{stage.port}"
        async with seated(url) as seat:
            await seat.reads("A key is needed", "--api-key KEY")
        async with seated(url, "see") as seat:
            await seat.page("Boards")
            await seat.reads(BTC)


async def test_a_replay_says_so(notebook: Notebook) -> None:
    async with (
        staged(ApiSettings(port=0, mode="replay"), notebook) as stage,
        seated(f"http://127.0.0.1:{stage.port}") as seat,
    ):
        await seat.reads("REPLAY", BTC)
        seat.app.link.clock = lambda: 60.0
        await seat.pilot.pause(0.5)
        assert "nothing new" not in seat.text, "a replay may stand still"


async def test_every_page_gives_its_topics_up(seat: Seat) -> None:
    for letter, heading in (("o", "Overview"), ("s", "System"), ("a", "Assets"), ("m", "Market"), ("b", "Boards")):
        await seat.pilot.press("g", letter)
        page = await seat.page(heading)
        wanted = {topic.name for topic in page.topics().values()}
        await seat.until(lambda: set(seat.app.link.client.stream.subscriptions) == wanted)  # noqa: B023
    assert isinstance(seat.app.screen, Page)
