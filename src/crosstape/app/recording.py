"""What of each view goes into the history."""

from __future__ import annotations

from pathlib import Path

from crosstape.engine.view import View
from crosstape.metrics import COLUMNS
from crosstape.model.errors import ConfigError
from crosstape.store.history.files import History
from crosstape.store.history.gathering import FUNDING, INTEREST, QUOTES, Moment
from crosstape.store.history.recorder import Recorder
from crosstape.store.history.schemas import KINDS
from crosstape.store.history.settings import HistorySettings

SECOND_NS = 1_000_000_000


class Recording:
    """Takes views on the loop; a moment is made of references, so that this costs next to nothing.

    ConfigError: a kind or a metric that there is not.
    """

    def __init__(self, folder: Path, settings: HistorySettings) -> None:
        for given, known, what in (
            (settings.kinds, list(KINDS), "kinds"),
            (settings.metrics, [column.name for column in COLUMNS], "metrics"),
        ):
            if wrong := [name for name in given if name not in known]:
                raise ConfigError(f"history.{what}: there is no {wrong[0]!r}; allowed: {', '.join(known)}")
        self.history = History(folder)
        self.recorder = Recorder(self.history, settings) if settings.record else None
        self._quotes_ns = int(settings.quotes_s * SECOND_NS)
        self._sample_ns = int(settings.sample_s * SECOND_NS)
        self._sampled = tuple(dict.fromkeys((*FUNDING, *INTEREST, *settings.metrics)))
        self._last = 0

    def take(self, view: View, again: bool = False) -> None:
        """Keep what happened, and a sample when one is due. `again`: on a restart, where it may be there already,
        and where there is time to wait for room."""
        if self.recorder is None:
            return
        quotes = view.ts // self._quotes_ns != self._last // self._quotes_ns
        samples = view.ts // self._sample_ns != self._last // self._sample_ns
        self._last = view.ts
        if not (view.events or quotes or samples):
            return
        columns = view.columns
        moment = Moment(
            view.ts, view.rows.instruments, view.events,
            {name: columns[name] for name in QUOTES if name in columns} if quotes else {},
            {name: columns[name] for name in self._sampled if name in columns} if samples else {},
        )  # fmt: skip
        self.recorder.take(moment, again, again)

    def close(self) -> None:
        """Everything is on the disk when this returns."""
        if self.recorder is not None:
            self.recorder.close()
