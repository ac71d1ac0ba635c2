"""A request is read back from the line a frame keeps of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crosstape.wire.request import Request, parse_key

WORD = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
PARAMS = st.lists(st.tuples(WORD, st.text(max_size=8)), max_size=4).map(tuple)
BODY = st.sampled_from(["", '{"type":"meta"}', '{"type": "l2Book", "coin": "k P?E"}'])


@given(WORD, PARAMS, BODY)
def test_round_trip(name: str, params: tuple[tuple[str, str], ...], body: str) -> None:
    request = Request(name, "/v5/market/kline", params, body=body)
    assert parse_key(request.key()) == request


def test_the_line_is_for_people() -> None:
    assert Request("tickers", "/v5/market/tickers", (("category", "linear"),)).key() == (
        "tickers /v5/market/tickers?category=linear"
    )
    assert Request("meta", "/info", body='{"type":"meta"}').key() == 'meta /info {"type":"meta"}'
