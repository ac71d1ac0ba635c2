"""Files brought in through the browser: looked at, said what is not sure, imported once, exported, forgotten."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from e2e.conftest import Opened
from e2e.test_pages import findings

ROWS = "".join(
    f"{n},{100 + n},{0.5 + n},{50 + n / 2},{1795000000000 + n * 1000},{'true' if n % 2 else 'false'},true\n"
    for n in range(1, 61)
)
KNOWN = "id,price,qty,quoteQty,time,isBuyerMaker,isBestMatch\n" + ROWS


def test_a_file_is_looked_at_imported_exported_and_forgotten(opened: Opened, tmp_path: Path) -> None:
    file = tmp_path / "SOLUSDT-trades-2026-11.csv"
    file.write_text(KNOWN)
    page = opened("/data")
    page.on("dialog", lambda dialog: dialog.accept())
    panel = page.get_by_label("Import a file")
    panel.locator("input[type=file]").set_input_files(file)
    expect(panel.locator("p b")).to_contain_text("Binance")
    expect(panel.get_by_role("region", name="First rows").get_by_role("row").nth(1)).to_contain_text("101")
    panel.get_by_role("button", name="Import").click()
    expect(panel.get_by_text("60 rows, 60 of them new")).to_be_visible()
    panel.get_by_role("button", name="Import").click()
    expect(panel.get_by_text("60 rows, 0 of them new")).to_be_visible()
    row = page.get_by_role("region", name="Streams, rows").get_by_role("row").filter(has_text="SOLUSDT-trades")
    expect(row).to_contain_text("60")
    with page.expect_download() as download:
        row.get_by_role("button", name="CSV of").click()
    kept = tmp_path / "out.csv"
    download.value.save_as(kept)
    assert len(kept.read_text().splitlines()) == 61
    row.get_by_role("button", name="Delete S").click()
    expect(row).to_have_count(0)


def test_what_was_imported_is_searched_and_opened(opened: Opened, axe: str, tmp_path: Path) -> None:
    file = tmp_path / "QUUXUSDT-trades-2026-11.csv"
    file.write_text(KNOWN)
    page = opened("/data")
    panel = page.get_by_label("Import a file")
    panel.locator("input[type=file]").set_input_files(file)
    panel.get_by_role("button", name="Import").click()
    expect(panel.get_by_text("60 rows, 60 of them new")).to_be_visible()
    page.keyboard.press("Control+k")
    page.get_by_label("Search markets, pages, boards and actions").fill("quux")
    found = page.get_by_role("option").filter(has_text="binance-spot:QUUXUSDT")
    expect(found).to_contain_text("history to")
    found.click()
    expect(page.get_by_role("status").filter(has_text="Not live: file, 60 rows")).to_be_visible()
    expect(page.get_by_label("Newest trades, rows").get_by_role("row").nth(1)).to_contain_text("160")
    assert findings(page, axe) == []
    page.get_by_role("button", name="Table").click()
    candles = page.get_by_role("region", name="The last candles as a table")
    expect(candles.get_by_role("row").nth(1)).to_contain_text("160")
    expect(page.get_by_label("Newest trades, rows").get_by_text("▲")).to_have_count(30)
    page.goto(page.url.split("/m/")[0] + "/data")
    page.get_by_role("link", name="binance-spot:QUUXUSDT").first.click()
    expect(page.get_by_role("status").filter(has_text="Not live")).to_be_visible()
    phone = opened("/m/binance-spot:QUUXUSDT", size="phone")
    expect(phone.get_by_label("Newest trades, rows").get_by_role("row").nth(1)).to_contain_text("160")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_is_not_sure_is_asked(opened: Opened, tmp_path: Path) -> None:
    file = tmp_path / "odd.csv"
    file.write_text(
        "when,price,amount,volume\n" + "".join(f"{1795000000 + n},{10 + n},{n + 1},{n + 2}\n" for n in range(20))
    )
    page = opened("/data", strict=False)
    panel = page.get_by_label("Import a file")
    panel.locator("input[type=file]").set_input_files(file)
    expect(panel.get_by_text("Not sure").or_(panel.get_by_role("alert")).first).to_be_visible()


def test_keys_without_a_passphrase_say_what_to_do(opened: Opened) -> None:
    page = opened("/data", strict=False)
    panel = page.get_by_label("Exchange keys", exact=True)
    expect(panel.get_by_text("None is kept.")).to_be_visible()
    panel.get_by_label("Name of the key").fill("mine")
    panel.get_by_label("Key", exact=True).fill("a-key-of-mine-1234")
    panel.get_by_label("Secret").fill("a-secret-of-mine")
    panel.get_by_role("button", name="Keep").click()
    expect(panel.get_by_role("alert")).to_contain_text("CROSSTAPE_PASSPHRASE")
