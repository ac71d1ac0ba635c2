"""`crosstape keys`: secrets go in by standard input, are tried, and never come out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.signed import KEY, SECRET, exchange


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"CROSSTAPE_DATA": str(tmp_path), "CROSSTAPE_PASSPHRASE": "correct horse"}


def _keys(*arguments: str, said: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "120"} | environment
    command = [sys.executable, "-m", "crosstape", "keys", *arguments]
    return subprocess.run(command, input=said, capture_output=True, text=True, env=env, timeout=60, check=False)


def test_a_key_is_kept_tried_rotated_and_removed(environment: dict[str, str], tmp_path: Path) -> None:
    done = []

    def run(*arguments: str, said: str = "", **other: str) -> subprocess.CompletedProcess[str]:
        done.append(_keys(*arguments, said=said, **(environment | other)))
        return done[-1]

    with exchange() as address:
        assert (
            "kept mine (bybit, a-ke•••)"
            in run("add", "mine", "--venue", "bybit", said=f"{KEY}\n{SECRET}\n").stdout
        )
        assert "mine" in run("list").stdout
        tried = run("test", "mine", CROSSTAPE_VENUES__BYBIT__REST=address)
        assert "bybit takes the key mine; its account holds 1 assets" in tried.stdout
        assert "0.100000000000000001" in tried.stdout
        bad = run("add", "mine", "--venue", "bybit", "--replace", said=f"{KEY}\nwrong\n")
        assert bad.returncode == 0
        refused = run("test", "mine", CROSSTAPE_VENUES__BYBIT__REST=address)
        assert (refused.returncode, "bybit refuses the key 'mine': 10004" in refused.stderr) == (2, True)
    wrong = run("list", CROSSTAPE_PASSPHRASE="incorrect horse")
    assert (wrong.returncode, wrong.stderr) == (2, "configuration: the passphrase of the vault is wrong\n")
    assert run("rotate", said="battery staple\n").returncode == 0
    assert run("list").returncode == 2
    environment["CROSSTAPE_PASSPHRASE"] = "battery staple"
    assert "mine is removed" in run("remove", "mine").stdout
    again = run("remove", "mine")
    assert (again.returncode, "no key 'mine'" in again.stderr) == (1, True)
    for one in done:
        for word in (KEY, SECRET, "horse", "staple"):
            assert word not in one.stdout + one.stderr


def test_without_a_passphrase_it_says_what_to_set(environment: dict[str, str]) -> None:
    del environment["CROSSTAPE_PASSPHRASE"]
    done = _keys("list", **environment)
    assert done.returncode == 2
    assert "set CROSSTAPE_PASSPHRASE or vault.key_file" in done.stderr
