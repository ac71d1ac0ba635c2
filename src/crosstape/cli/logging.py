"""Structured logs on standard error."""

from __future__ import annotations

import logging
import sys

import structlog

from crosstape.model.errors import ConfigError

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(level: str, json: bool) -> None:
    """Plain lines for people, or one JSON object a line; ConfigError names an unknown level."""
    if level not in LEVELS:
        raise ConfigError(f"log_level: {level!r} is none of {', '.join(LEVELS)}")
    last = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=sys.stderr, level=max(LEVELS[level], logging.WARNING))
