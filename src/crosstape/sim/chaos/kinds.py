"""Every kind of fault, read top to bottom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from crosstape.sim.chaos import asking, lines, listings, messages
from crosstape.sim.chaos.act import Act
from crosstape.sim.chaos.language import Form

ONCE: Final = {"times": "1", "channel": "book", "market": ""}
HELD: Final = {"times": "0", "for": "0s", "channel": "any", "market": ""}


class Kind(Form, frozen=True):
    """How it is written, and what does it.

    Parameters that many have: `times` messages (of each topic) or requests are hit, 0 = all; it holds `for` so
    long, 0s = for ever; it comes again `every` so often, 0s = never; `channel` and `market` narrow what it hits.
    """

    act: type[Act]


KINDS: Final[tuple[Kind, ...]] = (
    Kind("gap", "instrument", "messages never arrive",
         ONCE, messages.Gap),
    Kind("duplicate", "instrument", "messages arrive twice",
         ONCE, messages.Twice),
    Kind("reorder", "instrument", "a message arrives behind the next one of its topic",
         ONCE, messages.Late),
    Kind("old-snapshot", "instrument", "a book's snapshot is older than the deltas before it",
         {"times": "1", "channel": "book", "market": "", "after": "3"}, messages.OldSnapshot),
    Kind("skip", "instrument", "the venue's count of book messages leaves a number out and none is missing",
         ONCE, messages.Skip),
    Kind("freeze", "instrument", "topics are silent while acks and pongs go on",
         HELD, messages.Freeze),
    Kind("malformed", "instrument", "messages are cut in half",
         ONCE, messages.Damage),
    Kind("wrong-types", "instrument", "every number is a list",
         ONCE, messages.WrongTypes),
    Kind("giant", "instrument", "messages are padded to so many bytes",
         {**ONCE, "bytes": "33554432"}, messages.Giant),
    Kind("drift", "instrument", "objects gain a field and lose one",
         {**HELD, "channel": "any", "add": "newField", "drop": ""}, messages.Drift),
    Kind("mute", "instrument", "subscriptions are acknowledged and never served",
         {"for": "0s", "channel": "any"}, messages.Mute),
    Kind("bad-subscribe", "instrument", "topics of a listed instrument are refused",
         {"for": "0s", "channel": "any"}, messages.BadSubscribe),
    Kind("half-open", "connection", "nothing arrives, pongs neither, and TCP stays up",
         {}, lines.HalfOpen),
    Kind("drip", "connection", "messages come a few bytes at a time",
         {"times": "0", "for": "5s", "bytes_per_s": "200"}, lines.Slow),
    Kind("cut", "connection", "connections end with a code; 1006 = without a word",
         {"code": "1006"}, lines.Cut),
    Kind("lifetime", "connection", "connections end when they are so old",
         {"for": "0s", "seconds": "60s", "code": "1006"}, lines.Lifetime),
    Kind("maintenance", "connection", "the venue's own notice and close, then it is down",
         {"for": "15s", "notice": "2s"}, lines.Maintenance),
    Kind("http", "path", "requests are refused with a status",
         {"times": "0", "for": "0s", "status": "503", "retry_after": "0s", "body": ""}, asking.Refused),
    Kind("limit", "path", "requests are refused as the venue limits, then as it bans",
         {"times": "0", "for": "10s", "patience": "20"}, asking.Limited),
    Kind("slow", "path", "answers come late",
         {"times": "0", "for": "0s", "seconds": "5s"}, asking.Sluggish),
    Kind("delist", "instrument", "an instrument goes",
         {"market": ""}, listings.Delist),
    Kind("list", "instrument", "an instrument comes, made after another",
         {"like": "", "market": ""}, listings.List),
    Kind("skew", "venue", "every time the venue says is so much too late",
         {"for": "0s", "by": "5s"}, messages.Skew),
)  # fmt: skip
BY_NAME: Final[Mapping[str, Kind]] = {kind.name: kind for kind in KINDS}
CHANNELS: Final = ("any", "book", "quote", "trades", "ticker", "mark", "index", "funding", "interest",
                   "liquidations", "candles")  # fmt: skip
