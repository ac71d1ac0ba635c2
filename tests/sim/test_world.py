"""The latent world: repeatable, never crossed, sums exact, liquidations on the right side."""

import numpy as np
import pytest

from crosstape.sim.bybit.stream import Stream
from crosstape.sim.flow import calibrate, expected_messages
from crosstape.sim.ladder import Ladder, Side
from crosstape.sim.listing import Contract
from crosstape.sim.prerender import START_NS, prerender
from crosstape.sim.server import SimSettings, make_world
from crosstape.sim.world import World

MS = 1_000_000


def small(seed: int = 5, assets: int = 20, rate: float = 3000.0) -> World:
    return make_world(SimSettings(seed=seed, assets=assets, rate=rate, start_ns=START_NS))


def facts(world: World, steps: list[int]) -> list[object]:
    found: list[object] = []
    for dt in steps:
        happened = world.step(dt * MS)
        found += [*happened.trades, *happened.liquidations, tuple(happened.touched)]
    return [*found, [(ladder.bid, ladder.ask) for ladder in world.trading.ladders], world.mark.tolist()]


def test_same_seed_and_steps_give_the_same_facts() -> None:
    steps = [10] * 100 + [20, 50, 700] * 3
    assert facts(small(), steps) == facts(small(), steps)
    assert facts(small(), steps) != facts(small(seed=6), steps)


def test_looking_at_deep_books_changes_nothing() -> None:
    watched, alone = small(), small()
    for _ in range(50):
        for ladder in watched.trading.ladders:
            ladder.bids.top(1000)
        watched.step(10 * MS)
        alone.step(10 * MS)
    assert facts(watched, [10] * 20) == facts(alone, [10] * 20)


def test_books_are_never_crossed_and_stay_deep() -> None:
    world = small()
    world.shock(0, -0.05)
    for _ in range(300):
        world.step(10 * MS)
        for ladder in world.trading.ladders:
            assert ladder.bid < ladder.ask
            for side in (ladder.bids, ladder.asks):
                assert side.keys == sorted(set(side.keys))
                assert set(side.keys) == set(side.sizes)
                assert all(lots > 0 for lots in side.sizes.values())
    assert len(world.trading.ladders[0].asks.top(1000)) == 1000


def test_a_deep_level_is_the_same_before_and_after_it_comes_near() -> None:
    side = Side(salt=9, occupancy=0.4, scale=50.0, best=10_000)
    deep = side.top(400)
    side.take(sum(list(side.sizes.values())[-40:]), 40)
    side.settle()
    assert {key: deep[key] for key in side.keys[:30]} == {key: side.sizes[key] for key in side.keys[:30]}


def test_a_taker_fills_at_the_touch() -> None:
    ladder = Ladder(salt=1, occupancy=0.5, scale=10.0, bid=100, ask=101)
    first = ladder.asks.sizes[-101]
    fills = ladder.take(True, first + 1)
    assert fills[0] == (101, first)
    assert fills[1][0] > 101
    assert ladder.bid == 100


def test_volume_is_the_sum_of_what_was_traded() -> None:
    world = small()
    minutes = world.trading.minutes
    row = 0
    before, traded, day = minutes.volume_closed[row] + minutes.live[row][4], 0, []
    for _ in range(400):
        traded += sum(t.lots for t in world.step(50 * MS).trades if t.row == row)
    contract, salt = world.rows.contracts[row], world.rows.salt[row]
    now = minutes.now
    day = minutes.between(row, contract, salt, now - 1439, now + 1)
    assert day.volume.sum() == minutes.volume_closed[row] + minutes.live[row][4]
    if now == START_NS // 60_000_000_000:
        assert minutes.volume_closed[row] + minutes.live[row][4] - before == traded


def test_a_fast_drop_liquidates_longs() -> None:
    world = small()
    for _ in range(50):
        world.step(20 * MS)
    found = []
    for _ in range(20):
        world.shock(0, -0.004)
        for _ in range(5):
            found += [x for x in world.step(20 * MS).liquidations if world.rows.asset[x.row] == 0]
    longs = sum(x.long for x in found)
    assert longs > 10
    assert longs > 5 * (len(found) - longs)


def test_mark_stays_close_to_index_and_prices_of_one_asset_together() -> None:
    world = small()
    for _ in range(200):
        world.step(50 * MS)
    perps = world.rows.funding_hours > 0
    assert np.abs(world.mark / world.index - 1)[perps].max() < 0.005
    last = np.array(world.trading.last) * world.rows.tick
    assert np.abs(last / world.index - 1).max() < 0.06


def test_funding_settles_at_its_time() -> None:
    world = small()
    carry = world.trading.carry[0]
    due, rate = carry.next_ns, carry.rate
    world.step(due - world.now_ns - 1000 * MS)
    rate = carry.rate
    world.step(2000 * MS)
    assert carry.settled == [(due, rate)]
    assert carry.next_ns == due + carry.interval_ns
    assert carry.rates(0, world.now_ns, 3)[0] == (due, rate)


def test_a_listing_trades_and_a_delisting_stops() -> None:
    world = small()
    old = world.rows.contracts[0]
    fields = {name: getattr(old, name) for name in Contract.__struct_fields__}
    row = world.list(Contract(**{**fields, "symbol": "BTCUSDT2", "launch_ns": world.now_ns}))
    world.delist(0)
    rows = {t.row for _ in range(400) for t in world.step(20 * MS).trades}
    assert row in rows
    assert 0 not in rows


def test_turnover_is_spread_like_a_power_law() -> None:
    world = make_world(SimSettings(assets=300, start_ns=START_NS))
    linear = np.sort(world.rows.turnover_usd)[::-1]
    assert linear[:10].sum() > 0.4 * linear.sum()
    assert len(world.rows.contracts) > 500


@pytest.mark.parametrize("rate", [800.0, 2500.0])
def test_rate_is_about_what_was_asked(rate: float) -> None:
    weights, load = np.geomspace(1, 1000, 300), np.ones((3, 300))
    assert expected_messages(calibrate(weights, rate, load), load) == pytest.approx(rate, rel=0.02)
    found = prerender(4, 60, 4.0, rate=rate)
    assert len(found.messages) / 4.0 == pytest.approx(rate, rel=0.4)


def test_prerender_gives_the_same_bytes() -> None:
    one, two = (prerender(2, 10, 1.0, instruments=5) for _ in range(2))
    assert one == two
    assert len(one.messages) == len(one.times) > 50
    assert one.times == sorted(one.times)
    assert b'"symbol":"BTCUSDT"' in one.tickers["linear"]


def test_a_dated_future_ends_at_its_expiry() -> None:
    world = small(rate=100.0)
    stream = Stream(world)
    row = int(np.flatnonzero(world.rows.expiry_ns > 0)[0])
    symbol = world.rows.contracts[row].symbol
    assert stream.known(("linear", f"tickers.{symbol}"))
    world.step(int(world.rows.expiry_ns[row]) - world.now_ns - 1000 * MS)
    list(stream.publish(world.step(61_000 * MS)))
    assert not stream.known(("linear", f"tickers.{symbol}"))
    assert stream.known(("linear", "tickers.BTCUSDT"))
