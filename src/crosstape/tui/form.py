"""What asks back: fields to fill in, and whether one is sure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, NamedTuple

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from crosstape.client import ClientError
from crosstape.tui.overlays import plain


class Field(NamedTuple):
    """`hidden`: what is typed is not shown. `fixed`: it is said, and not typed."""

    name: str
    label: str
    value: str = ""
    hint: str = ""
    hidden: bool = False
    fixed: bool = False


class Form(ModalScreen[bool]):
    """Enter goes on to the next field and sends from the last; what the server refuses is said below, and nothing
    typed is lost. Esc leaves. True: it was taken."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(False)", show=False)]

    def __init__(
        self, heading: str, fields: Sequence[Field], send: Callable[[dict[str, str]], Awaitable[None]]
    ) -> None:
        super().__init__()
        self._heading, self._fields, self._send = heading, fields, send

    def compose(self) -> ComposeResult:
        """A field a line."""
        with Vertical(classes="box"):
            yield Static(f"[b]{plain(self._heading)}[/b]\n")
            for field in self._fields:
                if field.fixed:
                    yield Label(f"{field.label}: {plain(field.value)}")
                    continue
                yield Label(field.label)
                yield Input(field.value, placeholder=field.hint, password=field.hidden, id=field.name)
            yield Static("Enter the next field, and from the last one send; Esc leave", id="told")

    def on_mount(self) -> None:
        """Begin with the first."""
        self.query(Input).first().focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        event.stop()
        inputs = list(self.query(Input))
        if event.input is inputs[-1]:
            self._try({one.id or "": one.value for one in inputs})
        else:
            inputs[inputs.index(event.input) + 1].focus()

    @work(exclusive=True)
    async def _try(self, typed: dict[str, str]) -> None:
        told = self.query_one("#told", Static)
        told.update("sending …")
        fixed = {field.name: field.value for field in self._fields if field.fixed}
        try:
            await self._send(fixed | typed)
        except ClientError as error:
            told.update(f"[bold #ff6a4d]{plain(str(error))}[/]")
            return
        self.dismiss(True)


class Sure(ModalScreen[bool]):
    """A question; y is yes, everything else is no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", show=False),
        Binding("n,escape,enter,q", "dismiss(False)", show=False),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """The question."""
        with Vertical(classes="box"):
            yield Static(f"{plain(self._question)}\n\n[b]y[/b] yes · [b]n[/b] no")
