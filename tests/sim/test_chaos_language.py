"""The language of faults: what is understood, and that every error names the fault, what is wrong and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.model.errors import ConfigError
from crosstape.sim.chaos.kinds import BY_NAME, KINDS
from crosstape.sim.chaos.lab import Lab
from crosstape.sim.chaos.language import parse
from crosstape.sim.server import SimSettings, Simulation

DOCS = Path(__file__).resolve().parents[2] / "docs" / "chaos.md"


def test_a_time_a_message_or_at_once() -> None:
    spec = parse("gap:BTCUSDT@1.5m", BY_NAME)
    assert (spec.kind, spec.target, spec.after_s, spec.nth) == ("gap", "BTCUSDT", 90.0, 0)
    spec = parse("gap:xyz:TSLA@#20,times=3", BY_NAME)
    assert (spec.target, spec.nth, spec.number("times")) == ("xyz:TSLA", 20, 3)
    spec = parse("freeze:@107@0s,for=2s,channel=trades", BY_NAME)
    assert (spec.target, spec.seconds("for"), spec.values["channel"]) == ("@107", 2.0, "trades")
    assert parse("cut:*", BY_NAME).after_s == 0.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gapp:BTCUSDT@30s", "no kind 'gapp'; allowed: bad-subscribe, cut"),
        ("gap", "no target; write gap:BTCUSDT@30s"),
        ("http:@3s", "no target; write http:/v5/market@30s"),
        ("gap:BTCUSDT@soon", "@soon is neither a time such as @30s nor a message such as @#20"),
        ("gap:BTCUSDT@#0", "@#0 is neither"),
        ("gap:BTCUSDT@-3s", "@-3s is in the past"),
        ("gap:BTCUSDT@3s,channel", "'channel' is no parameter of gap; allowed: channel=book"),
        ("gap:BTCUSDT@3s,code=3", "'code=3' is no parameter of gap"),
        ("freeze:BTCUSDT@3s,for=long", "for='long' is not a duration such as 500ms, 30s, 2m or 1h"),
        ("freeze:BTCUSDT@3s,for=-1s", "for is below zero"),
    ],
)
def test_what_cannot_be_is_said(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text, BY_NAME)
    assert f"fault {text!r}: {said}" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "gap:BTCUSTD@3s",
            "bybit has no instrument 'BTCUSTD'; allowed: * (all), ? (whichever speaks next), or one",
        ),
        ("gap:BTCUSDT@3s,channel=books", "channel='books' is not allowed; allowed: any, book, quote"),
        ("gap:BTCUSDT@3s,times=many", "times='many' is not a whole number"),
        ("drip:*@3s,bytes_per_s=0", "bytes_per_s=0 is too small"),
        ("cut:*@#3", "cut counts no messages; write a time such as @30s"),
        ("list:BTCUSDT@3s,like=ETHUSDT", "'BTCUSDT' is listed already"),
        ("list:NEWUSDT@3s,like=NOPE", "like='NOPE' is not listed at bybit"),
        ("list:NEWUSDC@3s,like=BTCUSDT", "a name like 'BTCUSDT' ends with 'USDT'"),
        ("skew:*@3s,by=much", "by='much' is not a duration"),
    ],
)
def test_what_a_venue_does_not_have_is_said(text: str, said: str) -> None:
    simulation = Simulation(SimSettings(assets=10), (), ())
    lab: Lab = simulation.venues["bybit"].lab
    with pytest.raises(ConfigError, match=r"^fault ") as refused:
        lab.add(text)
    assert said in str(refused.value)
    assert lab.listed() == []


@given(st.text(max_size=40))
def test_anything_is_a_fault_or_a_clear_error(text: str) -> None:
    said = ""
    try:
        kind = parse(text, BY_NAME).kind
    except ConfigError as error:
        kind, said = "", str(error)
    assert kind in BY_NAME or repr(text) in said


def test_a_fault_that_fits_no_venue_stops_the_start() -> None:
    with pytest.raises(ConfigError, match="no instrument 'NOPE'"):
        Simulation(SimSettings(venues=("bybit", "okx"), assets=10, faults=("gap:NOPE@3s",)), (), ())
    both = Simulation(
        SimSettings(venues=("bybit", "okx"), assets=10, faults=("gap:BTCUSDT@3s", "cut:*@3s")), (), ()
    )
    assert {name: len(venue.lab.listed()) for name, venue in both.venues.items()} == {"bybit": 2, "okx": 1}


def test_the_docs_name_every_kind_and_every_parameter() -> None:
    text = DOCS.read_text("utf-8")
    rows = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `")}
    for kind in KINDS:
        assert kind.name in rows, f"docs/chaos.md has no row of {kind.name}"
        for name, value in kind.defaults.items():
            assert f"{name}={value}" in rows[kind.name], f"docs/chaos.md: {kind.name} misses {name}={value}"
