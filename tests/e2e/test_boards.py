"""Boards: search, sort, filters, columns, favourites, export, keyboard only, and an order that holds still."""

from __future__ import annotations

import csv
import io
import re
import time
from itertools import pairwise
from pathlib import Path

import httpx
from playwright.sync_api import Page, Route, expect

from e2e.conftest import Opened
from support.demo import Demo, until


def names(page: Page) -> list[str]:
    """The markets in view, top first."""
    read = "rows => rows.map(row => row.id + ' ' + row.querySelector('.name b').textContent)"
    found: list[str] = page.locator("[data-row]").evaluate_all(read)
    return found


def test_search_narrows_and_stays_in_the_address(opened: Opened) -> None:
    page = opened("/boards")
    expect(page.locator("[data-row]").nth(5)).to_be_visible()
    page.get_by_label("Filter markets by name").fill("eth")
    expect(page.locator("[data-row] .name").filter(has_not_text="ETH")).to_have_count(0)
    expect(page.locator("[data-row]").first).to_be_visible()
    assert "q=eth" in page.url
    page.reload(wait_until="commit")
    expect(page.locator("[data-row]").first).to_be_visible()
    assert all("eth" in name.lower() for name in names(page)), names(page)
    page.get_by_label("Filter markets by name").fill("nothing is called so")
    expect(page.get_by_text("No market passes these filters.")).to_be_visible()


def test_filters_by_venue_and_kind(opened: Opened) -> None:
    page = opened("/boards/turnover_24h")
    expect(page.locator("[data-row]").first).to_be_visible()
    page.get_by_label("market", exact=True).select_option("hyperliquid")
    expect(page.locator("[data-row] .name").filter(has_not_text="hyperliquid")).to_have_count(0)
    page.get_by_label("market", exact=True).select_option("")
    page.get_by_label("kind", exact=True).select_option("SPOT")
    expect(page.locator("[data-row] .name").filter(has_text="linear")).to_have_count(0)
    expect(page.locator("[data-row]").first).to_be_visible()


def test_sorting_by_a_column_both_ways(opened: Opened) -> None:
    page = opened("/boards")
    head = page.get_by_role("columnheader", name="Chg 24h")
    expect(page.locator("[data-row]").nth(5)).to_be_visible()
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert "sort=-change_24h" in page.url
    column = page.evaluate("[...document.querySelectorAll('[role=columnheader]')].findIndex(e => e.ariaSort)")
    values = page.evaluate(
        """c => [...document.querySelectorAll('[data-row]')].slice(0, 10).map(row =>
            parseFloat(row.children[c].textContent.replace('−', '-').replace(/[▲▼+%]/g, '')))""", column)  # fmt: skip
    # Values tick on while the order holds for a second: compare with a little room.
    assert all(a >= b - 0.2 for a, b in pairwise(values)), values
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")


def test_own_columns_are_kept(opened: Opened, demo: Demo) -> None:
    page = opened("/boards")
    expect(page.locator("[data-row]").first).to_be_visible()
    page.get_by_role("button", name="Columns").click()
    page.get_by_label("Find a column").fill("imbalance")
    page.get_by_label("Imb 10").check()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("columnheader", name="Imb 10")).to_be_visible()
    kept = f"{demo.url}/api/v1/prefs"
    until(lambda: "imbalance_10bps" in httpx.get(kept).text, "the columns are kept")
    page.evaluate("localStorage.clear()")
    page.reload(wait_until="commit")
    expect(page.get_by_role("columnheader", name="Imb 10")).to_be_visible()
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("button", name="Standard").click()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("columnheader", name="Imb 10")).to_have_count(0)
    until(lambda: "imbalance_10bps" not in httpx.get(kept).text, "the standard columns are kept")


