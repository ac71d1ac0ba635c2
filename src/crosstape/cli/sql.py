"""`crosstape sql`: one SELECT, asked of a running crosstape."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from crosstape.cli.showing import KEY, URL, configured, shown, talking

OUTPUT = click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write here, not to the screen."
)
FORMATS = ("table", "json", "csv", "ndjson", "parquet", "arrow")


@click.command()
@click.argument("query")
@click.option("-n", "--limit", type=click.IntRange(1), default=None, help="Rows at most.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--summary", is_flag=True, help="Statistics of every column instead of the rows.")
@click.option("--save", "board", metavar="NAME", help="Save the SELECT as a board that is pushed live.")
@OUTPUT
@URL
@KEY
@click.pass_context
def sql(
    context: click.Context, query: str, limit: int | None, form: str, summary: bool, board: str | None,
    output: Path | None, url: str, key: str,
) -> None:  # fmt: skip
    """Ask one SELECT (QUERY) of a running crosstape.

    Tables: live, assets, boards; trades, quotes, candles, funding, open_interest, liquidations, metrics; and the
    ledger's: executions, streams, alerts, signals, completeness …
    """
    with talking(url or configured(context), key) as client:
        if board:
            saved = client.put_sql_board(board, query)
            click.echo(
                f"{saved.name}: {saved.rows} rows of {', '.join(saved.columns)}; crosstape boards {saved.name}"
            )
            return
        if form == "table":
            answer = client.sql(query, limit=limit, summary=summary)
            from rich.console import Console

            Console().print(table_of(answer))
            return
        body = client.sql_bytes(query, limit=limit, format=form, summary=summary)
    deliver(body, form, output)


def deliver(body: bytes, form: str, output: Path | None) -> None:
    """To the file, or to standard output; a binary form does not go to a screen."""
    if output is not None:
        output.write_bytes(body)
        return
    if form in ("parquet", "arrow") and sys.stdout.isatty():
        raise click.UsageError(f"{form} is binary: say where to with --output FILE")
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


def table_of(answer: Any) -> Any:
    """A result as a person reads it."""
    from rich.table import Table

    more = " · more rows exist" if answer.truncated else ""
    table = Table(caption=f"{len(answer.rows)} rows · {answer.elapsed_ms:.1f} ms{more}", caption_justify="left")
    for column in answer.columns:
        numeric = column["type"].startswith(("int", "uint", "double", "float", "decimal"))
        table.add_column(column["name"], justify="right" if numeric else "left")
    for row in answer.rows:
        table.add_row(*(shown(cell) for cell in row))
    return table
