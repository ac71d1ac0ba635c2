"""The desk as a whole: palette, layouts, themes, a server that dies, a key, a slow line, hostile data, a replay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import WebSocketRoute, expect

from e2e.conftest import Opened
from support.demo import Demo, free_port, until

BTC = "bybit-linear:BTCUSDT"


def kept(demo: Demo) -> dict[str, Any]:
    """What the server keeps of the dashboard's settings."""
    return dict(httpx.get(f"{demo.url}/api/v1/prefs").json()["prefs"])


def test_the_palette_finds_markets_pages_and_actions(opened: Opened) -> None:
    page = opened("/boards")
    expect(page.locator("[data-row]").first).to_be_visible()
    page.keyboard.press("Control+k")
    box = page.get_by_label("Search markets, pages, boards and actions")
    expect(box).to_be_focused()
    box.fill("btcusdt linear")
    expect(page.get_by_role("option", name=f"{BTC} perp", exact=True)).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("figure canvas").first).to_be_visible()
    page.wait_for_url(f"**/m/{BTC}")
    page.keyboard.press("/")
    page.get_by_label("Search markets, pages, boards and actions").fill("light theme")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Keys")).to_have_count(0)


def test_a_layout_is_saved_and_found_again_elsewhere(opened: Opened, demo: Demo) -> None:
    page = opened("/boards/turnover_24h?sort=-last")
    expect(page.locator("[data-row]").first).to_be_visible()
    page.keyboard.press("Control+k")
    page.get_by_label("Search markets, pages, boards and actions").fill("save this page")
    page.keyboard.press("Enter")
    page.get_by_label("Name of the layout").fill("My majors")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved “My majors”").first).to_be_attached()
    page.wait_for_function(
        "fetch('/api/v1/prefs').then(r => r.json()).then(b => (b.prefs.layouts || []).length > 0)"
    )
    other = opened("/overview")
    expect(other.locator(".map a").first).to_be_visible()
    other.keyboard.press("Control+k")
    other.get_by_label("Search markets, pages, boards and actions").fill("my majors")
    expect(other.get_by_role("option").filter(has_text="My majors")).to_be_visible()
    other.keyboard.press("Enter")
    other.wait_for_url("**/boards/turnover_24h?sort=-last")
    expect(other.locator("[data-row]").first).to_be_visible()


def test_theme_palette_and_density_stay(opened: Opened) -> None:
    page = opened("/settings")
    page.get_by_role("combobox", name="Theme").select_option("light")
    page.get_by_role("combobox", name="Colours").select_option("cvd")
    page.get_by_role("combobox", name="Rows").select_option("compact")
    page.goto("/boards", wait_until="commit")
    expect(page.locator("[data-row]").first).to_be_visible()
    for name, value in (("theme", "light"), ("colours", "cvd"), ("density", "compact")):
        expect(page.locator("html")).to_have_attribute(f"data-{name}", value)
    assert page.locator("[data-row]").first.bounding_box()["height"] == 25  # type: ignore[index]


def test_settings_leave_and_come_back_as_a_file(opened: Opened, tmp_path: Path) -> None:
    page = opened("/settings")
    page.get_by_role("combobox", name="Rows").select_option("roomy")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    download.value.save_as(tmp_path / "settings.json")
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("html")).to_have_attribute("data-density", "normal")
    page.locator("input[type=file]").set_input_files(tmp_path / "settings.json")
    expect(page.locator("html")).to_have_attribute("data-density", "roomy")
    (tmp_path / "bad.json").write_text("[1]")
    page.locator("input[type=file]").set_input_files(tmp_path / "bad.json")
    expect(page.get_by_text("That file is no settings of crosstape")).to_be_visible()
    page.get_by_role("button", name="Reset").click()


def test_a_server_that_dies_and_comes_back(opened: Opened, tmp_path: Path) -> None:
    own = Demo(tmp_path, free_port())
    try:
        own.start()
        page = opened("/boards", url=own.url, strict=False)
        expect(page.locator("[data-row]").first).to_be_visible()
        own.stop(kill=True)
        expect(page.get_by_text("Connection lost.")).to_be_visible()
        expect(page.locator(".grid.stale")).to_be_visible()
        own.start()
        expect(page.get_by_text("Connection lost.")).to_have_count(0)
        expect(page.locator(".grid.stale")).to_have_count(0)
        expect(page.locator("[data-row]").first).to_be_visible()
        expect(page.locator(".health")).to_contain_text("live")
    finally:
        own.stop()


