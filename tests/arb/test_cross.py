"""The comparison across venues against plain loops over every pair, and what it refuses to compare."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.arb.cross import Quotes, compare, count_venues, group_rows
from crosstape.arb.fees import FEES, UNKNOWN, Fee, fee_of

NAN = math.nan


def quotes(rows: list[dict[str, float]]) -> Quotes:
    def column(name: str, missing: float = NAN) -> np.ndarray:
        return np.array([row.get(name, missing) for row in rows])

    return Quotes(
        bid=column("bid"), ask=column("ask"), buy=(column("buy"), column("buy")), sell=(column("sell"), column("sell")),
        taker=column("taker", 0.0005), funding_8h=column("funding"), last=column("bid"), turnover_5m=column("turnover", 1.0),
        perp=column("perp", 1.0) == 1.0, spot=column("perp", 1.0) == 0.0, venue=column("venue", 0.0).astype(int),
    )  # fmt: skip


ROW = st.fixed_dictionaries(
    {
        "bid": st.one_of(st.floats(99, 101), st.just(NAN)), "ask": st.floats(101, 103), "buy": st.floats(100, 104),
        "sell": st.one_of(st.floats(98, 106), st.just(NAN)), "taker": st.floats(0, 0.001),
        "funding": st.one_of(st.floats(-0.01, 0.01), st.just(NAN)), "perp": st.sampled_from([0.0, 1.0]),
        "venue": st.sampled_from([0.0, 1.0, 2.0]),
    }
)  # fmt: skip


@given(st.lists(st.tuples(ROW, st.integers(-1, 3), st.booleans()), min_size=1, max_size=14))
def test_against_every_pair(drawn: list[tuple[dict[str, float], int, bool]]) -> None:
    rows, code = [row for row, _, _ in drawn], np.array([c for _, c, _ in drawn])
    alive = np.array([a for _, _, a in drawn])
    group = group_rows(code, alive)
    found = compare(quotes(rows), group, ("10k", "100k"))
    spans = count_venues(np.array([int(row["venue"]) for row in rows]), group)
    for g, asset in enumerate(group.asset.tolist()):
        mine = [i for i in range(len(rows)) if code[i] == asset and alive[i]]
        perps = [i for i in mine if rows[i]["perp"] == 1.0]
        pairs = [(i, j) for i in perps for j in perps if rows[i]["venue"] != rows[j]["venue"]]
        edges = [
            1e4 * (rows[j]["sell"] * (1 - rows[j]["taker"]) / (rows[i]["buy"] * (1 + rows[i]["taker"])) - 1)
            for i, j in pairs if not math.isnan(rows[j]["sell"])
        ]  # fmt: skip
        edge = found["edge_10k_bps"][g]
        assert edge == pytest.approx(max(edges) if edges else NAN, abs=1e-6, nan_ok=True)
        spreads = [rows[j]["funding"] - rows[i]["funding"] for i, j in pairs]
        known = [spread for spread in spreads if not math.isnan(spread)]
        assert found["funding_spread_8h"][g] == pytest.approx(max(known) if known else NAN, nan_ok=True)
        bids = [rows[i]["bid"] for i in perps if not math.isnan(rows[i]["bid"])]
        assert found["bid_usd"][g] == pytest.approx(max(bids) if bids else NAN, nan_ok=True)
        assert spans[g] == len({rows[i]["venue"] for i in mine})


def test_a_known_edge() -> None:
    rows = [
        {"bid": 100, "ask": 100.1, "buy": 100.1, "sell": 100.0, "taker": 0.0005, "venue": 0},
        {"bid": 101, "ask": 101.1, "buy": 101.1, "sell": 101.0, "taker": 0.0004, "venue": 1},
    ]
    found = compare(quotes(rows), group_rows(np.zeros(2, int), np.ones(2, bool)), ("10k", "100k"))
    assert found["edge_10k_bps"][0] == pytest.approx(1e4 * (101 * 0.9996 / (100.1 * 1.0005) - 1))
    assert (found["edge_10k_buy_row"][0], found["edge_10k_sell_row"][0]) == (0, 1)
    assert found["divergence_bps"][0] == pytest.approx(1e4 * (101.05 / ((100.05 + 101.05) / 2) - 1))


def test_a_perp_and_a_spot_are_basis_not_edge() -> None:
    rows = [{"bid": 100, "ask": 100.1, "buy": 100.1, "sell": 100, "perp": 1.0},
            {"bid": 90, "ask": 90.1, "buy": 90.1, "sell": 90, "perp": 0.0}]  # fmt: skip
    found = compare(quotes(rows), group_rows(np.zeros(2, int), np.ones(2, bool)), ("10k", "100k"))
    assert math.isnan(found["edge_10k_bps"][0])
    assert found["perp_spot_bps"][0] == pytest.approx(1e4 * (100.05 / 90.05 - 1))
    assert math.isnan(found["divergence_bps"][0])


def test_fees_have_a_source_and_give_way_to_ones_own() -> None:
    assert all(fee.source and fee.taker_bps > 0 for fee in FEES)
    assert len({(fee.market, fee.tier) for fee in FEES}) == len(FEES)
    assert fee_of("bybit-linear", {}).taker_bps == 5.5
    mine = Fee("bybit-linear", "mine", 0.0, 1.0, "my contract")
    assert fee_of("bybit-linear", {"bybit-linear": mine}) is mine
    assert fee_of("nowhere", {}) is UNKNOWN
