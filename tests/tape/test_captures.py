"""Every public capture reads, with the counts its manifest states; small synthetic ones show the rules."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
import zstandard

from crosstape.model.errors import TapeError
from crosstape.model.frame import Kind
from crosstape.tape.captures import read_capture
from crosstape.tape.splice import splice, with_clock

MARKETS = {
    "wss://stream.bybit.com/v5/public/linear": "bybit-linear",
    "wss://stream.bybit.com/v5/public/spot": "bybit-spot",
    "wss://ws.okx.com:8443/ws/v5/public": "okx",
    "https://www.okx.com": "okx",
}


def market_of(address: str) -> str | None:
    return next((market for start, market in MARKETS.items() if address.startswith(start)), None)


def captures(folder: Path) -> list[tuple[Path, int]]:
    """Every capture of the three formats in the manifest, with its number of messages."""
    with open(folder / "manifest.tsv", newline="") as file:
        return [
            (folder / row["file"], int(row["n"]))
            for row in csv.DictReader(file, delimiter="\t")
            if "/cryptofeed" in row["file"] or "/hftbacktest/" in row["file"]
        ]


def test_every_capture_reads_with_the_manifests_counts(shared: Path) -> None:
    found = captures(shared)
    assert len(found) >= 26
    formats: Counter[str] = Counter()
    for path, messages in found:
        capture = read_capture(path, market_of, market="test")
        kinds: Counter[Kind] = Counter()
        last = 0
        for seq, frame in enumerate(capture):
            assert frame.seq == seq
            assert frame.ts_recv >= last
            last = frame.ts_recv
            kinds[frame.kind] += 1
            assert frame.kind is Kind.OPEN or frame.payload[:1] in b"{[", path
        assert kinds[Kind.DATA] + kinds[Kind.ANSWER] == messages, path
        assert set(kinds) <= {Kind.OPEN, Kind.DATA, Kind.ANSWER}
        assert capture.clamped == 0
        formats[capture.format] += 1
    assert set(formats) == {"cryptofeed text", "cryptofeed jsonl", "hftbacktest"}


def test_a_session_of_several_files_splices(shared: Path) -> None:
    folder = shared / "bybit" / "cryptofeed" / "2025-06-13"
    parts = [read_capture(folder / f"BYBIT.ws.{n}.0", market_of) for n in (1, 2)]
    frames = list(with_clock(splice(parts)))
    counts = Counter((f.source, f.kind) for f in frames)
    assert counts["bybit-linear/0", Kind.DATA] == 202
    assert counts["bybit-spot/0", Kind.DATA] == 145
    assert counts["bybit-spot/0", Kind.OPEN] == 1
    assert 300 < counts["crosstape/clock", Kind.TICK] < 330
    assert [f.seq for f in frames] == list(range(len(frames)))


def test_rest_answers_say_what_was_asked(shared: Path) -> None:
    okx = list(read_capture(shared / "okx/cryptofeed/2022-05-13/OKX.0", market_of))
    assert okx[0].source == "okx/rest"
    assert okx[0].request == "rest /api/v5/public/instruments?instType=SPOT"
    assert (okx[0].status, okx[0].conn, okx[0].ts_recv) == (200, 0, 1652458996256593000)
    usdm = read_capture(shared / "binance/hftbacktest/usdm/btcusdt_20240808.gz", market_of, "binance-usdm")
    answer = next(frame for frame in usdm if frame.kind is Kind.ANSWER)
    assert answer.request == "rest /fapi/v1/depth?symbol=BTCUSDT"


def test_text_lines(tmp_path: Path) -> None:
    path = tmp_path / "X.ws.1.0"
    path.write_bytes(
        b"wss://x.io/ws <-> 10.5\n"
        b'wss://x.io/ws <- 10.6: {"op":"subscribe"}\n'
        b'11.000000001: {"a": "b: c"}\n'
        b"10.9: pong\n"
        b"https://x.io/info?a=1 -> 12: {\n"
        b'  "lines": 2\n'
        b"}\n"
        b"\n"
        b"wss://x.io/ws <-> 13\n"
        b"13.25: 1 -> 2: 3\n"
        b"\n"
        b"configuration: {}\n"
    )
    capture = read_capture(path, {"wss://x.io/ws": "x", "https://x.io/info?a=1": "x"}.get)
    got = [(f.ts_recv, f.source, f.conn, f.kind, f.request, f.payload) for f in capture]
    s = 1_000_000_000
    assert got == [
        (10 * s + s // 2, "x/0", 1, Kind.OPEN, "", b""),
        (11 * s + 1, "x/0", 1, Kind.DATA, "", b'{"a": "b: c"}'),
        (11 * s + 1, "x/0", 1, Kind.DATA, "", b"pong"),
        (12 * s, "x/rest", 0, Kind.ANSWER, "rest /info?a=1", b'{\n  "lines": 2\n}'),
        (13 * s, "x/0", 2, Kind.OPEN, "", b""),
        (13 * s + s // 4, "x/0", 2, Kind.DATA, "", b"1 -> 2: 3"),
    ]
    assert capture.clamped == 1
    assert next(read_capture(path, market_of, market="y", shard=3)).source == "y/3"


def test_jsonl_connections_interleave(tmp_path: Path) -> None:
    lines = [
        {"t": "header", "format": 2, "exchange": "X"},
        {"t": "http", "conn": "X.http.sync", "ts": 1.5, "url": "https://x.io/i", "data": "[1]"},
        {"t": "connect", "conn": "X.ws.1", "ts": 2.25, "addr": "wss://x.io"},
        {"t": "send", "conn": "X.ws.1", "ts": 2.5, "addr": "wss://x.io", "data": "s"},
        {"t": "recv", "conn": "X.ws.1", "ts": 1700000000.123456789, "data": "ä"},
        {"t": "connect", "conn": "X.ws.2", "ts": 2.75, "addr": "wss://x.io"},
        {"t": "recv", "conn": "X.ws.2", "ts": 4, "b64": "AAEC"},
    ]
    path = tmp_path / "X.jsonl.zst"
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    path.write_bytes(zstandard.ZstdCompressor().compress(text))
    got = [(f.ts_recv, f.source, f.conn, f.kind, f.payload) for f in read_capture(path, lambda _: "x")]
    assert got == [
        (1_500_000_000, "x/rest", 0, Kind.ANSWER, b"[1]"),
        (2_250_000_000, "x/0", 1, Kind.OPEN, b""),
        (2_750_000_000, "x/1", 1, Kind.OPEN, b""),
        (4_000_000_000, "x/1", 1, Kind.DATA, b"\x00\x01\x02"),
        (1_700_000_000_123_456_700, "x/0", 1, Kind.DATA, "ä".encode()),
    ]


def test_the_next_days_file_continues(tmp_path: Path) -> None:
    path = tmp_path / "day.gz"
    path.write_bytes(gzip.compress(b'1723161255030314667 {"stream":"a@trade","data":{}}\n'))
    assert [f.kind for f in read_capture(path, market_of, "m")] == [Kind.OPEN, Kind.DATA]
    assert [f.kind for f in read_capture(path, market_of, "m", continues=True)] == [Kind.DATA]


def test_refusals(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(b"wss://unknown.io/ws <-> 10.5\n")
    with pytest.raises(TapeError, match=r"no market is known for wss://unknown\.io/ws; pass --market"):
        list(read_capture(path, market_of))
    path.write_bytes(b"hello\n")
    with pytest.raises(TapeError, match="not a capture of a known format"):
        read_capture(path, market_of)
    packed = gzip.compress(b'1723161255030314667 {"stream":"a@trade","data":{}}\n' * 1000)
    path.write_bytes(packed)
    with pytest.raises(TapeError, match="it names no address; pass --market"):
        list(read_capture(path, market_of))
    path.write_bytes(packed[:-20])
    with pytest.raises(TapeError, match="cut short or damaged"):
        list(read_capture(path, market_of, "m"))
    path.write_bytes(b"11.5: a\nwhat is this\n")
    assert [f.payload for f in read_capture(path, market_of, "m")] == [b"a\nwhat is this"]
