"""The terminal dashboard: pages, keys, search, and what happens when no server answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from textual import events, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from crosstape.client import AsyncClient, ClientError, Refused
from crosstape.tui.assets import AssetPage, AssetsPage
from crosstape.tui.boards import BoardsPage
from crosstape.tui.cache import CachePage
from crosstape.tui.credentials import CredentialsPage
from crosstape.tui.grid import Grid
from crosstape.tui.importing import ImportPage
from crosstape.tui.link import FASTEST_HZ, SLOWEST_HZ, Link
from crosstape.tui.market import MarketPage
from crosstape.tui.overlays import Finder, Sheet, Trouble
from crosstape.tui.overview import OverviewPage
from crosstape.tui.page import Page
from crosstape.tui.palette import CSS
from crosstape.tui.past import PastPage
from crosstape.tui.query import QueryPage
from crosstape.tui.streams import StreamsPage
from crosstape.tui.system import SystemPage

RETRY_S = 2.0
FIRST_MARKET = "-turnover_usd_24h"
PAGES = {"b": "boards", "m": "market", "o": "overview", "a": "assets", "s": "system", "e": "query",
         "d": "streams", "i": "import", "c": "cache", "k": "keys"}  # fmt: skip

PLAIN_PAGES: dict[str, Callable[[Link], Page]] = {
    "boards": BoardsPage, "overview": OverviewPage, "assets": AssetsPage, "system": SystemPage,
    "query": QueryPage, "streams": StreamsPage, "import": ImportPage, "cache": CachePage, "keys": CredentialsPage,
}  # fmt: skip


class Desk(App[None]):
    """`clock` is what staleness is measured by."""

    CSS = CSS
    TITLE = "crosstape"
    SCREENS: ClassVar[dict[str, Callable[[], Screen[Any]]]] = {"keys": Sheet}
    COMMAND_PALETTE_BINDING = "ctrl+k"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", show=False),
        Binding("slash", "search", show=False),
        Binding("question_mark", "push_screen('keys')", show=False),
        Binding("plus,equals_sign", "pace(1)", show=False),
        Binding("minus", "pace(-1)", show=False),
    ]

    def __init__(self, client: AsyncClient, hz: int = 4, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.link = Link(client, hz, clock)
        self._chord = False

    async def on_mount(self) -> None:
        """Begin with the boards, or with what is wrong."""
        self._begin()

    @work(exclusive=True, group="begin")
    async def _begin(self) -> None:
        trouble: Trouble | None = None
        while True:
            try:
                await self.link.greet()
                await self.link.client.boards()
                break
            except ClientError as error:
                if trouble is None:
                    trouble = Trouble(self.link)
                    await self.push_screen(trouble)
                trouble.tell(*_explained(error, self.link.place))
            await asyncio.sleep(RETRY_S)
        if trouble is not None:
            await self.pop_screen()
        await self.push_screen(BoardsPage(self.link))
        self.set_interval(RETRY_S, self._look_again)

    @work(exclusive=True, group="greet")
    async def _look_again(self) -> None:
        """A server that came back may be another kind of server."""
        try:
            await self.link.greet()
        except ClientError:
            return

    def on_key(self, event: events.Key) -> None:
        """g, then a page's letter."""
        chord, self._chord = self._chord, False
        if not isinstance(self.screen, Page):
            return
        if chord and event.key in PAGES:
            event.stop()
            event.prevent_default()
            self.go(PAGES[event.key])
        elif event.key == "g":
            self._chord = True
            event.stop()

    @work(exclusive=True, group="go")
    async def go(self, page: str, name: str = "") -> None:
        """To a page; its market or asset in `name`."""
        made: Page
        if page == "market":
            made = await _market(self.link, name or self.link.market or await self._greatest())
        elif page == "asset":
            made = AssetPage(self.link, name)
        else:
            made = PLAIN_PAGES[page](self.link)
        if page in PLAIN_PAGES:
            while len(self.screen_stack) > 2:
                await self.pop_screen()
            await self.switch_screen(made)
        else:
            await self.push_screen(made)

    async def _greatest(self) -> str:
        found = await self.link.client.markets(sort=FIRST_MARKET, limit=1)
        return str(found.rows[0]["id"]) if len(found) else ""

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Enter on a row."""
        if isinstance(self.screen, AssetsPage) and not isinstance(self.screen, AssetPage):
            self.go("asset", event.key)
        elif isinstance(self.screen, AssetPage | BoardsPage) or ":" in event.key:
            self.go("market", event.key)

    def action_search(self) -> None:
        """Find a market."""
        if isinstance(self.screen, Page):
            self.push_screen(Finder(self.link), self._found)

    def _found(self, market: str | None) -> None:
        if market:
            self.go("market", market)

    async def action_back(self) -> None:
        """Esc."""
        if len(self.screen_stack) > 2:
            await self.pop_screen()

    def action_pace(self, by: int) -> None:
        """Pictures a second."""
        self.link.hz = max(min(self.link.hz + by, FASTEST_HZ), SLOWEST_HZ)
        if isinstance(self.screen, Page):
            self.screen.on_screen_suspend()
            self.screen.on_screen_resume()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Ctrl+K."""
        for page in PAGES.values():
            yield SystemCommand(page.capitalize(), f"Go to {page}", lambda page=page: self.go(page))
        yield SystemCommand("Search", "Find a market", self.action_search)
        yield SystemCommand("Keys", "Every key, and what the marks mean", lambda: self.push_screen(Sheet()))
        if isinstance(screen, BoardsPage):
            for name in screen.names:
                yield SystemCommand(f"Board {name}", "Show this board", lambda name=name: screen.choose(name))
        yield SystemCommand("Quit", "Leave the dashboard", self.exit)


async def _market(link: Link, id: str) -> Page:
    """Live, or of the history where it is in no live table."""
    link.market = id
    try:
        about = (await link.client.market(id)).history
    except ClientError:
        # The page says what is wrong.
        about = None
    return MarketPage(link, id) if about is None else PastPage(link, about)


def _explained(error: ClientError, place: str) -> tuple[str, str, str]:
    if isinstance(error, Refused) and error.status == 401:
        advice = "Pass --api-key KEY, or set CROSSTAPE_KEY; `crosstape access create` makes one."
        return "A key is needed", str(error), advice
    if isinstance(error, Refused) and error.code == "not_ready":
        return "Nearly there", "The server has no view yet.", f"{place} was reached; the first view follows soon."
    advice = (
        "Start one (`crosstape demo`, `crosstape up`), or say where it is: crosstape tui --url http://host:port"
    )
    return "No crosstape answers", str(error), advice


async def run(url: str, key: str, hz: int) -> None:
    """Until the person quits. ClientError for an address that is none."""
    async with AsyncClient(url, key) as client:
        await Desk(client, hz).run_async()
