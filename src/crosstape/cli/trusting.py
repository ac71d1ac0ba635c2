"""Commands about trust: the completeness ledger and the key figures of a running crosstape."""

from __future__ import annotations

import sys
import time
from typing import Any

import click
import msgspec

from crosstape.cli.showing import KEY, URL, asking, configured, shown

COUNTS = ("frames", "gaps", "repaired", "duplicates", "decode_errors")


@click.command()
@click.option("--hours", type=click.IntRange(1, 24 * 366), default=3, show_default=True, help="Newest hours.")
@click.option("--source", default="", help="One source of frames, such as bybit-linear/0.")
@click.option("--market", default="", help="One market, such as okx-swap.")
@URL
@KEY
@click.pass_context
def quality(context: click.Context, hours: int, source: str, market: str, url: str, key: str) -> None:
    """What came and what was lost, by source and hour; which rows carry which flag; changed message shapes."""
    from rich.console import Console

    with asking(url or configured(context), key) as client:
        answer = msgspec.to_builtins(client.quality(hours, source, market))
    console = Console()
    console.print(_hours(answer))
    console.print(_flags(answer))
    for drift in answer["drifts"]:
        console.print(f"{drift['source']}: {drift['kind']} {drift['path']} {drift['what']} {drift['sample']}")
    if answer["note"]:
        console.print(answer["note"])


def _hours(answer: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table(title=f"completeness · {answer['mode']}", title_justify="left")
    for name in ("hour (UTC)", "source"):
        table.add_column(name)
    for name in ("complete", "lost s", *COUNTS, "lag p50 ms", "p99 ms", "offset ms"):
        table.add_column(name, justify="right")
    for row in answer["rows"]:
        began = time.strftime("%m-%d %H:%M", time.gmtime(row["hour_ms"] / 1e3))
        lags = (shown(row[name]) for name in ("lag_p50_ms", "lag_p99_ms", "clock_offset_ms"))
        table.add_row(
            f"{began}{' …' if row['running'] else ''}", row["source"], f"{100 * row['complete']:.2f} %",
            f"{row['seconds_lost']:.0f}", *(str(row[name]) for name in COUNTS), *lags,
        )  # fmt: skip
    return table


def _flags(answer: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table("flag", "rows", "meaning", title="rows by flag", title_justify="left")
    for row in answer["flags"]:
        if row["rows"]:
            table.add_row(row["flag"], f"{row['rows']} of {row['of']}", row["meaning"])
    return table


@click.command()
@click.option("--strict", is_flag=True, help="Exit 1 when a target is missed.")
@URL
@KEY
@click.pass_context
def kpi(context: click.Context, strict: bool, url: str, key: str) -> None:
    """The figures crosstape answers for, against their targets."""
    from rich.console import Console
    from rich.table import Table

    with asking(url or configured(context), key) as client:
        answer = msgspec.to_builtins(client.kpis())
    table = Table("figure", "now", "target", "met", "how", title=f"KPIs · {answer['mode']}", title_justify="left")
    words = {True: "yes", False: "NO", None: "not known yet"}
    for row in answer["rows"]:
        value = "–" if row["value"] is None else f"{row['value']:,.4g} {row['unit']}"
        table.add_row(row["name"], value, row["target"], words[row["met"]], row["how"])
    Console().print(table)
    if strict and any(row["met"] is False for row in answer["rows"]):
        sys.exit(1)
