"""The command line: parses, calls app, exits."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from crosstape import __version__
from crosstape.cli.access import access
from crosstape.cli.account import account
from crosstape.cli.backfilling import backfill
from crosstape.cli.exporting import export_group
from crosstape.cli.importing import import_file
from crosstape.cli.keys import keys
from crosstape.cli.ledger import ledger
from crosstape.cli.running import demo, up
from crosstape.cli.showing import boards, config, doctor, venues
from crosstape.cli.simulating import sim
from crosstape.cli.sql import sql
from crosstape.cli.tapes import replay, tape
from crosstape.cli.terminal import tui
from crosstape.cli.trading import stats
from crosstape.cli.trusting import kpi, quality
from crosstape.model.errors import ConfigError, CrosstapeError, TapeError

ALL = (
    up, demo, tui, sim, replay, tape, venues, boards, quality, kpi,
    sql,
    export_group,
    backfill,
    account, stats, ledger,
    import_file, access, keys, doctor, config,
)  # fmt: skip
COMMANDS = {command.name or "": command for command in ALL}


@click.group(commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="crosstape")
@click.option(
    "-c",
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file (default: crosstape.toml here, or $CROSSTAPE_CONFIG).",
)
@click.pass_context
def cli(context: click.Context, config_path: Path | None) -> None:
    """crosstape: a self-hosted, real-time consolidated tape.

    Start with `crosstape demo` (a simulated world, no network needed) or `crosstape up` (live venues).
    """
    context.obj = config_path


def main() -> None:
    """Entry point. Exit codes: 0 good, 1 failed, 2 asked for the impossible."""
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except ConfigError as error:
        click.echo(f"configuration: {error}", err=True)
        sys.exit(2)
    except TapeError as error:
        click.echo(f"tape: {error}", err=True)
        sys.exit(1)
    except CrosstapeError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
