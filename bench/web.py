"""The dashboard in a real headless Chromium against the real API: 5 000 markets, 1 000 row changes per 100 ms."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench.child import ROOT, command, environment
from bench.figures import Figure, at_least, at_most, percentile, plain

TITLE = (
    "Debian's Chromium without a GPU and the API (engine not running, views made up) share the machine's cores. "
    "Networks and slow processors are Chromium's own emulation. Medians of three loads, each with an empty cache."
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1440, "height": 900}}
MBIT9 = {"offline": False, "latency": 40, "downloadThroughput": 1_125_000, "uploadThroughput": 375_000}
SLOW4G = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750}
MARKET = "/m/bybit-linear:COIN0000USDT"
PROBE = (Path(__file__).parent / "probe.js").read_text()
SECONDS, LOADS, CLIENTS = 12.0, 3, 100
SOAK_MINUTES = float(os.environ.get("BENCH_SOAK_MINUTES", "10"))


def run() -> list[Figure]:
    """Loading, running, a soak, and many clients."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CROSSTAPE_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        raise SystemExit("no chromium on this machine")
    figures = [*_sizes()]
    with _server() as (url, process):
        figures += _crowd(url, process)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            for measure in (_loading, _running, _soak):
                figures += measure(browser, url)
            browser.close()
    return figures


@contextmanager
def _server() -> Iterator[tuple[str, psutil.Process]]:
    import subprocess

    child = subprocess.Popen(command("bench.desk"), cwd=ROOT, env=environment(), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)  # fmt: skip
    try:
        assert child.stdout is not None
        yield f"http://127.0.0.1:{json.loads(child.stdout.readline())['port']}", psutil.Process(child.pid)
    finally:
        assert child.stdin is not None
        child.stdin.close()
        child.wait(20)


def _sizes() -> list[Figure]:
    """Compressed weight of what a page asks for, from the build's own manifest."""
    built = ROOT / "src" / "crosstape" / "_web"
    manifest = json.loads((built / "manifest.json").read_text())

    def weigh(*entries: str) -> tuple[float, float]:
        files, left = set(), list(entries)
        while left:
            entry = manifest[left.pop()]
            if entry["file"] not in files:
                files |= {entry["file"], *entry.get("css", ())}
                left += entry.get("imports", ())
        size = {end: sum((built / f"{f}.gz").stat().st_size for f in files if f.endswith(end)) / 1e3
                for end in (".js", ".css")}  # fmt: skip
        return size[".js"], size[".css"]

    boards, market = (weigh("index.html", f"src/pages/{name}.svelte") for name in ("Boards", "Market"))
    return [
        at_most("JavaScript of boards", boards[0], 60, "kB gz", f"CSS {boards[1]:.1f} kB", 1),
        at_most("JavaScript of a market", market[0], 130, "kB gz", f"CSS {market[1]:.1f} kB", 1),
    ]


def _opened(browser: Any, url: str, path: str, size: dict[str, Any], network: Any = None, slow: float = 1) -> Any:
    context = browser.new_context(**size, base_url=url, color_scheme="dark")
    page = context.new_page()
    page.add_init_script(PROBE)
    cdp = context.new_cdp_session(page)
    cdp.send("Performance.enable")
    cdp.send("Network.enable")
    if network:
        cdp.send("Network.emulateNetworkConditions", network)
    cdp.send("Emulation.setCPUThrottlingRate", {"rate": slow})
    page.goto(path, wait_until="commit")
    page.wait_for_function("() => window.probe && window.probe.rows > 0", timeout=60_000)
    return page, cdp


def _loading(browser: Any, url: str) -> list[Figure]:
    """First paint and first rows, cache empty."""
    cases = (("boards, 9 Mbit/s, 2× slower", "/boards", DESKTOP, MBIT9, 2, 1.5),
             ("boards, phone, slow 4G, 4× slower", "/boards", PHONE, SLOW4G, 4, 2.0))  # fmt: skip
    figures = []
    for name, path, size, network, slow, limit in cases:
        paints, rows, shifts = [], [], []
        for _ in range(LOADS):
            page, _cdp = _opened(browser, url, path, size, network, slow)
            page.wait_for_timeout(2_000)
            paints.append(
                page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1e3
            )
            probe = page.evaluate("window.probe")
            rows.append(probe["rows"] / 1e3)
            shifts.append(probe["shift"])
            page.context.close()
        all_rows = ", ".join(f"{value:.2f}" for value in rows)
        if slow == 2:
            figures.append(at_most(f"first contentful paint, {name}", percentile(paints, 0.5), 1.0, "s"))
        else:
            figures.append(plain(f"first contentful paint, {name}", percentile(paints, 0.5), "s"))
        figures.append(at_most(f"rows live, {name}", percentile(rows, 0.5), limit, "s", all_rows))
        figures.append(at_most(f"layout shift, {name}", max(shifts), 0.1, "CLS", "the worst of three", 3))
    return figures


