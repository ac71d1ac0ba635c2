"""Part files: named by the run of appends they hold, written whole or not at all, replaced by merged ones."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import msgspec

from crosstape.model.errors import ConfigError, StoreError

if TYPE_CHECKING:
    import pyarrow as pa

NAME = re.compile(r"(\d{8})-(\d{8})\.parquet")
ROW_GROUP = 131_072
LEVEL = 1


class Part(msgspec.Struct, frozen=True):
    """One file: the appends numbered first..last of its day."""

    path: Path
    first: int
    last: int

    def covers(self, other: Part) -> bool:
        """Whether the other's rows are all in this one."""
        return self != other and self.first <= other.first and other.last <= self.last


def day_folder(root: Path, kind: str, market: str, day: str) -> Path:
    """`<kind>/market=<market>/day=<YYYY-MM-DD>`: readers that know Hive folders see market and day as columns."""
    if not market or market.startswith("."):
        raise ConfigError(f"history: {market!r} is no market")
    return root / kind / f"market={quote(market, safe='')}" / f"day={day}"


def market_of(folder: Path) -> str:
    """The market a day's folder belongs to."""
    return unquote(folder.parent.name.removeprefix("market="))


def days(root: Path, kind: str, market: str = "") -> list[Path]:
    """Folders of days that exist, by market and day; "" = every market."""
    where = f"market={quote(market, safe='')}" if market else "market=*"
    return sorted(p for p in (root / kind).glob(f"{where}/day=*") if p.is_dir())


def parts(folder: Path) -> list[Part]:
    """The day's parts in order of their appends; those a merged one replaces are left out."""
    try:
        found = [
            Part(path, int(match[1]), int(match[2]))
            for path in folder.iterdir()
            if (match := NAME.fullmatch(path.name))
        ]
    except FileNotFoundError:
        return []
    found.sort(key=lambda part: (part.first, -part.last))
    kept: list[Part] = []
    for part in found:
        if not (kept and kept[-1].covers(part)):
            kept.append(part)
    return kept


def swept(folder: Path) -> int:
    """Remove what a kill left: parts that a merged one replaces, and files begun. How many went."""
    kept = {part.path for part in parts(folder)}
    gone = [p for p in folder.iterdir() if p not in kept and (NAME.fullmatch(p.name) or p.suffix == ".begun")]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)


def write(folder: Path, first: int, last: int, table: pa.Table) -> Path:
    """A part, on the disk when this returns; a kill leaves it whole or not there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / f"{first:08d}-{last:08d}.parquet"
    begun = path.with_suffix(".begun")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(
            _unknown(table), begun, compression="zstd", compression_level=LEVEL, row_group_size=ROW_GROUP,
            write_page_index=True,
        )  # fmt: skip
        _settle(begun)
        begun.replace(path)
        _settle(folder)
    except (OSError, pa.ArrowException) as error:
        begun.unlink(missing_ok=True)
        raise StoreError(f"history: cannot write {path}: {error}") from error
    return path


def _unknown(table: pa.Table) -> pa.Table:
    """NaN as null: what a Parquet engine takes for not known, in sums and in a file's least and greatest."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for i, field in enumerate(table.schema):
        if pa.types.is_floating(field.type):
            nan = pc.is_nan(table[i])
            if pc.any(nan).as_py():
                table = table.set_column(i, field, pc.if_else(nan, pa.scalar(None, field.type), table[i]))
    return table


def remove(gone: Sequence[Part]) -> None:
    """Delete parts; those that are gone already are none of our business."""
    for part in gone:
        part.path.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else, in any process, writes into the day's market meanwhile."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder.parent / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise StoreError(f"history: cannot write into {folder}: {error}") from error


def _settle(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
