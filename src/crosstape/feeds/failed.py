"""The FAILED frame: what could not be done is on the tape too."""

from __future__ import annotations

from crosstape.feeds.settings import Ports
from crosstape.model.frame import Kind


def failed(ports: Ports, source: str, request: str, reason: str, status: int = 0, headers: str = "") -> None:
    """Say that `request` of `source` failed, and why."""
    ports.intake.put(ports.clock.now(), source, 0, Kind.FAILED, reason.encode(), request, status, headers)
