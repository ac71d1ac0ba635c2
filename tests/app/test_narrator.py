"""The log says what happened to streams and books, in few lines; the newest lines are kept."""

from __future__ import annotations

import logging
from typing import Any

import structlog

from crosstape.app.journal import KEPT, Journal
from crosstape.app.narrator import Narrator
from crosstape.model.frame import Kind
from support.bench import LINEAR, started


class Lines:
    """A logger that remembers."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, dict[str, Any]]] = []

    def info(self, event: str, **facts: Any) -> None:
        self.said.append(("info", event, facts))

    def warning(self, event: str, **facts: Any) -> None:
        self.said.append(("warning", event, facts))


def test_a_storm_of_gaps_is_one_line_and_a_closed_connection_its_own() -> None:
    bench, lines = started("BTCUSDT", "ETHUSDT", "XRPUSDT"), Lines()
    narrator = Narrator(lines)
    narrator.take(bench.tick())
    lines.said.clear()
    for n, symbol in enumerate(("BTCUSDT", "ETHUSDT", "XRPUSDT")):
        bench.book(symbol, "delta", 20 + n, [["10", "2"]], [])
        narrator.take(bench.tick())
    bench.put(LINEAR, Kind.CLOSE, b"bye", status=1006)
    narrator.take(bench.tick())
    assert lines.said == [("warning", "connection closed", {"source": LINEAR, "code": 1006})]
    for _ in range(100):
        narrator.take(bench.tick())
    gaps = [said for said in lines.said if said[1] == "books lost their place"]
    assert gaps == [("warning", "books lost their place", {"count": 3, "first": "bybit-linear:BTCUSDT"})]


def test_a_source_that_keeps_failing_is_named_once_a_minute() -> None:
    bench, lines = started("BTCUSDT"), Lines()
    narrator = Narrator(lines)
    for _ in range(90):
        bench.put("bybit-linear/tickers", Kind.FAILED, b"HTTP 500", "tickers /x", 0, 500)
        narrator.take(bench.tick(1.0))
    failed = [facts for _, event, facts in lines.said if event.startswith("requests failed")]
    assert [facts["newest"] for facts in failed] == ["HTTP 500"] * 2
    assert sum(facts["count"] for facts in failed) <= 90


def test_the_journal_keeps_the_newest_lines_of_both_loggers_and_leaves_no_trace() -> None:
    before, journal = structlog.get_config()["processors"], Journal()
    journal.listen()
    try:
        for n in range(KEPT + 5):
            structlog.get_logger("crosstape").warning("it happened", number=n)
        logging.getLogger("a.library").warning("beware of %s", "this")
    finally:
        journal.leave()
    structlog.get_logger("crosstape").warning("unheard")
    lines = journal.newest()
    assert len(lines) == KEPT
    assert (lines[-1].level, lines[-1].event, lines[-1].details) == ("warning", "beware of this", "a.library")
    assert (lines[-2].event, lines[-2].details) == ("it happened", f"number={KEPT + 4}")
    assert lines[0].details == "number=6"
    assert structlog.get_config()["processors"] == before


def test_an_account_whose_key_is_refused_is_named() -> None:
    bench, lines = started("BTCUSDT"), Lines()
    narrator = Narrator(lines)
    bench.put("bybit-account/mine", Kind.FAILED, b"10003: API key is invalid.", "key")
    narrator.take(bench.tick())
    said = {"source": "bybit-account/mine", "reason": "10003: API key is invalid."}
    assert ("warning", "an own account's key is refused", said) in lines.said


def test_what_an_account_is_told_is_no_sample_of_a_changed_shape() -> None:
    bench = started("BTCUSDT")
    for n in range(3_000):
        field = "held" if n > 2_000 else "wallet"
        bench.put("bybit-account/mine", Kind.DATA, b'{"topic":"other","data":[],"%s":"12345.67"}' % field.encode())
    source = bench.machine.state.sources["bybit-account/mine"]
    assert (source.private, source.drifts, "bybit-account" in bench.machine.trust.canaries) == (True, 0, False)
