"""Every page in both sizes and both themes: it shows what it is for, fits, and can be used by everyone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from e2e.conftest import Opened
from support.demo import until

BTC = "bybit-linear:BTCUSDT"
# Where, and what must be there before the page says what it is for.
PAGES = {
    "overview": ("/overview", ".map a"),
    "boards": ("/boards", "[data-row]"),
    "board": ("/boards/turnover_24h", "[data-row]"),
    "wall": ("/boards/wall", "section li a"),
    "market": (f"/m/{BTC}", "figure canvas"),
    "assets": ("/assets/BTC", "tbody tr"),
    "liquidations": ("/liquidations", ".feed"),
    "system": ("/system", "tbody tr"),
    "settings": ("/settings", "select"),
    "time": ("/time", "article"),
}
RUN = """async () => {
  const {violations} = await axe.run(document, {resultTypes: ["violations"]});
  return violations.filter(v => ["serious", "critical"].includes(v.impact))
    .map(v => ({id: v.id, impact: v.impact, help: v.help,
      nodes: v.nodes.slice(0, 4).map(n => n.target.join(" ") + " " + n.html.slice(0, 160) + " " + n.failureSummary.slice(0, 260))}));
}"""
SMALL = """() => [...document.querySelectorAll('nav.tabs a, nav.tabs button, .button, [data-row]')]
  .filter(e => e.offsetParent !== null && e.getBoundingClientRect().height < 44)
  .map(e => e.outerHTML.slice(0, 120) + " " + e.getBoundingClientRect().height)"""


def findings(page: Page, axe: str) -> list[Any]:
    """Serious and critical findings of axe. Its source is evaluated: the page's own policy admits no foreign script."""
    page.evaluate(axe)
    return list(page.evaluate(RUN))


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("name", list(PAGES))
def test_a_page_shows_fits_and_is_accessible(opened: Opened, axe: str, name: str, size: str) -> None:
    path, there = PAGES[name]
    page = opened(path, size)
    expect(page.locator(there).first).to_be_visible()
    expect(page.locator(".health")).to_contain_text("live")
    expect(page.get_by_text("SIMULATED").first).to_be_visible()
    expect(page.locator("h1")).to_have_count(1)
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"{wide} px too wide"
    if size == "phone":
        assert page.evaluate(SMALL) == []
    assert findings(page, axe) == [], "dark"
    page.emulate_media(color_scheme="light")
    page.reload(wait_until="commit")
    expect(page.locator(there).first).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert findings(page, axe) == [], "light"


def test_the_first_address_is_the_overview(opened: Opened) -> None:
    page = opened("/")
    expect(page.locator(".map a").first).to_be_visible()
    expect(page.get_by_role("link", name="Overview", exact=True)).to_have_attribute("aria-current", "page")


def test_every_figure_says_what_it_is(opened: Opened) -> None:
    page = opened(f"/m/{BTC}")
    figure = page.locator(".facts dl div").filter(has_text="Spread").first
    expect(figure).to_be_visible()
    tip = page.locator("[role=tooltip]")

    def pointed() -> bool:
        # Figures that fill in meanwhile may push another one below the pointer: point again.
        page.mouse.move(5, 5)
        figure.hover()
        page.wait_for_timeout(600)
        return "Spread over mid" in (tip.text_content() or "")

    until(pointed, "the figure says what it is")
    expect(tip).to_contain_text("Age:")
    expect(tip).to_contain_text("simulated")


def test_the_phones_market_shows_one_pane_at_a_time(opened: Opened) -> None:
    page = opened(f"/m/{BTC}", "phone")
    expect(page.locator("figure canvas").first).to_be_visible()
    for pane, label in (("book", "Order book"), ("trades", "Trades"), ("figures", "Every figure of this market"),
                        ("venues", "BTC on every venue")):  # fmt: skip
        page.get_by_role("button", name=pane, exact=True).click()
        expect(page.get_by_label(label, exact=True).first).to_be_visible()
        expect(page.locator(".chart")).to_have_count(0)
    assert "pane=venues" in page.url


def test_the_log_is_on_the_system_page(opened: Opened) -> None:
    page = opened("/system")
    log = page.get_by_role("region", name="Recent log")
    expect(log.get_by_role("row").filter(has_text="connections opened").first).to_be_visible()
    expect(page.get_by_text("Disk free")).to_be_visible()
