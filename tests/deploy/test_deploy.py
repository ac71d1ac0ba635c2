"""What stands in deploy/ is what a running crosstape serves: rules, queries, dashboards, the example configuration."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from crosstape.config import load

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
NAME = re.compile(r"\bcrosstape_[a-z0-9_]+")


MESSAGES = r'crosstape_source_messages_total\{market="bybit-linear",source="bybit-linear/0"'


def value(text: str, pattern: str) -> float:
    """The sum of the samples that match."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(pattern, line))


def promtool(*arguments: str, cwd: Path) -> None:
    """Runs promtool; without it the test is skipped on a laptop and fails in CI."""
    tool = shutil.which("promtool")
    if tool is None and os.environ.get("CI"):
        pytest.fail("promtool is not installed; .ci/run installs the package prometheus")
    if tool is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    done = subprocess.run([tool, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def expressions() -> list[tuple[str, str]]:
    """(where, query) of every panel."""
    return [
        (f"{path.stem}: {panel['title']}", target["expr"])
        for path in DASHBOARDS
        for panel in json.loads(path.read_text("utf-8"))["panels"]
        for target in panel["targets"]
    ]


def test_prometheus_takes_the_configuration_and_the_rules(tmp_path: Path) -> None:
    folder = tmp_path / "prometheus"
    shutil.copytree(DEPLOY / "prometheus", folder)
    (folder / "crosstape.key").write_text("the key that compose's README tells to make")
    promtool("check", "config", "prometheus.yml", cwd=folder)
    promtool("check", "rules", "alerts.yml", cwd=folder)


def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{i}", "expr": query.replace("$__rate_interval", "1m")}
        for i, (_, query) in enumerate(expressions())
    ]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", "rules.yml", cwd=tmp_path)


def test_dashboards_are_written_from_their_panels() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "dashboards"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert [path.stem for path in DASHBOARDS] == ["feeds", "market", "system"]
    uids = [json.loads(path.read_text("utf-8"))["uid"] for path in DASHBOARDS]
    assert len(set(uids)) == 3
    refreshed = {path.stem: json.loads(path.read_text("utf-8"))["refresh"] for path in DASHBOARDS}
    assert refreshed == {"system": "10s", "market": "1s", "feeds": "10s"}


def test_the_example_configuration_is_one() -> None:
    config = load(DEPLOY / "crosstape.toml", {})
    assert config.engine.of("bybit-linear").top == 150
    assert config.api.key_required is False


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """/metrics of a running demo, after a few requests."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "crosstape", "demo", "--port", "0", "--data", str(folder), "--assets", "12"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder) as process:
        try:
            assert process.stdout is not None
            address = next(found[0] for line in process.stdout if (found := re.findall(r"http://\S+/", line)))
            with httpx.Client(base_url=address, timeout=30.0) as client:
                deadline = time.monotonic() + 60
                while (
                    client.get("/ready").status_code != 200 or value(client.get("/metrics").text, MESSAGES) < 200
                ):
                    assert time.monotonic() < deadline, "the demo did not become ready"
                    time.sleep(0.2)
                assert client.get("/api/v1/markets/bybit-linear:BTCUSDT").status_code == 200
                assert client.get("/api/v1/nowhere").status_code == 404
                answer = client.get("/metrics")
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            yield answer.text
        finally:
            process.terminate()


def names(text: str) -> set[str]:
    """Every name that can be asked for: of samples, and of families that have none yet."""
    found = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")}
    for _, _, name, kind in (line.split(" ", 3) for line in text.splitlines() if line.startswith("# TYPE ")):
        found |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"} if kind == "histogram" else {name}
    return found


def test_every_metric_that_is_named_is_served(served: str) -> None:
    known = names(served)
    named = {name: where for where, query in expressions() for name in NAME.findall(query)}
    rules = (DEPLOY / "prometheus" / "alerts.yml").read_text("utf-8")
    named |= {
        name: "alerts.yml"
        for line in rules.splitlines()
        for name in NAME.findall(line)
        if "expr" in line or "/" in line
    }
    missing = {name: where for name, where in named.items() if name not in known}
    assert not missing
    assert len(named) > 50


def test_what_is_served_is_what_happens(served: str) -> None:
    assert value(served, r'crosstape_http_requests_total\{method="GET",route="other",status="404"\}') == 1
    assert value(served, r'crosstape_http_request_seconds_count\{route="/ready"\}') >= 1
    assert value(served, r"crosstape_source_frames_total\{") > 200
    assert value(served, r'crosstape_source_up\{market="bybit-linear"') == 1
    assert value(served, r"crosstape_tape_recording") == 1
    assert value(served, r"crosstape_memory_bytes") > 10e6
    assert value(served, r"crosstape_open_files") > 5
    assert value(served, r'crosstape_continuity_total\{source="bybit-linear/0",what="Opened"\}') == 1


def test_an_alert_names_what_it_is_about() -> None:
    text = (DEPLOY / "prometheus" / "alerts.yml").read_text("utf-8")
    alerts = text.split("- alert: ")[1:]
    assert len(alerts) >= 20
    for alert in alerts:
        assert re.search(r"severity: (critical|warning)", alert), alert
        assert "summary:" in alert
