"""An own account in the browser: there without asking, moving by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from e2e.conftest import Opened
from e2e.test_pages import findings
from support.demo import Demo


@pytest.fixture(scope="module")
def trading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo whose venue has an account."""
    demo = Demo(tmp_path_factory.mktemp("account"), CROSSTAPE_DEMO__ACCOUNT="true")
    try:
        yield demo.start()
    finally:
        demo.stop()


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_the_account_is_shown_and_moves(opened: Opened, trading: Demo, axe: str, size: str) -> None:
    page = opened("/trading", size, url=trading.url)
    panel = page.get_by_label("Account demo-bybit, bybit", exact=True)
    expect(panel.get_by_text("synced")).to_be_visible()
    expect(panel.get_by_label("Balances of demo-bybit, bybit")).to_contain_text("USDT")
    expect(panel.get_by_role("region", name="Positions of demo-bybit, bybit")).to_contain_text("bybit-linear:")
    fills = panel.get_by_role("region", name="Fills of demo-bybit, bybit").locator("tbody tr")
    newest = fills.first.inner_text()
    expect(fills.first).not_to_have_text(newest)
    assert findings(page, axe) == []
    page.goto("about:blank")


def test_its_fills_reach_the_figures(opened: Opened, trading: Demo) -> None:
    page = opened("/trading", url=trading.url)
    expect(page.get_by_label("Own trades in USDT")).to_be_visible()
    page.goto("about:blank")
