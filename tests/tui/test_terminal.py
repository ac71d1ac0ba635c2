"""The dashboard in a real terminal: tmux, the command line, colours, NO_COLOR, a server that comes back."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from crosstape.api import ApiSettings
from support.served import Stage, staged

PATIENCE_S = 120.0
BTC = "bybit-linear:BTCUSDT"
needs_tmux = pytest.mark.skipif(
    shutil.which("tmux") is None, reason="NO TMUX: install it to see the real terminal"
)


class Terminal:
    """A tmux of its own."""

    def __init__(self) -> None:
        self._name = f"crosstape-{uuid.uuid4().hex[:8]}"
        self.width, self.height = 140, 40

    def tmux(self, *arguments: str) -> str:
        done = subprocess.run(["tmux", "-L", self._name, "-f", "/dev/null", *arguments], capture_output=True, text=True,
                              check=True)  # fmt: skip
        return done.stdout

    def start(self, *arguments: str, **environment: str) -> None:
        command = [sys.executable, "-m", "crosstape", *arguments]
        env = {"PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm-256color", "LANG": "C.UTF-8"} | environment
        words = ["env", *(f"{key}={value}" for key, value in env.items()), *command]
        kept = ("start-server", ";", "set", "-g", "remain-on-exit", "on", ";")
        self.tmux(*kept, "new-session", "-d", "-x", str(self.width), "-y", str(self.height), *words)

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    @property
    def text(self) -> str:
        return self.tmux("capture-pane", "-p")

    @property
    def escapes(self) -> str:
        return self.tmux("capture-pane", "-p", "-e")

    async def until(self, done: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await asyncio.to_thread(done):
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise AssertionError(f"did not come about; in the terminal:\n{self.text}") from None

    @property
    def dead(self) -> bool:
        """Whether the program has ended."""
        return self.tmux("display-message", "-p", "#{pane_dead}").strip() == "1"

    async def ends(self, key: str) -> None:
        """Presses the key until the program has ended."""
        pressed = -1e9

        def over() -> bool:
            nonlocal pressed
            if not self.dead and time.monotonic() - pressed > 5.0:
                pressed = time.monotonic()
                self.press(key)
            return self.dead

        await self.until(over)

    async def reads(self, *words: str) -> None:
        await self.until(lambda: all(word in (text := self.text) for word in words) and bool(text))

    async def gets(self, keys: tuple[str, ...], *words: str) -> None:
        """Presses the keys, again every few seconds: a busy machine may take them while a page is still coming."""
        pressed = -1e9

        def there() -> bool:
            nonlocal pressed
            if all(word in self.text for word in words):
                return True
            if time.monotonic() - pressed > 8.0:
                pressed = time.monotonic()
                self.press(*keys)
            return False

        await self.until(there)

    def stop(self) -> None:
        subprocess.run(["tmux", "-L", self._name, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def terminal() -> object:
    terminal = Terminal()
    yield terminal
    terminal.stop()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with staged(ticks=20) as stage:
        yield stage


@needs_tmux
async def test_the_dashboard(terminal: Terminal, stage: Stage) -> None:
    terminal.start("tui", "--url", f"http://127.0.0.1:{stage.port}")
    await terminal.reads("crosstape │ Boards", "SIMULATED", BTC, "▲ +")
    assert "38;5;" in terminal.escapes, "colours of 256"
    await terminal.gets(("g", "o"), "Overview", "breadth")
    await terminal.gets(("g", "b"), "│ Boards", BTC)
    await terminal.gets(("Enter",), "│ Market", "spread")
    await terminal.ends("q")


@needs_tmux
async def test_a_small_terminal(terminal: Terminal, stage: Stage) -> None:
    terminal.width, terminal.height = 80, 24
    terminal.start("tui", "--url", f"http://127.0.0.1:{stage.port}")
    await terminal.reads("crosstape │ Boards", BTC)
    await terminal.gets(("Enter",), "Market", "spread", "book: price, size, sum")
    await terminal.gets(("g", "o"), "Overview", "up most", "down most", "liquidations")


@needs_tmux
async def test_without_colours(terminal: Terminal, stage: Stage) -> None:
    terminal.start("tui", "--url", f"http://127.0.0.1:{stage.port}", NO_COLOR="1")
    await terminal.reads(BTC, "▲ +", "▼ -")
    coloured = [part for part in terminal.escapes.split("\x1b[")[1:] if part.startswith("38;5;")]
    greys = {part.split("m")[0].split(";")[2] for part in coloured}
    assert all(int(grey) >= 231 or int(grey) in (0, 7, 8, 15, 16) for grey in greys), greys


@needs_tmux
async def test_a_board_watched(terminal: Terminal) -> None:
    async with staged(ticks=20) as stage:
        port = stage.port
        terminal.start("boards", "turnover_24h", "--watch", "-n", "5", "--url", f"http://127.0.0.1:{port}")
        await terminal.reads("Turnover, 24 h", BTC, "simulated")
    await terminal.reads("reconnecting", BTC)
    async with staged(ApiSettings(port=port), ticks=25):
        await terminal.until(lambda: "reconnecting" not in terminal.text and BTC in terminal.text)
    terminal.press("C-c")
    await terminal.until(lambda: terminal.dead)


def watched(url: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "crosstape", "boards", *arguments, "--watch", "--url", url]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


@pytest.mark.parametrize("arguments", [("turnover_24h", "-n", "2"), ()], ids=["one", "all"])
async def test_watched_into_a_pipe(stage: Stage, arguments: tuple[str, ...], tmp_path: Path) -> None:
    process = watched(f"http://127.0.0.1:{stage.port}", *arguments)
    assert process.stdout is not None
    try:
        read = ""
        async with asyncio.timeout(PATIENCE_S):
            while "BTCUSDT" not in read or "turnover_24h" not in read:
                stage.again()
                read += await asyncio.to_thread(process.stdout.readline)
        assert "\x1b[" not in read
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)
        process.stdout.close()
