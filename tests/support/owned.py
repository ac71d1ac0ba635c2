"""A crosstape that follows a simulated account, with its key in a vault as a user has it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec

from crosstape.app.accounts import follow, open_vault
from crosstape.app.keeping import Keeper
from crosstape.app.known import addressed, narrowed
from crosstape.app.running import Live
from crosstape.config import AccountSettings, Config, TapeSettings
from crosstape.engine.settings import EngineSettings, Universe
from crosstape.engine.view import OwnAccount, View
from crosstape.model.credential import Credential
from crosstape.model.frame import Frame
from crosstape.sim.account import KEY, SECRET, Account
from crosstape.sim.fault import Close, Fault, RestFault
from crosstape.sim.server import SimSettings, Simulation, serve
from crosstape.sim.venue import Server
from crosstape.tape.reader import play
from crosstape.venues import VENUES
from support.running import run_until

# Only the account matters here: one market of the venue, and none of its instruments.
QUIET = EngineSettings(
    mode="simulated", universe=Universe(top=1, deep=0, min_24h_volume=1e15), backfill_hours=0, cross_check_s=0
)
MARKETS = {"bybit": "bybit-linear", "binance": "binance-usdm", "binance-spot": "binance-spot"}
# The private side of a venue that is followed, and what the simulator calls its half of it.
SIDES = {"bybit": ("bybit-account", "own"), "binance": ("binance-account", "own"),
         "binance-spot": ("binance-spot-account", "spot")}  # fmt: skip
NAME = "mine"
SECRETS = (KEY, SECRET)


class Shown(list[View]):
    """Views, each given to the keeper of the ledger as it comes."""

    def __init__(self, keeper: Keeper | None) -> None:
        super().__init__()
        self._keeper = keeper

    def append(self, view: View) -> None:
        if self._keeper is not None:
            self._keeper.take(view)
        super().append(view)


class Following:
    """The simulated account, the crosstape that follows it, and what that showed."""

    def __init__(
        self, simulation: Simulation, start: Callable[[Callable[[View], None]], Live], venue: str,
        keeper: Keeper | None,
    ) -> None:  # fmt: skip
        self.simulation, self._start, self.cuts = simulation, start, 0
        self._cut: set[int] = set()
        self._cut_ts = self._missed = 0
        self.venue = venue
        self.server: Server = next(iter(simulation.venues.values()))
        self.shown: Any = getattr(self.server.stream, SIDES[venue][1])
        self.theirs: Account = self.shown.account
        self.restart(keeper)

    def restart(self, keeper: Keeper | None = None) -> None:
        """A new crosstape over the same folder; views that it restores are not shown."""
        self.views = Shown(keeper)
        self.live = self._start(keeper.take if keeper is not None else lambda view: None)

    async def until(self, done: Callable[[], bool], bound_s: float = 60.0) -> None:
        """Run until then, once: the world goes on while it is looked at."""
        came = False

        def look() -> bool:
            nonlocal came
            if len(self.theirs.fills) > self._missed:
                self.server.opens.limit = self.server.dialect.opens.count
            came = bool(self._mine) and done()
            return came

        await run_until(self.live, self.views, look, bound_s)
        assert came, f"not within {bound_s:.0f} s: {self.differs() if self._mine else None}"

    @property
    def own(self) -> OwnAccount:
        """The account as of the newest view."""
        return self._mine[0]

    @property
    def _mine(self) -> list[OwnAccount]:
        wanted = SIDES[self.venue][0].removesuffix("-account")
        return [one for one in self.views[-1].own if one.venue == wanted]

    def hurry(self) -> None:
        """The account acts at once."""
        self.theirs.due_ns = 0

    def rest(self) -> None:
        """The account does nothing new any more, and lets its orders go."""
        self.theirs.due_ns = 1 << 62
        for order in self.theirs.open.values():
            order.created_ns = 0

    def cut(self) -> int:
        """Cut the private sockets, and let none in until something was filled; how many had not been cut yet."""
        private = [c for c in self.server.connections.values() if c.category.startswith("private")]
        mine = [c for c in private if c.number not in self._cut]
        for connection in mine:
            self._cut.add(connection.number)
            self._cut_ts, self._missed = time.time_ns(), len(self.theirs.fills) + 1
            self.server.opens.limit = 0
            connection.cut(Close(1006))
        return len(mine)

    def agrees(self) -> bool:
        """Whether all that is known of the account is all that there is of it, and was asked since the last cut."""
        return not self.differs()

    def differs(self) -> list[str]:
        """Where it does not agree."""
        own, theirs, name = self.own, self.theirs, self.theirs.contract
        fills = sorted((name(f.order.row).symbol, name(f.order.row).size_text(f.lots)) for f in theirs.fills)
        held, balances = {}, [f"{theirs.wallet:f}"]
        if self.venue == "binance-spot":
            balances = [f"{total:.8f}" for _, total in sorted(self.shown.held.items())]
        else:
            held = {name(r).symbol: name(r).size_text(abs(p.lots)) for r, p in theirs.positions.items() if p.lots}
        pairs = (
            ("state", own.state == "synced" and own.whole_ts > self._cut_ts, True),
            ("fills", sorted((f.symbol, f.size) for f in own.fills), fills),
            ("positions", {p.symbol: p.size for p in own.positions}, held),
            ("orders", len(own.orders), len(theirs.open)),
            ("balances", [b.total for b in own.balances], balances),
        )
        return [f"{what}: {mine} for {right}"[:300] for what, mine, right in pairs if mine != right]


@contextlib.asynccontextmanager
async def following(
    folder: Path, venue: str = "bybit", secret: str = SECRET, key: str = KEY, record: bool = False,
    rest_faults: tuple[RestFault, ...] = (), faults: tuple[Fault, ...] = (), keeper: Keeper | None = None,
    one_side: bool = True,
) -> AsyncIterator[Following]:  # fmt: skip
    """`venue` names the side of it that is looked at; with `one_side` none other is followed. It runs inside `Following.until` only. The vault's passphrase is in the environment."""
    house = venue.partition("-")[0]
    settings = SimSettings(venues=(house,), seed=3, assets=12, rate=600.0)
    async with serve(settings, faults=faults, rest_faults=rest_faults) as simulation:
        urls = simulation.urls[house]
        place = addressed(next(v for v in VENUES if v.id == house), urls.rest, urls.ws)
        sides = tuple(one for one in place.private if not one_side or one.stream.market == SIDES[venue][0])
        place = msgspec.structs.replace(place, private=sides)
        config = Config(
            data=str(folder), tape=TapeSettings(record=record, segment_frames=200),
            account=AccountSettings((NAME,)),
        )  # fmt: skip
        vault = open_vault(config)
        if vault.get(NAME) is None:
            vault.add(Credential(NAME, house, key, secret))

        def start(restored: Callable[[View], None]) -> Live:
            live = follow(Live(config, [narrowed(place, (MARKETS[venue],))]))
            live.open(QUIET, restored)
            return live

        yield Following(simulation, start, venue, keeper)


def everything_written(folder: Path) -> bytes:
    """All bytes of all files below, those of a tape also as they were before they were packed."""
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "vault.json"]
    tape = folder / "tape"
    frames: list[Frame] = list(play(tape)) if tape.is_dir() else []
    return b"".join([*files, *(msgspec.json.encode(msgspec.to_builtins(frame)) for frame in frames),
                     *(frame.payload for frame in frames)])  # fmt: skip