def test_a_key_is_asked_for_and_kept(opened: Opened, tmp_path: Path) -> None:
    own = Demo(tmp_path, CROSSTAPE_API__REQUIRE_KEY="true")
    (tmp_path / "demo").mkdir()
    key = own.run("access", "create", "e2e", "--role", "viewer").split()[-1].strip()
    own.headers = {"x-api-key": key}
    try:
        own.start()
        page = opened("/boards", url=own.url, strict=False)
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("asks for an API key")
        dialog.get_by_label("API key").fill("wrong")
        dialog.get_by_role("button", name="Continue").click()
        expect(dialog).to_be_visible()
        dialog.get_by_label("API key").fill(key)
        dialog.get_by_role("button", name="Continue").click()
        expect(page.locator("[data-row]").first).to_be_visible()
        page.reload(wait_until="commit")
        expect(page.locator("[data-row]").first).to_be_visible()
        expect(dialog).to_have_count(0)
    finally:
        own.stop()


def test_a_slow_line_still_shows_the_board(opened: Opened) -> None:
    page = opened("/settings")
    cdp = page.context.new_cdp_session(page)
    cdp.send("Network.enable")
    slow = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 90_000}
    cdp.send("Network.emulateNetworkConditions", slow)
    cdp.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.goto("/boards", wait_until="commit")
    expect(page.locator("[data-row]").nth(10)).to_be_visible()
    expect(page.locator(".health")).to_contain_text("live")


def test_hostile_messages_change_nothing(opened: Opened, demo: Demo) -> None:
    page = opened("/settings")
    hostile = ["{", "null", "[]", '{"kind":"snapshot","topic":"markets","seq":"x"}', b"", b"\x01", b"\xff" * 64,
               '{"op":"subscribed","topic":"markets","columns":7}', '{"kind":"names","topic":"markets","names":7}',
               '{"op":"error","topic":"markets","error":{"message":"<img src=x onerror=window.hacked=1>","code":"x"}}']  # fmt: skip

    def between(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            for bad in hostile:
                if not (isinstance(bad, str) and "error" in bad):
                    route.send(bad)
            route.send(message)

        server.on_message(pass_on)

    page.route_web_socket("**/ws", between)
    page.goto("/boards", wait_until="commit")
    expect(page.locator("[data-row]").nth(5)).to_be_visible()
    expect(page.locator(".health")).to_contain_text("live")
    assert page.evaluate("window.hacked") is None


def test_markup_in_what_the_server_says_stays_text(opened: Opened) -> None:
    page = opened("/settings")

    def between(route: WebSocketRoute) -> None:
        server = route.connect_to_server()
        server.on_message(lambda message: route.send(message) if isinstance(message, bytes) else route.send(
            message.replace("BTCUSDT", "<img src=x onerror=window.hacked=1>")))  # fmt: skip

    page.route_web_socket("**/ws", between)
    page.goto("/boards", wait_until="commit")
    expect(page.get_by_text("<img src=x onerror=window.hacked=1>").first).to_be_visible()
    assert page.evaluate("window.hacked") is None


def test_a_recorded_moment_on_every_page(opened: Opened, demo: Demo) -> None:
    until(lambda: httpx.get(f"{demo.url}/api/v1/tapes").json()["rows"], "a tape is recorded")
    page = opened("/time")
    page.get_by_role("button", name="Open", exact=True).click()
    bar = page.get_by_label("Replay", exact=True)
    expect(bar.get_by_role("button", name="Play")).to_be_visible()
    page.wait_for_url("**replay=*")
    before = bar.locator(".time").inner_text()
    bar.get_by_label("Speed").select_option("10")
    bar.get_by_role("button", name="Play").click()
    expect(bar.locator(".time")).not_to_have_text(before)
    expect(page.locator(".map a").first).to_be_visible()
    page.get_by_role("link", name="Boards").first.click()
    expect(page.locator("[data-row]").first).to_be_visible()
    assert "replay=" in page.url
    expect(page.get_by_text("SIMULATED")).to_have_count(0)
    bar.get_by_role("link", name="Back to live").click()
    expect(page.get_by_text("SIMULATED").first).to_be_visible()
    expect(page.locator("[data-row]").first).to_be_visible()
