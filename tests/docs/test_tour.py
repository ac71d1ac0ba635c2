"""The notebook in docs/ runs as it stands, against a live server on the simulated world."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from crosstape.client import Client, ClientError

TOUR = Path(__file__).resolve().parents[2] / "docs" / "tour.ipynb"
PATIENCE_S = 180


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`crosstape demo`, small, on a free port, once it has candles and books."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "crosstape", "demo", "--port", "0", "--data", str(folder)]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    env |= {"CROSSTAPE_DEMO__VENUES": "bybit,okx"}
    process = subprocess.Popen(
        [*command, "--assets", "12", "--rate", "300"], stdout=subprocess.PIPE, text=True, env=env
    )
    try:
        assert process.stdout is not None
        found = None
        while found is None:
            line = process.stdout.readline()
            assert line, "the demo ended"
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
        _await_candles(found[0])
        yield found[0]
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def _await_candles(url: str) -> None:
    async def ready() -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not await asyncio.to_thread(_whole, url):
                await asyncio.sleep(0.5)

    asyncio.run(ready())


def _whole(url: str) -> bool:
    """The busiest market has a book, trades and candles."""
    with Client(url) as client:
        try:
            market = client.markets(limit=1).rows[0]["id"]
            book, trades, candles = client.book(market), client.trades(market), client.candles(market)
            return book.synced and len(trades) > 4 and len(candles) > 4 and "BTC" in market
        except (ClientError, IndexError):
            return False


# In a process of its own: the kernel's sockets outlive the notebook.
EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=float(sys.argv[3]), kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


def test_the_tour_runs(address: str, tmp_path: Path) -> None:
    nbformat.validate(nbformat.read(TOUR, as_version=4))
    own = {"CROSSTAPE_URL": address, "PYTHONPATH": os.pathsep.join(sys.path), "IPYTHONDIR": str(tmp_path),
           "JUPYTER_RUNTIME_DIR": str(tmp_path), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}  # fmt: skip
    run = tmp_path / "run.ipynb"
    command = [sys.executable, "-c", EXECUTE, str(TOUR), str(run), str(PATIENCE_S)]
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    notebook = nbformat.read(run, as_version=4)
    outputs = [
        output.get("text", "") + str(output.get("data", {}).get("text/plain", ""))
        for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
    ]  # fmt: skip
    text = "\n".join(outputs)
    assert "ok simulated" in text
    assert "synced: True" in text
    assert "allowed: 1m, 3m" in text
    assert len(re.findall(r"^\d+ \[\('", text, re.M)) == 3, "three live tables"


def test_it_is_kept_without_outputs() -> None:
    notebook = nbformat.read(TOUR, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    assert TOUR.stat().st_size < 20_000
