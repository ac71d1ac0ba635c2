"""Commands about trust: the completeness ledger and the key figures of a running crosstape."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from crosstape.cli.showing import KEY, URL, configured, talking

if TYPE_CHECKING:
    from crosstape.client.results import Quality

COUNTS = ("frames", "gaps", "repaired", "duplicates", "decode_errors")


@click.command()
@click.option("--hours", type=click.IntRange(1, 24 * 366), default=3, show_default=True, help="Newest hours.")
@click.option("--source", default="", help="One source of frames, such as bybit-linear/0.")
@click.option("--market", default="", help="One market, such as okx-swap.")
@click.option("--all", "every", is_flag=True, help="What is polled too, not only what is streamed.")
@URL
@KEY
@click.pass_context
def quality(context: click.Context, hours: int, source: str, market: str, every: bool, url: str, key: str) -> None:
    """What came and what was lost, by source and hour; which rows carry which flag; changed message shapes."""
    from rich.console import Console

    with talking(url or configured(context), key) as client:
        answer = client.quality(hours=hours, source=source, market=market)
    console = Console()
    console.print(_hours(answer, every))
    console.print(_flags(answer))
    for drift in answer.drifts:
        console.print(f"{drift['source']}: {drift['kind']} {drift['path']} {drift['what']} {drift['sample']}")
    if answer.note:
        console.print(answer.note)


def _hours(answer: Quality, every: bool) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title=f"completeness · {answer.mode}", title_justify="left", box=box.SIMPLE, pad_edge=False)
    for name in ("UTC", "source"):
        table.add_column(name, no_wrap=True)
    for name in ("live", "lost s", "frames", "gaps", "repaired", "again", "bad", "p50 ms", "p99 ms", "clock ms"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in sorted(answer, key=lambda row: (row.source, row.hour_ms)):
        polled = not row.source.rpartition("/")[2].isdigit()
        if polled and not every:
            continue
        began = time.strftime("%m-%d %H:%M", time.gmtime(row.hour_ms / 1e3))
        lags = (_whole(getattr(row, name)) for name in ("lag_p50_ms", "lag_p99_ms", "clock_offset_ms"))
        table.add_row(
            f"{began}{'…' if row.running else ''}", row.source, f"{100 * row.complete:.2f}%",
            f"{row.seconds_lost:.0f}", *(f"{getattr(row, name):,}" for name in COUNTS), *lags,
        )  # fmt: skip
    return table


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _flags(answer: Quality) -> Any:
    from rich import box
    from rich.table import Table

    head = ("flag", "rows", "meaning")
    table = Table(*head, title="rows by flag", title_justify="left", box=box.SIMPLE, pad_edge=False)
    for row in answer.flags:
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
    from rich import box
    from rich.console import Console
    from rich.table import Table

    with talking(url or configured(context), key) as client:
        answer = client.kpis()
    head = ("figure", "now", "target", "met", "how")
    table = Table(*head, title=f"KPIs · {answer.mode}", title_justify="left", box=box.SIMPLE, pad_edge=False)
    for column in table.columns[:4]:
        column.no_wrap = True
    words = {True: "yes", False: "NO", None: "–"}
    for row in answer:
        value = "–" if row.value is None else f"{row.value:,.4g} {row.unit}"
        table.add_row(row.name, value, row.target, words[row.met], row.how)
    Console().print(table)
    if strict and any(row.met is False for row in answer):
        sys.exit(1)