def _metrics(cdp: Any) -> dict[str, float]:
    return {m["name"]: m["value"] for m in cdp.send("Performance.getMetrics")["metrics"]}


def _running(browser: Any, url: str) -> list[Figure]:
    """The main thread, frames, long tasks and the age of what is painted, all markets live."""
    figures = []
    for name, path, size, slow, busy in (
        ("boards, desktop", "/boards", DESKTOP, 1, 20), ("boards, phone 4× slower", "/boards", PHONE, 4, 40),
        ("market, desktop", MARKET, DESKTOP, 1, None), ("market, phone 4× slower", MARKET, PHONE, 4, None),
    ):  # fmt: skip
        page, cdp = _opened(browser, url, path, size, None, slow)
        page.wait_for_timeout(5_000)
        page.evaluate("Object.assign(window.probe, {frames: 0, longest: 0, tasks: 0, ages: []})")
        before, began = _metrics(cdp), time.monotonic()
        page.wait_for_timeout(SECONDS * 1_000)
        probe, after = page.evaluate("window.probe"), _metrics(cdp)
        took = time.monotonic() - began
        part = 100 * (after["TaskDuration"] - before["TaskDuration"]) / took
        script = 100 * (after["ScriptDuration"] - before["ScriptDuration"]) / took
        note = f"script {script:.1f} %"
        what = f"main thread, {name}"
        figures.append(at_most(what, part, busy, "%", note, 1) if busy else plain(what, part, "%", note, 1))
        figures.append(at_least(f"frames, {name}", probe["frames"] / took, 55, "fps"))
        note = f"{probe['tasks']} tasks over 50 ms"
        figures.append(at_most(f"longest task, {name}", probe["longest"], 100, "ms", note, 0))
        ages = probe["ages"]
        if path == "/boards":
            note = f"p50 {percentile(ages, 0.5):.0f} ms, {len(ages)} batches"
            figures.append(
                at_most(f"server's time → painted, {name}, p99", percentile(ages, 0.99), 250, "ms", note, 0)
            )
        page.context.close()
    return figures


def _soak(browser: Any, url: str) -> list[Figure]:
    """The heap after a garbage collection, at the start and after minutes of a market page."""
    page, cdp = _opened(browser, url, MARKET, DESKTOP)
    page.wait_for_timeout(30_000)

    def heap() -> float:
        cdp.send("HeapProfiler.collectGarbage")
        return _metrics(cdp)["JSHeapUsedSize"] / 1e6

    sizes = [heap()]
    for _ in range(4):
        page.wait_for_timeout(SOAK_MINUTES * 15_000)
        sizes.append(heap())
    page.context.close()
    grown = 100 * (sizes[-1] / sizes[0] - 1)
    note = " → ".join(f"{size:.1f}" for size in sizes) + " MB"
    return [at_most(f"heap of a market page grows in {SOAK_MINUTES:g} minutes", grown, 10, "%", note, 1)]


def _crowd(url: str, process: psutil.Process) -> list[Figure]:
    """What a hundred binary clients of a board cost the server, beside what it spends anyway."""
    time.sleep(3)
    alone, crowded = _spent(process, 0, url), _spent(process, CLIENTS, url)
    note = f"{crowded:.1f} % with, {alone:.1f} % without (making views is most of it)"
    return [at_most(f"{CLIENTS} binary clients of a board", crowded - alone, 15, "% of a core", note, 1)]


def _spent(process: psutil.Process, clients: int, url: str) -> float:
    async def listen() -> float:
        from websockets.asyncio.client import connect

        asked = {"op": "subscribe", "topic": "board:turnover_24h", "n": 50, "encoding": "columns"}
        address = url.replace("http", "ws") + "/ws"

        async def one() -> None:
            async with connect(address, compression=None, max_size=None) as ws:
                await ws.send(json.dumps(asked))
                while True:
                    await ws.recv()

        tasks = [asyncio.create_task(one()) for _ in range(clients)]
        await asyncio.sleep(3)
        before, began = process.cpu_times(), time.monotonic()
        await asyncio.sleep(SECONDS)
        after, took = process.cpu_times(), time.monotonic() - began
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        spent: float = after.user + after.system - before.user - before.system
        return 100 * spent / took

    return asyncio.run(listen())
