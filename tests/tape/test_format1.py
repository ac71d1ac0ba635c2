"""A tape of format 1, written once and committed, still opens. Never rewrite the fixture: add one per format."""

from __future__ import annotations

from pathlib import Path

from crosstape.model.frame import CLOCK, CONFIG, Frame, Kind
from crosstape.tape.checkpoint import read_checkpoint
from crosstape.tape.inspection import verify
from crosstape.tape.layout import Origin
from crosstape.tape.reader import play, segments
from crosstape.tape.writer import TapeWriter

FOLDER = Path(__file__).parents[1] / "tapes" / "format-1"
START = 1_750_000_000_000_000_000
SECTIONS = {"books": b"\x00\x01" * 500, "rings": b""}


def frames() -> list[Frame]:
    """What was recorded: one frame of each kind, then a run of messages, a hole, and odd bytes."""

    def at(seq: int, source: str, conn: int, kind: Kind, payload: bytes = b"", **rest: object) -> Frame:
        fields = {"request": "", "status": 0, "headers": "", **rest}
        return Frame(seq, START + seq * 1_000_003, source, conn, kind, payload=payload, **fields)  # type: ignore[arg-type]

    made = [
        at(0, CONFIG, 0, Kind.COMMAND, b'{"markets":["bybit-linear"]}'),
        at(1, "bybit-linear/0", 1, Kind.OPEN),
        at(2, "bybit-linear/instruments", 0, Kind.ANSWER, b"[]", request="instruments /v5/x?a=%C3%A4", status=200),
        at(
            3,
            "bybit-linear/rest",
            0,
            Kind.FAILED,
            b"",
            request="book /v5/y",
            status=429,
            headers="retry-after: 5\nx: é",
        ),
        at(4, CLOCK, 0, Kind.TICK),
    ]
    made += [at(seq, "bybit-linear/0", 1, Kind.DATA, b'{"seq":%d}' % (seq**3)) for seq in range(5, 60)]
    made += [at(61, "bybit-linear/0", 1, Kind.CLOSE, bytes(range(256)), status=1006)]
    made += [at(seq, "ünïcode/0", 2**31, Kind.DATA, b"\xff\x00") for seq in range(62, 70)]
    return made


def write(folder: Path) -> None:
    """How the fixture was written: two segments, a checkpoint, and a torn tail."""
    made = frames()
    writer = TapeWriter(folder, Origin("run-1", "0.1.0", {"a": [1, "ä"]}), 0, START)
    writer.append(made[:30])
    writer.roll(30, START + 30, SECTIONS.items())
    writer.append(made[30:])
    writer.flush()
    writer.append([made[-1]])
    writer.close()
    path = segments(folder)[-1].path
    path.write_bytes(path.read_bytes()[:-5])


def check(folder: Path) -> None:
    made = frames()
    assert list(play(folder)) == made
    assert list(play(folder, 61)) == made[60:]
    first, second = segments(folder)
    assert (first.header.format, first.header.run, first.header.code) == (1, "run-1", "0.1.0")
    assert first.header.config == {"a": [1, "ä"]}
    assert (first.header.previous, second.header.previous, second.header.created) == (None, 0, START + 30)
    assert (first.torn, second.torn) == (False, True)
    header, sections = read_checkpoint(folder / f"{30:020d}.ckpt")
    assert (header.format, header.run, header.seq, header.ts) == (1, "run-1", 30, START + 30)
    assert sections == SECTIONS
    assert [p.message for p in verify(folder).problems] == ["frame 61 where 60 should be"]


def test_the_committed_tape_of_format_1_opens() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 4096
    check(FOLDER)


def test_it_is_what_would_be_written_today(tmp_path: Path) -> None:
    write(tmp_path)
    check(tmp_path)
