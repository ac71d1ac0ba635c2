"""What the pages about what a user keeps have in common: a line that says what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from rich.style import Style
from textual.app import ComposeResult

from crosstape.client import ClientError, topics
from crosstape.client.topics import Topic
from crosstape.tui.page import Page
from crosstape.tui.palette import DOWN, LABEL, UP
from crosstape.tui.widgets import Lines

T = TypeVar("T")


class KeepingPage(Page):
    """Its own parts, and below them what was said last. The status is subscribed to as a sign of life."""

    def body(self) -> ComposeResult:
        """The page's own, and the line."""
        yield from self.parts()
        yield Lines(id="said", classes="said")

    def parts(self) -> ComposeResult:
        """The page's own."""
        yield from ()

    def topics(self) -> Mapping[str, Topic[Any]]:
        """The status."""
        return {"status": topics.status()}

    def say(self, text: str, style: Style = LABEL) -> None:
        """What came of it."""
        self.query_one("#said", Lines).show([[(" " + text, style)]])

    def done(self, text: str) -> None:
        """It went well."""
        self.say(text, UP)

    async def asked(self, what: str, work: Awaitable[T]) -> T | None:
        """An answer; None where there is none, and the page says why in the server's words."""
        if what:
            self.say(f"{what} …")
        try:
            found = await work
        except ClientError as error:
            self.say(str(error), DOWN)
            return None
        self.say("")
        return found
