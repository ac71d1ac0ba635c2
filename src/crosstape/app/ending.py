"""The end that comes whatever anybody still owes us."""

from __future__ import annotations

import os
import sys
import threading

UNFINISHED = 1


def end_within(seconds: float) -> None:
    """From now on the process has so long.

    A thread that waits for a disk cannot be cancelled, and Python waits for its threads: without this a stalled
    disk would keep the process for ever.
    """

    def end() -> None:
        sys.stderr.write(f"crosstape: not ended within {seconds:g} s: a disk or a server does not answer\n")
        sys.stderr.flush()
        os._exit(UNFINISHED)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
