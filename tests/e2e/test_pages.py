"""Every page in both sizes and both themes: it shows what it is for, fits, and can be used by everyone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from e2e.conftest import Opened
from support.demo import Demo, until

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
    "trading": ("/trading", ".gauges"),
    "explore": ("/explore", "textarea"),
    "data": ("/data", "table.plain"),
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


FILLS = """time,symbol,side,price,size,fee,fee_currency,order_id,trade_id
2026-01-05T10:00:00Z,BTCUSDT,buy,90000,0.5,1.5,USDT,a,1
2026-01-05T12:00:00Z,BTCUSDT,sell,91000,0.5,1.5,USDT,b,2
2026-01-06T09:00:00Z,ETHUSDT,sell,3000,2,0.5,USDT,c,3
2026-01-06T09:30:00Z,ETHUSDT,buy,3050,2,0.5,USDT,d,4
"""


@pytest.fixture(scope="module", autouse=True)
def traded(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The demo's ledger has own executions."""
    file = tmp_path_factory.mktemp("fills") / "fills.csv"
    file.write_text(FILLS)
    demo.run("import", str(file), "--kind", "executions", "--market", "bybit-linear")


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


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_own_trades_are_shown_where_there_are_some(opened: Opened, size: str) -> None:
    page = opened("/overview", size)
    if size == "phone":
        page.get_by_role("button", name="More").click()
    page.get_by_role("link", name="Own trades", exact=True).click()
    panel = page.get_by_label("Own trades in USDT")
    # 500 gained and 100 lost, less 4 of fees.
    expect(panel.locator(".gauge").filter(has_text="Net")).to_contain_text("396")
    expect(panel.locator(".gauge").filter(has_text="Profit factor")).to_contain_text("4.92")
    by_symbol = panel.get_by_role("region", name="USDT by Symbol")
    expect(by_symbol.get_by_role("row")).to_have_count(3)
    expect(by_symbol.get_by_role("row").filter(has_text="ETHUSDT")).to_contain_text("−101.0")
    page.get_by_label("Closed lot").select_option("average")
    page.wait_for_url("**/trading?method=average")
    expect(panel.get_by_role("img", name="Profit after fees and funding in USDT")).to_be_visible()


def test_without_own_trades_the_page_says_how_to_get_them(
    opened: Opened, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = Demo(tmp_path_factory.mktemp("empty"))
    try:
        page = opened("/trading", url=empty.start().url)
        expect(page.get_by_text("crosstape import FILE")).to_be_visible()
        page.goto("/overview", wait_until="commit")
        expect(page.locator(".map a").first).to_be_visible()
        expect(page.get_by_role("link", name="Own trades", exact=True)).to_have_count(0)
        page.goto("about:blank")
    finally:
        empty.stop()
