"""An importer over a real ledger and a real history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crosstape.store.history.files import History
from crosstape.store.importing.importer import Importer, Outcome
from crosstape.store.importing.plan import Told
from crosstape.store.ledger import Ledger


class Desk(NamedTuple):
    ledger: Ledger
    history: History
    folder: Path

    def load(self, path: Path, told: Told | None = None, **more: Any) -> Outcome:
        importer = Importer(self.ledger, self.history, self.folder / "rejects")
        return importer.run(path, told or Told(), **more)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    ledger = Ledger.open("", tmp_path)
    yield Desk(ledger, History(tmp_path / "history"), tmp_path)
    ledger.close()


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, *lines: str) -> Path:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return path

    return write
