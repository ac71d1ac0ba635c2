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
    """A demo whose venue has an account, and whose vault opens."""
    demo = Demo(
        tmp_path_factory.mktemp("account"),
        CROSSTAPE_DEMO__ACCOUNT="true",
        CROSSTAPE_PASSPHRASE="a long passphrase",
    )
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


def test_a_key_is_kept_replaced_and_removed_and_its_secret_never_comes_back(opened: Opened, trading: Demo) -> None:
    page = opened("/data", url=trading.url)
    panel = page.get_by_label("Exchange keys", exact=True)

    def fill(key: str) -> None:
        panel.get_by_label("Key", exact=True).fill(key)
        panel.get_by_label("Secret").fill(f"secret-of-{key}")

    panel.get_by_label("Name of the key").fill("mine")
    fill("first-key-of-twenty-four")
    panel.get_by_role("button", name="Keep").click()
    expect(panel.get_by_role("status")).to_have_text("mine is kept.")
    expect(panel.get_by_role("row", name="mine")).to_contain_text("firs")
    panel.get_by_role("button", name="Replace mine").click()
    expect(panel.get_by_label("Name of the key")).not_to_be_editable()
    fill("other-key-of-twenty-four")
    panel.get_by_role("button", name="Replace", exact=True).click()
    expect(panel.get_by_role("status")).to_contain_text("mine has a new key")
    expect(panel.get_by_role("row", name="mine")).to_contain_text("othe")
    assert "secret-of" not in page.content()
    page.on("dialog", lambda dialog: dialog.accept())
    panel.get_by_role("button", name="Remove mine").click()
    expect(panel.get_by_text("None is kept.")).to_be_visible()
    page.goto("about:blank")
