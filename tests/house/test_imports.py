"""Configuration and `--help` cost nothing that only a running crosstape needs."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

HEAVY = {"litestar", "uvicorn", "sqlalchemy", "alembic", "psycopg", "ccxt", "numba", "aiohttp", "picows", "duckdb"}


@pytest.mark.parametrize(
    "name", ["crosstape.config", "crosstape.cli", "crosstape.store.ledger", "crosstape.venues"]
)
def test_a_light_module_imports_nothing_heavy(name: str) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not there yet")
    code = f"import sys, {name}\nprint(*sorted(m for m in sys.modules if '.' not in m))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not HEAVY & set(out.stdout.split())


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom crosstape.cli import main\nsys.argv = ['crosstape', '--help']\n"
        "try:\n    main()\nfinally:\n    print(*sorted(m for m in sys.modules if '.' not in m), file=sys.stderr)"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "Usage" in out.stdout
    assert not HEAVY & set(out.stderr.split())
