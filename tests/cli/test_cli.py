"""The command line as a stranger meets it: help, errors that name what is wrong, tapes, captures, boards."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from crosstape.tape.layout import Limits, Origin
from crosstape.tape.writer import write_tape
from crosstape.venues import VENUES
from support.shared import BYBIT, needs_shared
from support.world import tape_of


def crosstape(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crosstape", *map(str, arguments)]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "160"} | environment
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tape")
    write_tape(folder, tape_of(4.0), Origin("test", "1"), Limits(segment_frames=800, block_frames=100))
    return folder


def digest(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    found = re.search(r"digest ([0-9a-f]{32})", done.stdout)
    assert found, done.stdout
    return found[1]


def test_help_of_every_command() -> None:
    top = crosstape("--help")
    assert top.returncode == 0
    for command in ("up", "demo", "replay", "tape", "venues", "boards", "doctor", "config"):
        assert command in top.stdout
        done = crosstape(command, "--help")
        assert done.returncode == 0
        assert "Usage:" in done.stdout


def test_replay_twice_gives_one_digest(folder: Path) -> None:
    done = crosstape("replay", folder)
    assert "gainers_24h" in done.stdout
    assert "bybit-linear/0" in done.stdout
    assert digest(done) == digest(crosstape("replay", folder))


def test_the_digest_does_not_depend_on_the_processor(folder: Path) -> None:
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if not found:
        pytest.skip("this numpy has no faster code for this processor that could be switched off")
    plain = crosstape("replay", folder, NPY_DISABLE_CPU_FEATURES=" ".join(found))
    assert digest(plain) == digest(crosstape("replay", folder))


def test_splice_of_one_tape_keeps_its_digest(folder: Path, tmp_path: Path) -> None:
    into = tmp_path / "spliced"
    done = crosstape("tape", "splice", folder, "--into", into)
    assert done.returncode == 0, done.stderr
    assert digest(crosstape("replay", into)) == digest(crosstape("replay", folder))
    again = crosstape("tape", "splice", folder, "--into", into)
    assert again.returncode == 2
    assert "not empty" in again.stderr


def test_inspect_verify_play(folder: Path) -> None:
    inspected = crosstape("tape", "inspect", folder)
    assert "segments" in inspected.stdout
    assert "bybit-spot/0" in inspected.stdout
    verified = crosstape("tape", "verify", folder)
    assert verified.returncode == 0
    assert "sound" in verified.stdout
    played = crosstape("tape", "play", folder, "--limit", "3").stdout.splitlines()
    assert [json.loads(line)["kind"] for line in played] == ["COMMAND", "ANSWER", "ANSWER"]


def test_a_damaged_tape_says_where(folder: Path, tmp_path: Path) -> None:
    segment = sorted(folder.glob("*.tape"))[0]
    damaged = bytearray(segment.read_bytes())
    damaged[len(damaged) // 4] ^= 0xFF
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in folder.glob("*.tape"):
        (broken / path.name).write_bytes(bytes(damaged) if path == segment else path.read_bytes())
    for command in (("replay", broken), ("tape", "verify", broken)):
        done = crosstape(*command)
        assert done.returncode == 1
        assert re.search(rf"{segment.name}:\d+", done.stderr), done.stderr
        assert "Traceback" not in done.stderr


def test_no_tape_at_all(tmp_path: Path) -> None:
    (tmp_path / "x.tape").write_bytes(b"this is no tape")
    done = crosstape("replay", tmp_path / "x.tape")
    assert done.returncode == 1
    assert "x.tape:0" in done.stderr


@needs_shared
def test_a_public_capture_replays() -> None:
    capture = BYBIT / "cryptofeed" / "2025-06-13"
    done = crosstape("replay", capture / "BYBIT.ws.1.0", "--top", "2")
    assert digest(done)
    assert "bybit-linear" in done.stdout
    assert "spread_tightest" in done.stdout


def test_boards_and_venues_are_listed() -> None:
    assert "funding_highest" in crosstape("boards").stdout
    assert "bybit" in crosstape("venues").stdout


def test_a_board_without_a_server_says_so() -> None:
    done = crosstape("boards", "gainers_5m", "--url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "no crosstape answers" in done.stderr


def test_config_check_and_show(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text("[api]\nport = 1234\n")
    bad.write_text("[api]\nprot = 1234\n")
    assert crosstape("-c", good, "config", "check").stdout.strip() == "good"
    assert json.loads(crosstape("-c", good, "config", "show").stdout)["api"]["port"] == 1234
    done = crosstape("-c", bad, "config", "check")
    assert done.returncode == 2
    assert "did you mean api.port?" in done.stderr


def test_doctor_names_what_is_wrong(tmp_path: Path) -> None:
    off = {f"CROSSTAPE_VENUES__{v.id.upper()}__ENABLED": "false" for v in VENUES if v.id != "bybit"}
    bybit = {"CROSSTAPE_VENUES__BYBIT__REST": "http://127.0.0.1:9"}
    done = crosstape("doctor", **bybit, **off, CROSSTAPE_DATA=str(tmp_path))
    assert done.returncode == 1
    assert "ok   python" in done.stdout
    assert "FAIL bybit: 127.0.0.1:9 is not reachable" in done.stdout


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    environment = {"CROSSTAPE_DATA": str(tmp_path)}
    key = crosstape("access", "create", "desk", "--role", "trader", **environment).stdout.strip()
    assert key.startswith("ct_")
    listed = crosstape("access", "list", **environment).stdout
    assert "desk" in listed
    assert "trader" in listed
    assert key not in listed
    assert crosstape("access", "revoke", "1", **environment).returncode == 0
    again = crosstape("access", "revoke", "7", **environment)
    assert again.returncode == 1
    assert "no key 7" in again.stderr


def test_keys_are_scoped_expire_and_rotate(tmp_path: Path) -> None:
    environment = {"CROSSTAPE_DATA": str(tmp_path)}
    options = ("--scope", "boards", "--scope", "ws", "--expires", "90d")
    key = crosstape("access", "create", "desk", *options, **environment).stdout.strip()
    fresh = crosstape("access", "rotate", "1", "--overlap", "2h", **environment).stdout.strip()
    assert fresh.startswith("ct_")
    assert fresh != key
    listed = crosstape("access", "list", **environment).stdout
    assert listed.count("boards ws") == 2
    for options, said in (
        (("--scope", "nothing"), "'nothing'; allowed: "),
        (("--expires", "soon"), "allowed: 30s, 15m, 12h, 90d, 4w"),
    ):
        refused = crosstape("access", "create", "x", *options, **environment)
        assert refused.returncode == 2
        assert said in " ".join(refused.stderr.split())
    assert "no working key 1 to rotate" in crosstape("access", "rotate", "1", **environment).stderr
    assert "outcome" in crosstape("access", "audit", "--since", "1d", **environment).stdout
