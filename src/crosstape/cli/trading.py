"""What own trading came to: `crosstape stats`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

DAY_MS = 86_400_000
COLUMNS = (("trades", "trades"), ("win_rate", "won"), ("net", "net"), ("expectancy", "a trade"),
           ("profit_factor", "profit factor"), ("avg_hold_s", "held"))  # fmt: skip


@click.command()
@click.option("--stream", default="", help="Only of the stream with this name.")
@click.option("--id", "instrument", default="", help="Only one instrument: bybit-linear:BTCUSDT.")
@click.option("--method", type=click.Choice(["fifo", "average"]), default="fifo", show_default=True,
              help="Which lot is closed.")  # fmt: skip
@click.option("--days", type=click.IntRange(1, 36_500), default=None, help="Only the newest days; default: all.")
@click.option("--capital", type=click.FloatRange(min=0), default=0.0, help="What the account began with.")
@click.option("--json", "plain", is_flag=True, help="As JSON, like GET /api/v1/stats.")
@click.pass_context
def stats(context: click.Context, stream: str, instrument: str, method: str, days: int | None, capital: float,
          plain: bool) -> None:  # fmt: skip
    """Profit and loss of own executions in the ledger: fees, funding, drawdown, by symbol, side and hour."""
    from crosstape.quant.pnl import Method
    from crosstape.quant.report import Wanted
    from crosstape.quant.report import stats as report

    rows = _executions(context, stream, instrument)
    since = time.time_ns() - days * DAY_MS * 1_000_000 if days else 0
    told = report(rows, Wanted(Method(method), since, 0, capital), lambda _: float("nan"))
    if plain:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(told)).decode())
        return
    from rich.console import Console

    _show(Console(), told)


def _executions(context: click.Context, stream: str, instrument: str) -> list[Any]:
    from crosstape.config import load
    from crosstape.store.ledger import Ledger

    config = load(context.find_root().obj)
    ledger = Ledger.open(config.ledger_url, config.folder)
    try:
        number = 0
        if stream:
            found = ledger.streams.named(stream)
            if found is None:
                names = ", ".join(s.name for s in ledger.streams.all()) or "none yet"
                raise click.BadParameter(f"no stream {stream!r}; there are: {names}", param_hint="--stream")
            number = found.id
        return ledger.executions.every(number, instrument)
    finally:
        ledger.close()


def _show(console: Console, told: dict[str, Any]) -> None:
    from rich.table import Table

    if not told["rows"]:
        console.print("no executions; `crosstape import FILE` brings them in")
    for row in told["rows"]:
        console.print(
            f"\n[bold]{row['currency']}[/bold] · {told['method']} · net {_number(row['net'])} = "
            f"gross {_number(row['gross'])} − fees {_number(row['fees'])} − funding {_number(row['funding'])}\n"
            f"Sharpe {_ratio(row, 'sharpe')} · Sortino {_ratio(row, 'sortino')} · deepest fall "
            f"{_number(row['max_drawdown'])} · {row['days']} days"
        )
        groups = (("all", [row], ""), ("by symbol", row["by_symbol"], "id"), ("by side", row["by_side"], "side"),
                  ("by hour (UTC)", row["by_hour"], "hour"))  # fmt: skip
        for title, group, name in groups:
            table = Table(title, *(head for _, head in COLUMNS))
            for one in group:
                table.add_row(str(one.get(name, "")), *(_cell(one, column) for column, _ in COLUMNS))
            console.print(table)
    for asset, n in told["unpriced_fees"].items():
        console.print(f"{n} fees in {asset} are left out: nobody told its price")


def _ratio(row: dict[str, Any], name: str) -> str:
    return row[f"{name}_reason"].replace("_", " ") or _number(row[name])


def _cell(row: dict[str, Any], column: str) -> str:
    value = row[column]
    if column == "profit_factor" and row["profit_factor_reason"]:
        return str(row["profit_factor_reason"]).replace("_", " ")
    if value != value:
        return "–"
    if column == "win_rate":
        return f"{100 * value:.1f}%"
    if column == "avg_hold_s":
        return f"{value:,.0f} s" if value < 7_200 else f"{value / 3_600:,.1f} h"
    return _number(value)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
