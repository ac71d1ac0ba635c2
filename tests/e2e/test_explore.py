"""SQL in the browser: asked, refused in plain words, taken away as a file, kept as a board that moves."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from playwright.sync_api import expect

from e2e.conftest import Opened


def test_a_question_its_answer_and_a_file(opened: Opened, tmp_path: Path) -> None:
    page = opened("/explore")
    page.get_by_label("SQL").fill("SELECT id, last FROM live WHERE native = 'BTCUSDT' ORDER BY id")
    page.get_by_label("SQL").press("Control+Enter")
    answer = page.get_by_label("Answer")
    expect(answer.get_by_role("row")).to_have_count(3)
    expect(answer.get_by_role("link", name="bybit-linear:BTCUSDT")).to_be_visible()
    assert "sql=" in page.url
    with page.expect_download() as download:
        page.get_by_role("button", name="PARQUET").click()
    kept = tmp_path / "out.parquet"
    download.value.save_as(kept)
    assert pq.read_table(kept).column_names == ["id", "last"]
    answer.get_by_role("link", name="bybit-linear:BTCUSDT").click()
    expect(page.locator("figure canvas").first).to_be_visible()


def test_what_is_not_a_select_is_refused_in_words(opened: Opened) -> None:
    page = opened("/explore", strict=False)
    for sql, said in (("DROP TABLE live", "SELECT"), ("SELECT lust FROM live", "lust")):
        page.get_by_label("SQL").fill(sql)
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text(said)


def test_a_select_becomes_a_board(opened: Opened) -> None:
    page = opened("/explore")
    page.get_by_label("SQL").fill(
        "SELECT id, turnover_usd_24h FROM live WHERE kind = 'PERP' ORDER BY turnover_usd_24h DESC LIMIT 7"
    )
    page.get_by_label("Name of the board").fill("my_seven")
    page.get_by_role("button", name="Keep as a board").click()
    expect(page.get_by_text("The board my_seven is kept")).to_be_visible()
    page.get_by_label("Own boards").get_by_role("link", name="my_seven").click()
    expect(page.locator("[data-row]")).to_have_count(7)
    expect(page.get_by_label("Boards").get_by_role("link", name="my_seven")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Forget my_seven").click()
    expect(page.get_by_label("Own boards")).to_have_count(0)
