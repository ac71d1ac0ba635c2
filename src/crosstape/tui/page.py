"""What pages have in common: subscriptions while they are seen, a banner, a beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.timer import Timer

from crosstape.client import ClientError
from crosstape.client.stream import Subscription
from crosstape.client.topics import Topic
from crosstape.tui.formats import clock, duration
from crosstape.tui.grid import Grid
from crosstape.tui.link import Link
from crosstape.tui.palette import ACCENT, ALARM, BADGE, DOWN, LABEL, PLAIN, UP
from crosstape.tui.widgets import Banner, Keys, Spans

EVERYWHERE = (
    "g b boards · m market · o overview · a assets · s system · e query · d streams │ / search · ? help · q quit"
)
MARKS = {"simulated": " SIMULATED ", "replay": " REPLAY "}


class Page(Screen[None]):
    """`title`: on the banner; `keys`: what the last line says beside the keys of every page."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.back", "back", show=False)]
    HORIZONTAL_BREAKPOINTS = [(0, "-small"), (110, "-normal")]  # noqa: RUF012
    heading: ClassVar[str] = ""
    keys: ClassVar[str] = ""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.link = link
        self._open: dict[str, Subscription[Any]] = {}
        self._notice, self._ts_ms, self._refused = "", 0.0, False
        self._beat: Timer | None = None

    def compose(self) -> ComposeResult:
        """Banner, the page's own, keys."""
        yield Banner()
        yield from self.body()
        yield Keys()

    def body(self) -> ComposeResult:
        """The page's own."""
        yield from ()

    def topics(self) -> Mapping[str, Topic[Any]]:
        """What to subscribe to, by a name of the page's own."""
        return {}

    def take(self, name: str, value: Any) -> None:
        """Something came."""

    def on_screen_resume(self) -> None:
        """Seen: subscribe."""
        self.tune()
        self._beat = self.set_interval(1 / self.link.hz, self.beat)
        self.query_one(Keys).show([[(f" {self.keys} │ {EVERYWHERE}", LABEL)]])
        self.beat()

    def on_screen_suspend(self) -> None:
        """Not seen: give everything up."""
        if self._beat is not None:
            self._beat.stop()
        for subscription in self._open.values():
            subscription.close()
        self._open.clear()

    def tune(self) -> None:
        """Subscribe to what is wanted now, and to nothing else."""
        wanted = self.topics()
        for name, subscription in list(self._open.items()):
            topic = wanted.get(name)
            if topic is None or topic.command(-1) != subscription.topic.command(-1):
                self._open.pop(name).close()
        self._notice, self._refused = "", False
        for name, topic in wanted.items():
            if name not in self._open:
                try:
                    self._open[name] = self.link.client.open(topic)
                except ClientError:
                    continue

    def beat(self) -> None:
        """Take what came, and say how fresh it is."""
        if self._open.keys() != self.topics().keys() and not self._refused:
            # The page before gives its topics up a moment after this one is seen.
            self.tune()
        for name, subscription in list(self._open.items()):
            try:
                value = subscription.poll()
            except ClientError as error:
                self.notice(str(error))
                self._refused = True
                self._open.pop(name).close()
                continue
            if value is not None:
                self.link.seen = self.link.clock()
                self._ts_ms = max(self._ts_ms if self.link.mode != "replay" else 0.0, value.ts_ms)
                self.take(name, value)
        for grid in self.query(Grid):
            if grid.faded != self.link.stale:
                grid.faded = self.link.stale
                grid.refresh()
        self.query_one(Banner).show([self.banner()])

    def notice(self, text: str) -> None:
        """Say it on the banner."""
        self._notice = text

    def banner(self) -> Spans:
        """Name, page, mode, connection, time, notice."""
        link = self.link
        if link.broken:
            connection = (f" ○ reconnecting, shown is {duration(link.age_s)} old ", ALARM)
        elif link.stale:
            connection = (f" ● nothing new for {duration(link.age_s)} ", BADGE)
        else:
            connection = (" ● live " if link.mode != "replay" else " ● ", UP)
        return [
            (" crosstape ", ACCENT), (f"│ {self.heading} ", PLAIN), (MARKS.get(link.mode, ""), ALARM),
            connection, (f"{link.place} ", LABEL),
            (clock(self._ts_ms, date=True) if self._ts_ms else "waiting for the first view", LABEL),
            (f"  {link.hz} Hz", LABEL), (f"  {self._notice}" if self._notice else "", DOWN),
        ]  # fmt: skip
