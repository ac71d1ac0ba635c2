"""Commands that run: up, demo, and recording without a face."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from crosstape.cli.simulating import FAULT

LISTEN = (
    click.option("--host", default=None, help="Address to listen on (beyond loopback an API key is required)."),
    click.option("--port", type=click.IntRange(0, 65_535), default=None, help="Port; 0 = any free one."),
    click.option("--data", type=click.Path(path_type=Path), default=None, help="Data folder."),
    click.option("--no-tape", is_flag=True, help="Do not record."),
)


def _listening(command: Any) -> Any:
    for option in reversed(LISTEN):
        command = option(command)
    return command


@click.command()
@_listening
@click.option("--once", is_flag=True, help="Exit 0 as soon as data flows, 2 when no venue is reachable.")
@click.pass_context
def up(context: click.Context, /, once: bool, **changes: Any) -> None:
    """Run on live public venues."""
    from crosstape.app.known import venues_of
    from crosstape.app.serving import serve_live

    config = _config(context, changes)
    run(config, serve_live(config, venues_of(config), config.engine, click.echo, once))


@click.command()
@_listening
@click.option("--assets", type=click.IntRange(10, 2000), default=None, help="Assets in the simulated world.")
@click.option("--rate", type=click.FloatRange(min=1), default=None, help="Messages a second it aims at.")
@click.option("--seed", type=int, default=None, help="Same seed, same world.")
@FAULT
@click.pass_context
def demo(
    context: click.Context,
    /,
    assets: int | None,
    rate: float | None,
    seed: int | None,
    faults: tuple[str, ...],
    **changes: Any,
) -> None:
    """Run on the built-in simulated world: the live path with only the addresses changed."""
    import msgspec

    from crosstape.app.serving import demo_config, demo_settings, serve_live, simulated

    config = demo_config(_config(context, changes))
    asked = (("assets", assets), ("rate", rate), ("seed", seed), ("faults", faults or None))
    given = {k: v for k, v in asked if v is not None}
    world = msgspec.structs.replace(config.demo, **given)

    async def work() -> None:
        click.echo(f"starting a simulated world of {world.assets} assets (seed {world.seed}) …")
        async with simulated(world) as venues:
            await serve_live(config, venues, demo_settings(config), click.echo)

    run(config, work())


def record_tape(path: Path | None, folder: Path, seconds: float) -> None:
    """Record the configured venues into a folder until interrupted, or for so long."""
    import msgspec

    from crosstape.app.known import venues_of
    from crosstape.app.running import Live
    from crosstape.config import load

    config = load(path)
    tape = msgspec.structs.replace(config.tape, record=True, folder=str(folder))
    config = msgspec.structs.replace(config, tape=tape)

    async def work() -> None:
        live = Live(config, venues_of(config))
        live.open(config.engine)
        pump = live.pump(lambda view: None, frozenset)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds or None):
                await live.run(pump)
        click.echo(f"{pump.timing.frames:,} frames in {folder}")

    run(config, work())


def _config(context: click.Context, changes: dict[str, Any]) -> Any:
    import msgspec

    from crosstape.config import load

    config = load(context.find_root().obj)
    api = {k: changes[k] for k in ("host", "port") if changes[k] is not None}
    if api:
        config = msgspec.structs.replace(config, api=msgspec.structs.replace(config.api, **api))
    if changes["data"] is not None:
        config = msgspec.structs.replace(config, data=str(changes["data"]))
    if changes["no_tape"]:
        config = msgspec.structs.replace(config, tape=msgspec.structs.replace(config.tape, record=False))
    return config


def run(config: Any, work: Coroutine[Any, Any, None]) -> None:
    """In an event loop, with logs as configured; the error that ended it is raised alone."""
    from crosstape.cli.logging import configure

    configure(config.log_level, config.log_json)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(work)
    except KeyboardInterrupt:
        sys.exit(130)
    except BaseExceptionGroup as group:
        raise _single(group) from group


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _single(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error inside nested groups, so that the operator reads its message and not the tree."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