def test_export_is_what_the_table_shows(opened: Opened, tmp_path: Path) -> None:
    page = opened("/boards?market=bybit-linear&sort=id")
    expect(page.locator("[data-row]").first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    path = tmp_path / "out.csv"
    download.value.save_as(path)
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert {row["market"] for row in rows} == {"bybit-linear"}
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert float(rows[0]["last"]) > 0


def test_keyboard_only(opened: Opened) -> None:
    page = opened("/boards")
    expect(page.locator("[data-row]").nth(5)).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    chosen = page.locator("[data-row][aria-selected=true]")
    expect(chosen).to_have_count(1)
    name = chosen.locator(".name b").inner_text()
    page.keyboard.press("f")
    expect(chosen.get_by_role("button", name="No favourite any more")).to_be_visible()
    page.get_by_role("button", name="★", exact=True).click()
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(page.locator("[data-row] .name b")).to_have_text(name)
    page.keyboard.press("f")
    page.goto("/boards", wait_until="commit")
    expect(page.locator("[data-row]").nth(5)).to_be_visible()
    expect(page.get_by_label("Boards").get_by_role("link", name="Gainers, 5 min")).to_be_visible()
    page.keyboard.press("3")
    expect(page.get_by_label("Boards").get_by_role("link", name="Gainers, 5 min")).to_have_attribute(
        "aria-current", "page"
    )
    page.keyboard.press("g")
    page.keyboard.press("b")
    expect(page.locator("[data-row]").nth(5)).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator("[data-row][aria-selected=true]")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("figure canvas").first).to_be_visible()
    assert "/m/" in page.url


def test_tab_reaches_the_table_and_its_rows_can_be_walked(opened: Opened) -> None:
    page = opened("/boards")
    expect(page.locator("[data-row]").nth(5)).to_be_visible()
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement?.getAttribute('role') === 'grid'"):
            break
    assert page.evaluate("document.activeElement?.getAttribute('role')") == "grid"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    grid = page.locator("[role=grid]")
    last = int(grid.get_attribute("aria-rowcount") or "0")
    expect(page.locator("[data-row][aria-selected=true]")).to_have_attribute("aria-rowindex", str(last))


def test_the_order_holds_still_under_the_pointer(opened: Opened) -> None:
    page = opened("/boards?sort=-age_ms")
    expect(page.locator("[data-row]").nth(8)).to_be_visible()
    page.locator("[data-row]").nth(4).hover()
    held = names(page)
    page.evaluate("""() => { window.seen = 0; new MutationObserver(() => window.seen++)
        .observe(document.querySelector('.rows'), {subtree: true, characterData: true, childList: true}); }""")
    until(lambda: page.evaluate("window.seen") > 15, "figures tick on")
    assert names(page) == held
    page.mouse.move(5, 5)
    until(lambda: names(page) != held, "the order goes on")


def test_kept_columns_that_come_late_leave_rows_and_order_alone(opened: Opened, demo: Demo) -> None:
    kept = f"{demo.url}/api/v1/prefs"
    before = httpx.get(kept).json()["prefs"]
    mine = {"columns": {"all": ["last", "imbalance_10bps"]}, "changed": int(time.time() * 1000)}
    page = opened("/settings")
    asked: list[Route] = []
    page.route("**/api/v1/prefs", lambda route: asked.append(route))
    try:
        httpx.put(kept, json=mine).raise_for_status()
        page.goto("/boards?sort=-age_ms", wait_until="commit")
        grid = page.locator("[role=grid]")
        expect(grid).to_have_attribute("aria-rowcount", re.compile(r"^\d{3}$"))
        page.locator("[data-row]").nth(4).hover()
        held, count = names(page), grid.get_attribute("aria-rowcount")
        asked[-1].continue_()
        expect(page.get_by_role("columnheader", name="Imb 10")).to_be_visible()
        expect(page.locator("[data-row] [data-c='1']").filter(has_text=re.compile(r"\d")).first).to_be_visible()
        assert names(page) == held
        assert grid.get_attribute("aria-rowcount") == count
    finally:
        httpx.put(kept, json=before | {"changed": int(time.time() * 1000)}).raise_for_status()


def test_the_detail_dock_shows_the_chosen_row(opened: Opened) -> None:
    page = opened("/boards")
    row = page.locator("[data-row]").nth(1)
    expect(row).to_be_visible()
    row.click()
    dock = page.get_by_label("Detail of the chosen market")
    expect(dock.get_by_text("Order book")).to_be_visible()
    dock.get_by_role("link", name="Open").click()
    expect(page.locator("figure canvas").first).to_be_visible()


def test_an_unknown_board_says_so(opened: Opened) -> None:
    page = opened("/boards/no_such_board")
    expect(page.get_by_text("There is no board named no_such_board.")).to_be_visible()
