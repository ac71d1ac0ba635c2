"""`crosstape import`: files into the history and the ledger."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from crosstape.config import Config
    from crosstape.store.importing.importer import Outcome, Preview
    from crosstape.store.importing.plan import Told

KINDS = click.Choice(["trades", "candles", "executions"])


@click.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--preview", "only_look", is_flag=True, help="Show what would be imported, and import nothing.")
@click.option("--map", "maps", multiple=True, metavar="FIELD=COLUMN", help="What a column is: --map price=px.")
@click.option("--kind", type=KINDS, default=None, help="What the rows are; found out otherwise.")
@click.option("--market", default="", help="In front of the symbol: bybit-linear, import.")
@click.option("--symbol", default="", help="Of every row, where no column says.")
@click.option("--name", default="", help="The stream's name; the file's otherwise.")
@click.option(
    "--to-tape", "tape", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
    help="Write its trades as a tape instead, for `crosstape replay`.",
)  # fmt: skip
@click.pass_context
def import_file(
    context: click.Context, path: Path, only_look: bool, maps: tuple[str, ...], kind: str | None, market: str,
    symbol: str, name: str, tape: Path | None,
) -> None:  # fmt: skip
    """Import trades, candles or own fills: CSV, NDJSON or Parquet, gzipped or not.

    The layouts of Binance, Bybit, BitMEX, OKX, Deribit, Coinbase, Kraken and Hyperliquid are recognised, others
    by the names of their columns. The same file again adds nothing.
    """
    from crosstape.config import load
    from crosstape.store.importing.importer import preview
    from crosstape.store.importing.plan import Told

    told = Told(kind or "", market, symbol, _columns(maps))
    if only_look:
        return _show(preview(path, told))
    if tape is not None:
        from crosstape.app.taping import to_tape

        return click.echo(f"{to_tape(path, told, tape):,} frames in {tape}; crosstape replay {tape}")
    began = time.perf_counter()
    outcome = _imported(load(context.find_root().obj), path, told, name)
    _report(outcome, time.perf_counter() - began)


def _columns(maps: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for pair in (part for text in maps for part in text.split(",")):
        field, sign, column = pair.partition("=")
        if not sign or not field or not column:
            raise click.BadParameter(f"{pair!r}; FIELD=COLUMN is meant, such as price=px", param_hint="--map")
        found[field.strip()] = column.strip()
    return found


def _imported(config: Config, path: Path, told: Told, name: str) -> Outcome:
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from crosstape.store.history.files import History
    from crosstape.store.importing.importer import Importer
    from crosstape.store.ledger import Ledger

    config.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ledger = Ledger.open(config.ledger_url, config.folder)
    try:
        importer = Importer(ledger, History(config.history_folder), config.folder / "rejects")
        with Progress(SpinnerColumn(), TextColumn("{task.completed:,.0f} rows"), transient=True) as shown:
            task = shown.add_task("rows", total=None)
            return importer.run(path, told, stream=name, progress=lambda n: shown.update(task, completed=n))
    finally:
        ledger.close()


def _show(found: Preview) -> None:
    from rich.console import Console
    from rich.markup import escape

    console, plan = Console(), found.plan
    # A row is read across: narrower than this it would be cut.
    console.width = max(console.width, 140)
    console.print(f"[bold]{plan.layout}[/]: {plan.kind} of {plan.shape.form.upper()}, market {plan.market}")
    console.print("  " + escape(", ".join(f"{field} = {column}" for field, column in plan.columns.items())))
    if found.rows:
        console.print(_table(found.rows))
    for line, reason, text in found.bad:
        console.print(f"[yellow]line {line}[/]: {reason}   {escape(text[:80])}")
    for question in plan.unsure:
        console.print(f"[red]not sure[/]: {escape(question)}")


def _table(rows: list[dict[str, Any]]) -> Any:
    import datetime as dt

    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, pad_edge=False)
    names = [name for name in rows[0] if name not in ("ts", "symbol")]
    for name in ("UTC", *names):
        table.add_column(name, no_wrap=True)
    for row in rows:
        moment = dt.datetime.fromtimestamp(row["ts"] // 1_000 / 1e6, dt.UTC).isoformat(" ", "milliseconds")[:23]
        table.add_row(moment, *("" if row[name] is None else str(row[name]) for name in names))
    return table


def _report(outcome: Outcome, seconds: float) -> None:
    click.echo(f"{outcome.layout}: {outcome.rows:,} rows in {seconds:.1f} s, {outcome.new:,} of them new")
    for one in outcome.streams[:20]:
        click.echo(f"  stream {one.id}: {one.name} · {one.kind} · {one.symbol or 'several'} · {one.count:,}")
    for line, reason, text in outcome.reasons[:5]:
        click.echo(f"  line {line}: {reason}   {text[:80]}")
    if outcome.bad:
        click.echo(f"  {outcome.bad:,} rows were not taken: {outcome.rejects}")
