"""The page about the server: process, sources, recording, budgets, what was interrupted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.style import Style
from textual.app import ComposeResult
from textual.containers import Horizontal

from crosstape.client import topics
from crosstape.client.results import Row, Status
from crosstape.client.topics import Topic
from crosstape.tui.formats import clock, compact, duration
from crosstape.tui.grid import Grid
from crosstape.tui.page import Page
from crosstape.tui.palette import BADGE, DIM, DOWN, LABEL, PLAIN, UP
from crosstape.tui.rows import Cell, Head, Listing
from crosstape.tui.widgets import Feed, Lines, Spans

SOURCES = (Head("source", 26, True), Head("state", 11, True), Head("lag", 8), Head("last", 9), Head("frames", 9),
           Head("gaps", 6), Head("errors", 7), Head("reconnects", 11), Head("last error", 40, True))  # fmt: skip
STATES = {"open": UP, "idle": DIM}


class SystemPage(Page):
    """The status, once a second."""

    heading = "System"
    keys = "j k rows"

    def body(self) -> ComposeResult:
        """Process and interruptions above, sources below."""
        with Horizontal(classes="low"):
            yield Lines(id="process", classes="pane narrow")
            yield Feed(id="continuity", classes="pane narrow")
        yield Grid(id="sources", classes="pane tall")

    def on_mount(self) -> None:
        """Titles."""
        self.query_one("#process").border_title = "process and recording"
        self.query_one("#continuity").border_title = "opened, closed, gaps, repairs: newest first"
        self.query_one("#sources").border_title = "sources"
        self.query_one(Grid).focus()

    def topics(self) -> Mapping[str, Topic[Any]]:
        """The status."""
        return {"status": topics.status()}

    def take(self, name: str, value: Any) -> None:
        """To the panes."""
        self.query_one("#process", Lines).show(process(value))
        feed = self.query_one(Feed)
        feed.show([_broken(event) for event in reversed(value.continuity)][: max(feed.size.height, 1)])
        rows = [(str(source["source"]), _source(source, value.ts_ms)) for source in value.sources]
        self.query_one(Grid).show(Listing(SOURCES, rows))


def process(status: Status) -> Sequence[Spans]:
    """Figures of the process, a name and a value a line."""
    now, tape, web = status.process, status.tape, status.websocket
    recording = "recording" if tape.get("recording") else tape.get("failed") or "not recording"
    lines = (
        ("version", f"{status.version}, up {_for(now.get('uptime_s'))}"),
        ("instruments", f"{status.instruments:,}"),
        ("CPU of a core", _number(now.get("cpu_percent"), "%")),
        ("memory", f"{compact(float(now.get('memory_bytes') or 0))}B"),
        ("tick p50 / p99", f"{_number(now.get('tick_ms_p50'))} / {_number(now.get('tick_ms_p99'), ' ms')}"),
        ("loop lag p99", _number(now.get("loop_lag_ms_p99"), " ms")),
        ("frames a second", _number(now.get("frames_per_s"))),
        ("intake", f"{now.get('intake_waiting', 0):,} of {now.get('intake_limit', 0):,} waiting"),
        ("tape", f"{recording}, {compact(float(tape.get('bytes') or 0))}B, {tape.get('lost', 0)} frames lost"),
        ("WebSocket", f"{web.get('clients', 0)} clients, {web.get('topics', 0)} topics, "
                      f"{_number(web.get('per_s'))} messages/s"),
        ("digest", status.digest),
    )  # fmt: skip
    facts: list[Spans] = [[(f"{name:<19}", LABEL), (text, PLAIN)] for name, text in lines]
    wrong, not_ready = (
        [[(f"{what:<19}", LABEL), (reason, DOWN)] for reason in reasons]
        for what, reasons in (("WRONG", status.warnings), ("not ready", status.reasons_not_ready))
    )
    return [*wrong, *facts, *not_ready]


def _number(value: float | None, unit: str = "") -> str:
    return "–" if value is None else f"{value:,.1f}{unit}"


def _for(seconds: float | None) -> str:
    return "–" if seconds is None else duration(seconds)


def _source(source: Row, now_ms: float) -> Sequence[Cell]:
    state = str(source["state"])
    lag, last = source["lag_ms"], source["last_ms"]
    trouble: Style = BADGE if source["gaps"] or source["errors"] else PLAIN
    return [
        (str(source["source"]), PLAIN), (state, STATES.get(state, DOWN)),
        (duration(lag / 1e3) if lag is not None else "–", PLAIN),
        (duration(max(now_ms - last, 0.0) / 1e3) if last else "–", PLAIN),
        (compact(source["frames"]) if source["frames"] > 9_999 else str(source["frames"]), PLAIN),
        (str(source["gaps"]), trouble), (str(source["errors"]), trouble), (str(source["reconnects"]), PLAIN),
        (str(source["last_error"]), DOWN),
    ]  # fmt: skip


def _broken(event: Row) -> Spans:
    style = UP if event["what"] in ("Opened", "Repaired", "Resumed", "Snapshot") else BADGE
    return [(clock(event["ts_ms"]) + " ", DIM), (f"{event['what']:<9}", style), (f"{event['source']:<22} ", PLAIN),
            (event["id"], LABEL)]  # fmt: skip
