"""The command line: one JSON line when ready, an end by signal or by the parent's death."""

import signal
import subprocess
import sys
import urllib.request

import msgspec
import pytest

COMMAND = [sys.executable, "-m", "crosstape.sim", "--venue", "bybit", "--seed", "3", "--assets", "4"]


def ready(process: subprocess.Popen[bytes]) -> dict[str, str]:
    assert process.stdout is not None
    return msgspec.json.decode(process.stdout.readline())


@pytest.mark.parametrize("how", ["signal", "parent"])
def test_serves_until_told(how: str) -> None:
    more = ["--parent"] if how == "parent" else []
    with subprocess.Popen([*COMMAND, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            urls = ready(process)
            assert set(urls) == {"rest", "ws"}
            with urllib.request.urlopen(urls["rest"] + "/v5/market/time", timeout=60) as response:
                assert msgspec.json.decode(response.read())["retCode"] == 0
            if how == "parent":
                assert process.stdin is not None
                process.stdin.close()
            else:
                process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_an_unknown_venue_is_refused() -> None:
    command = [sys.executable, "-m", "crosstape.sim", "--venue", "bybit,nowhere"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "nowhere: not among bybit" in ended.stderr
