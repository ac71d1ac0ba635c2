"""Commands over tapes: replay, and `crosstape tape …`."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from crosstape.engine.view import View
    from crosstape.model.frame import Frame

PATHS = click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="TAPE..."
)
MARKET = click.option("--market", default="", help="Market of captures that do not say it, e.g. bybit-linear.")


@click.command()
@PATHS
@click.option("--speed", type=float, default=0.0, help="Times real time; 0 = as fast as it goes.")
@click.option("--top", type=int, default=3, show_default=True, help="Rows shown of every board.")
@MARKET
@click.option("--serve", is_flag=True, help="Serve the tape over the API instead, to be moved in time.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8318, show_default=True, help="With --serve.")
@click.option("--at", default="", help="With --serve: begin here (ISO 8601, or ms since the epoch).")
@click.option(
    "--into", type=click.Path(path_type=Path), help="Write the history of the tape into this new folder."
)
@click.option("--parent", is_flag=True, hidden=True, help="End with whoever started this.")
def replay(
    paths: tuple[Path, ...], speed: float, top: int, market: str, serve: bool, port: int, at: str,
    into: Path | None, parent: bool,
) -> None:  # fmt: skip
    """Replay tapes or public captures: counts, the top of the boards, and the digest."""
    from crosstape.app import replaying

    if serve:
        return _serve(paths, port, at, parent)
    frames, machine = replaying.open_tape(paths, market)
    counts: Counter[tuple[str, str]] = Counter()
    last: list[View] = []
    began = time.perf_counter()
    watched = _progress(_paced(_counted(frames, counts), speed))
    with _kept(into) as keep:

        def publish(view: View) -> None:
            last[:] = [view]
            keep(view)

        replaying.replay(watched, machine, publish)
    took = time.perf_counter() - began
    if not last:
        raise click.ClickException("no TICK on the tape: nothing was published")
    _report(last[0], counts, took, top)


@contextmanager
def _kept(into: Path | None) -> Iterator[Callable[[View], None]]:
    """Takes views; they are in the history below `into` when the block ends."""
    if into is None:
        yield lambda view: None
        return
    if into.exists() and any(into.iterdir()):
        raise click.BadParameter(f"{into} is not empty: a replay writes into a new folder", param_hint="--into")
    from crosstape.app.recording import Recording
    from crosstape.store.history.settings import HistorySettings

    recording = Recording(into / "history", HistorySettings())
    try:
        yield lambda view: recording.take(view, again=True)
    finally:
        recording.close()
    assert recording.recorder is not None
    click.echo(f"{recording.recorder.rows:,} rows of history in {into / 'history'}")


def _serve(paths: tuple[Path, ...], port: int, at: str, parent: bool) -> None:
    from crosstape.api.errors import ApiError
    from crosstape.api.routes_replay import TIME, moment
    from crosstape.app.replay_server import serve_replay
    from crosstape.cli.running import run
    from crosstape.config import load

    if len(paths) != 1 or not paths[0].is_dir():
        hint = "`crosstape tape splice … --into FOLDER` makes one of other things"
        raise click.UsageError(f"--serve takes one folder of segments; {hint}")
    try:
        when = moment(float(at) if at.replace(".", "", 1).isdecimal() else at) if at else None
    except ApiError as error:
        raise click.BadParameter(f"{at!r} is no time (allowed: {TIME})", param_hint="--at") from error
    key = sys.stdin.buffer.readline().decode().strip() if parent else ""
    run(load(None), serve_replay(paths[0].resolve(), when, port, click.echo, key, parent))


def _counted(frames: Iterator[Frame], counts: Counter[tuple[str, str]]) -> Iterator[Frame]:
    for frame in frames:
        counts[frame.source, frame.kind.name] += 1
        yield frame


def _paced(frames: Iterator[Frame], speed: float) -> Iterator[Frame]:
    if speed <= 0:
        yield from frames
        return
    origin, first = time.perf_counter(), -1
    for frame in frames:
        first = frame.ts_recv if first < 0 else first
        ahead = (frame.ts_recv - first) * 1e-9 / speed - (time.perf_counter() - origin)
        if ahead > 0.001:
            time.sleep(ahead)
        yield frame


def _progress(frames: Iterator[Frame]) -> Iterator[Frame]:
    if not sys.stderr.isatty():
        yield from frames
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} frames  {task.fields[at]}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("replay", total=None, at="")
        for n, frame in enumerate(frames):
            if n % 5_000 == 0:
                at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(frame.ts_recv / 1e9))
                progress.update(task, completed=n, at=at)
            yield frame


def _report(view: View, counts: Counter[tuple[str, str]], took: float, top: int) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("source", "kind", "frames", title="Frames", title_justify="left")
    for (source, kind), n in sorted(counts.items()):
        table.add_row(source, kind, f"{n:,}")
    console.print(table)
    events = Table(
        "source", "open", "errors", "gaps", "failed", "last error", title="Sources", title_justify="left"
    )
    for s in view.sources:
        events.add_row(s.name, "yes" if s.open else "no", *(f"{n:,}" for n in (s.errors, s.gaps, s.failed)),
                       s.last_error[:60])  # fmt: skip
    console.print(events)
    boards = Table("board", *(f"#{i + 1}" for i in range(top)), title="Boards", title_justify="left")
    for name, ranking in view.boards.items():
        shown = zip(ranking.rows[:top].tolist(), ranking.values[:top].tolist(), strict=True)
        cells = [f"{_name(view, row)} {value:.6g}" for row, value in shown]
        if cells:
            boards.add_row(name, *cells)
    console.print(boards)
    total = sum(counts.values())
    console.print(
        f"{total:,} frames, {view.number:,} views in {took:.2f} s = {total / max(took, 1e-9):,.0f} frames/s"
    )
    console.print(f"digest {view.digest}")


def _name(view: View, row: int) -> str:
    instrument = view.rows.instruments[row]
    return instrument.id if instrument is not None else "?"


@click.group()
def tape() -> None:
    """Record, play, splice, inspect and verify tapes."""


@tape.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seconds", type=float, default=0.0, help="Stop after so long; 0 = until interrupted.")
@click.pass_context
def record(context: click.Context, folder: Path, seconds: float) -> None:
    """Record live venues into FOLDER, without API or dashboard."""
    from crosstape.cli.running import record_tape

    record_tape(context.find_root().obj, folder, seconds)


@tape.command()
@PATHS
@click.option("--source", default="", help="Only frames of sources that begin with this.")
@click.option("--limit", type=int, default=0, help="Stop after so many frames; 0 = all.")
@MARKET
def play(paths: tuple[Path, ...], source: str, limit: int, market: str) -> None:
    """Print frames, one JSON line each."""
    import msgspec

    from crosstape.app import replaying

    shown = 0
    for frame in replaying.open_tape(paths, market)[0]:
        if not frame.source.startswith(source):
            continue
        line = msgspec.structs.asdict(frame) | {
            "kind": frame.kind.name,
            "payload": frame.payload.decode("utf-8", "backslashreplace"),
        }
        click.echo(msgspec.json.encode(line).decode())
        shown += 1
        if shown == limit:
            return


@tape.command()
@PATHS
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write.")
@MARKET
def splice(paths: tuple[Path, ...], into: Path, market: str) -> None:
    """Merge tapes and captures by receive time into one tape."""
    from crosstape import __version__
    from crosstape.app import replaying
    from crosstape.tape.layout import Origin
    from crosstape.tape.writer import write_tape

    if into.exists() and any(into.iterdir()):
        raise click.BadParameter(f"{into} is not empty", param_hint="--into")
    frames = _progress(replaying.merged(paths, market))
    written = write_tape(into, frames, Origin(f"splice-{int(time.time())}", __version__))
    click.echo(f"{written:,} frames in {into}")


@tape.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
def inspect(path: Path) -> None:
    """What is on a tape: runs, times, frames by source and kind."""
    from rich.console import Console
    from rich.table import Table

    from crosstape.tape.inspection import inspect as look

    found = look(path)
    console = Console()
    console.print(
        f"{found.segments} segments, {found.frames:,} frames, {_time(found.first_ts)} to {_time(found.last_ts)}, "
        f"{found.bytes_raw / 1e6:,.1f} MB in {found.bytes_compressed / 1e6:,.1f} MB on disk, "
        f"{len(found.checkpoints)} checkpoints"
    )
    runs = Table("run", "code", "segments", "first seq", "next seq", title="Runs", title_justify="left")
    for run in found.runs:
        runs.add_row(run.run, run.code, str(run.segments), f"{run.first_seq:,}", f"{run.next_seq:,}")
    console.print(runs)
    counts = Table("source", "kind", "frames", title="Frames", title_justify="left")
    for source, kinds in sorted(found.counts.items()):
        for kind, n in sorted(kinds.items()):
            counts.add_row(source, kind, f"{n:,}")
    console.print(counts)
    for torn in found.torn:
        console.print(f"torn tail: {torn}")


def _time(ts: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(ts / 1e9)) if ts else ""


@tape.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
def verify(path: Path) -> None:
    """Read every block and checkpoint; exit 1 and say where when something is wrong."""
    from crosstape.tape.inspection import verify as check

    result = check(path)
    click.echo(f"{result.segments} segments, {result.frames:,} frames, {result.checkpoints} checkpoints")
    for torn in result.torn:
        click.echo(f"torn tail (tolerated): {torn}")
    for problem in result.problems:
        click.echo(f"{problem.path}:{problem.offset}: {problem.message}", err=True)
    if not result.sound:
        raise click.ClickException("the tape is damaged")
    click.echo("sound")
