"""Real Redis and memcached servers on free ports, to be killed, frozen and started again on the same one."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

BOUND_S = 20.0


class CacheServer:
    """`redis-server` or `memcached`, in memory only."""

    def __init__(self, program: str) -> None:
        self.program = program
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As the configuration takes it."""
        scheme = "redis" if self.program == "redis-server" else "memcached"
        return f"{scheme}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it listens."""
        if self.program == "redis-server":
            command = [
                self.program,
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ]
        else:
            command = [self.program, "-l", "127.0.0.1", "-p", str(self.port), "-U", "0"]
            command += ["-u", "nobody"] if os.geteuid() == 0 else []
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdout=quiet, stderr=quiet)
        deadline = time.monotonic() + BOUND_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
                return
            assert self._process.poll() is None, f"{self.program} ended"
            assert time.monotonic() < deadline, f"{self.program} does not listen"
            time.sleep(0.01)

    def freeze(self) -> None:
        """It keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """At once; what it kept is gone."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


def cache_server(program: str) -> Iterator[CacheServer]:
    """Started, and stopped afterwards; skips where it is not installed, which CI does not forgive."""
    if shutil.which(program) is None:
        absent = f"{program.upper()} ABSENT: install it"
        if os.environ.get("CI"):
            pytest.fail(absent)
        pytest.skip(absent)
    server = CacheServer(program)
    server.start()
    try:
        yield server
    finally:
        server.kill()
