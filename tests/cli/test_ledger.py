"""`crosstape ledger`: a backup made, checked and put back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from crosstape.store.ledger import Ledger


def _ledger(data: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "CROSSTAPE_DATA": str(data)}
    command = [sys.executable, "-m", "crosstape", "ledger", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)


def test_backup_check_and_restore(tmp_path: Path) -> None:
    one, two, file = tmp_path / "one", tmp_path / "two", tmp_path / "ledger.jsonl.zst"
    ledger = Ledger.open("", one)
    ledger.prefs_put("ann", {"a": 1})
    ledger.close()
    assert _ledger(one, "backup", file).stdout == f"{file}: 1 prefs\n"
    assert _ledger(two, "restore", file).stdout == "restored 1 prefs\n"
    checked = _ledger(two, "check")
    assert (checked.returncode, checked.stdout.startswith("sound, revision ")) == (0, True)
    again = _ledger(two, "restore", file)
    assert (again.returncode, "--replace forgets them" in again.stderr) == (2, True)
    assert _ledger(two, "restore", file, "--replace").returncode == 0
    assert _ledger(tmp_path / "none", "check").returncode == 2
