"""The page that imports a file of this machine: what it would bring, what is not sure, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from crosstape.client.results import Row
from crosstape.client.streams import Imported
from crosstape.tui.grid import Grid
from crosstape.tui.keeping import KeepingPage
from crosstape.tui.link import Link
from crosstape.tui.palette import ACCENT, BADGE, DIM, DOWN, LABEL, PLAIN
from crosstape.tui.query import rows_of
from crosstape.tui.widgets import Lines, Spans

FIELDS = {
    "path": ("file", "~/Downloads/BTCUSDT-trades-2026-01.csv"),
    "kind": ("holds", "as found: trades, candles, executions"),
    "market": ("market", "as found"),
    "symbol": ("symbol", "as found"),
    "map": ("columns", "as found: price=px,size=qty"),
    "into": ("stream", "the file's name"),
}
# Enough for a look; what is not text cannot be cut.
HEAD_BYTES = 1_000_000
WHOLE = (".parquet", ".gz", ".zst")


class ImportPage(KeepingPage):
    """Enter looks; then `i` imports what was looked at."""

    heading = "Import"
    keys = "⏎ look · Tab · e edit · i import"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", show=False),
        Binding("i", "take", show=False),
        Binding("escape", "leave", show=False),
    ]

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.seen: dict[str, str] | None = None

    def parts(self) -> ComposeResult:
        """Fields, what was found, first rows."""
        with Vertical(id="fields"):
            for name, (_, hint) in FIELDS.items():
                with Horizontal(classes="field"):
                    yield Lines(id=f"label-{name}", classes="label")
                    yield Input(placeholder=hint, id=name, compact=True)
        yield Lines(id="found", classes="pane low")
        yield Grid(id="rows", classes="pane tall")

    def on_mount(self) -> None:
        """Ready for a path."""
        for name, (label, _) in FIELDS.items():
            self.query_one(f"#label-{name}", Lines).show([[(f" {label}", LABEL)]])
        self.query_one("#found").border_title = "what it is"
        self.query_one("#rows").border_title = "first rows, as they would be kept"
        self.query_one(Grid).empty = ""
        self.query_one("#path", Input).focus()
        self.say("the path of a CSV, NDJSON or Parquet file on this machine; Enter looks at it")

    def action_edit(self) -> None:
        """Back to the fields."""
        self.query_one("#path", Input).focus()

    def action_leave(self) -> None:
        """Esc: out of a field, where letters are keys again; then out of the page."""
        if isinstance(self.focused, Input):
            self.query_one(Grid).focus()
        else:
            self.app.call_later(self.app.run_action, "back")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter, in whatever field."""
        event.stop()
        self._look({name: self.query_one(f"#{name}", Input).value.strip() for name in FIELDS})

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """A row is nothing to be opened."""
        event.stop()

    @work(exclusive=True, group="import")
    async def _look(self, told: dict[str, str]) -> None:
        self.seen = None
        body = await self._body(told["path"], HEAD_BYTES)
        if not body:
            return
        found = await self.asked("looking", self.link.client.preview_file(body, **_named(told)))
        if found is None:
            return
        unsure, bad = [str(why) for why in found["unsure"]], found["bad"]
        self.query_one("#found", Lines).show(described(found))
        self.query_one(Grid).show(rows_of(found["rows"]))
        if unsure:
            self.say("not sure: say it in the fields above, and look again", BADGE)
            return
        self.seen = told
        self.query_one(Grid).focus()
        self.done("i imports it" + (f"; {len(bad)} of the first rows would be rejected" if bad else ""))

    @work(exclusive=True, group="import")
    async def action_take(self) -> None:
        """Import what was looked at."""
        told = self.seen
        if told is None:
            self.say("look at a file first: its path, then Enter", DOWN)
            return
        body = await self._body(told["path"])
        if not body:
            return
        asked = self.link.client.import_file(body, into=told["into"], **_named(told))
        outcome = await self.asked("importing", asked)
        if outcome is not None:
            self.seen = None
            self.query_one("#found", Lines).show(came_of(outcome))
            names = ", ".join(one.name for one in outcome.streams)
            self.done(f"imported into {names or 'no stream'}; g d lists streams")

    async def _body(self, path: str, most: int = 0) -> bytes:
        """The file, or of text so many bytes; nothing where it cannot be read, and the page says why."""
        self.say("reading …")
        try:
            body = await asyncio.to_thread(_read, Path(path).expanduser(), most)
        except (OSError, RuntimeError) as error:
            self.say(f"file: {getattr(error, 'strerror', '') or error}: {path!r}", DOWN)
            return b""
        if not body:
            self.say(f"file: {path!r} is empty", DOWN)
        return body


def _named(told: dict[str, str]) -> dict[str, str]:
    return {
        "file": Path(told["path"]).name[:120],
        **{name: told[name] for name in ("kind", "market", "symbol", "map")},
    }


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        if not most or path.suffix.lower() in WHOLE:
            return file.read()
        body = file.read(most)
    return body[: body.rfind(b"\n") + 1] if len(body) == most else body


def described(found: Row) -> Sequence[Spans]:
    """A preview in lines: layout, columns, questions, rows that would not be taken."""
    where = f"{found['market']}:{found['symbol']}" if found["symbol"] else f"market {found['market']}"
    columns = ", ".join(f"{field} = {column}" for field, column in found["columns"].items())
    lines: list[Spans] = [
        [(str(found["layout"]), ACCENT), (f"  {found['kind']} of {where}", PLAIN)],
        [("columns   ", LABEL), (columns or "none recognised", PLAIN)],
        [("in it     ", LABEL), (", ".join(found["file_columns"]), DIM)],
    ]
    lines += [[("not sure  ", BADGE), (str(why), PLAIN)] for why in found["unsure"]]
    return lines + _rejected(found["bad"])


def came_of(found: Imported) -> Sequence[Spans]:
    """What came of an import: kept, there already, rejected and why."""
    lines: list[Spans] = [
        [(f"{found.layout}: ", ACCENT), (f"{found.rows:,} rows read", PLAIN)],
        [("kept             ", LABEL), (f"{found.new:,}", PLAIN)],
        [("there already    ", LABEL), (f"{found.rows - found.new:,}", PLAIN)],
        [("rejected         ", LABEL), (f"{found.bad:,}", BADGE if found.bad else PLAIN)],
    ]
    if found.bad:
        lines.append([("rejects file     ", LABEL), (f"rejects/{found.rejects} of the data folder", PLAIN)])
    return lines + _rejected(found.reasons)


def _rejected(rows: Sequence[Row]) -> list[Spans]:
    return [
        [(f"line {row['line']:<7}", DOWN), (f"{row['reason']}  ", PLAIN), (str(row["text"])[:200], DIM)]
        for row in rows
    ]
