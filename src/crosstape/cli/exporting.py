"""`crosstape export`: any table of the API as a file, and the history in other programs' formats."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlencode

import click

from crosstape.cli.showing import KEY, URL, configured, talking
from crosstape.cli.sql import OUTPUT, deliver

FORMATS = ("csv", "ndjson", "parquet", "arrow", "json")


@click.group(name="export")
def export_group() -> None:
    """Write tables, boards, candles and results to files; the history also for other programs."""


@export_group.command()
@click.argument("what")
@click.option("--format", "form", type=click.Choice(FORMATS), default="csv", show_default=True)
@click.option("-p", "--param", "parameters", multiple=True, metavar="NAME=VALUE", help="As the API takes them.")
@OUTPUT
@URL
@KEY
@click.pass_context
def table(
    context: click.Context, what: str, form: str, parameters: tuple[str, ...], output: Path | None,
    url: str, key: str,
) -> None:  # fmt: skip
    """A table of a running crosstape, by its path (WHAT): markets, assets, boards/NAME, liquidations,
    markets/ID/candles …

    Example: crosstape export table markets/bybit-linear:BTCUSDT/candles -p tf=5m --format parquet -o btc.parquet
    """
    given: dict[str, str] = {}
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        if not equals:
            raise click.UsageError(f"--param {parameter!r}: NAME=VALUE is taken")
        given[name] = value
    from crosstape.client.endpoints import V1, Request

    target = f"{V1}/{quote(what.strip('/'), safe='/:')}?{urlencode(given | {'format': form})}"
    with talking(url or configured(context), key) as client:
        deliver(client.send(Request(bytes, target)), form, output)


@export_group.command()
@click.argument("program", type=click.Choice(("nautilus", "hftbacktest", "freqtrade")))
@click.argument("ids", nargs=-1, required=True)
@click.option("--since", default="", help="ISO 8601, UTC; default: from the beginning.")
@click.option("--until", default="", help="ISO 8601, UTC; default: to the end.")
@click.option("--timeframe", "timeframes", multiple=True, default=("1m",), show_default=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("export"), show_default=True)
@click.pass_context
def history(
    context: click.Context, program: str, ids: tuple[str, ...], since: str, until: str,
    timeframes: tuple[str, ...], out: Path,
) -> None:  # fmt: skip
    """The history of instruments (IDS) in files that PROGRAM reads; no crosstape need run."""
    from crosstape.cli.times import moment
    from crosstape.config import load
    from crosstape.store.history.files import ALL_TIME, History
    from crosstape.store.history.foreign import export

    kept = History(load(context.find_root().obj).history_folder)
    first, last = moment(since, "--since", 0), moment(until, "--until", ALL_TIME[1])
    for id in ids:
        for path in export(kept, program, id, out, first, last, timeframes):
            click.echo(path)
