"""The dashboard's own tests, and frames that both sides must read alike."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from crosstape.api.codec import DELTA, GONE, SNAPSHOT, Head, encode, schema_of

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "web" / "tests" / "golden.json"
LONGEST_S = 240


def frames() -> list[dict[str, Any]]:
    """A snapshot, a delta with an unknown value and a row that left, and an empty delta."""
    schema = schema_of([("change_24h", "fraction"), ("last", "price"), ("oi_usd", "usd")])
    cases = [
        (SNAPSHOT, 7, [5, 2, 9], [0, 1, 2], [0, 1, 1024], [[64120.5, 0.1, 3e-7], [0.25, -0.5, 0.0], [1e9, 2e6, np.nan]]),
        (DELTA, 8, [2, 9], [0, GONE], [3, 0], [[0.2, np.nan], [np.nan, np.nan], [-1.5, np.nan]]),
        (DELTA, 0xFFFFFFFF, [], [], [], [[], [], []]),
    ]  # fmt: skip
    found = []
    for kind, seq, rows, ranks, quality, columns in cases:
        ints = [np.array(values, np.uint32) for values in (rows, ranks, quality)]
        numbers = [np.array(values, np.float64) for values in columns]
        frame = encode(kind, Head("markets", 513, seq, 1795656457600.5), schema, *ints, numbers)
        values = [[None if np.isnan(v) else float(v) for v in column] for column in columns]
        found.append(
            {"frame": base64.b64encode(frame).decode(), "schema": schema.id, "kind": kind, "seq": seq, "rows": rows,
             "ranks": ranks, "quality": quality, "values": values,
             "columns": [{"name": c.name, "unit": c.unit, "type": c.type} for c in schema.columns]}
        )  # fmt: skip
    return found


def test_the_golden_frames_are_what_the_server_sends() -> None:
    expected = json.dumps(frames(), indent=1) + "\n"
    assert GOLDEN.read_text() == expected, "written anew by: python tests/web/test_frontend.py"


def test_the_dashboards_own_tests_pass() -> None:
    command = [sys.executable, "hatch_build.py", "npm", "run", "--silent", "test"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(frames(), indent=1) + "\n")
