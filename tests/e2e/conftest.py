"""A real browser against a real server: Debian's Chromium, driven by Playwright, over the simulated world."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from crosstape.api.web import Web
from support.demo import Demo

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]  # fmt: skip
SIZES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1440, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
PATIENCE_MS = 60_000
Opened = Callable[..., Page]


def _absent(reason: str) -> None:
    """Locally a loud skip; where CI runs, a failure."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    warnings.warn(pytest.PytestWarning(f"BROWSER TESTS SKIPPED: {reason}"), stacklevel=2)
    pytest.skip(f"BROWSER TESTS SKIPPED: {reason}")


@pytest.fixture(scope="package", autouse=True)
def browser() -> Iterator[Browser]:
    """One Chromium for all; every test gets a context, hence a profile, of its own."""
    chromium = os.environ.get("CROSSTAPE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        _absent("no chromium on this machine: apt-get install chromium")
    if not Web().built:
        _absent("the dashboard is not built: make web")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="package", autouse=True)
def demo(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One small simulated world for all tests that do not stop theirs."""
    running = Demo(tmp_path_factory.mktemp("demo"), tape=True)
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture
def opened(browser: Browser, demo: Demo) -> Iterator[Opened]:
    """Opens a page of the dashboard; at the end nothing may have gone wrong in the browser."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def open_page(
        path: str, size: str = "desktop", url: str = "", theme: str = "dark", strict: bool = True
    ) -> Page:
        context = browser.new_context(**SIZES[size], color_scheme=theme, base_url=url or demo.url)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        if strict:
            page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
            page.on("requestfailed", lambda request: None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(path, wait_until="commit")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not wrong, "\n".join(wrong)


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker's source."""
    return (Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js").read_text()
