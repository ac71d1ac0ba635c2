"""The smaller parts of a page: banner, keys, order-book ladder, trades, chart, lines of text."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from crosstape.client.results import Book, Candle, Trade
from crosstape.tui.drawing import bar, columns, line
from crosstape.tui.formats import clock, compact, price
from crosstape.tui.palette import ACCENT, ASK_BAR, BADGE, BID_BAR, DIM, DOWN, LABEL, PLAIN, UP

Spans = Sequence[tuple[str, Style]]


class Lines(Widget):
    """Lines of styled text; what does not fit is cut."""

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: Sequence[Spans] = ()

    def show(self, lines: Sequence[Spans]) -> None:
        """Other lines."""
        self._lines = lines
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One of them."""
        width, base = self.size.width, self.rich_style
        spans = self._lines[y] if y < len(self._lines) else ()
        strip = Strip([Segment(text, base + style) for text, style in spans])
        return strip.adjust_cell_length(width, base)


class Banner(Lines):
    """The line at the top."""


class Keys(Lines):
    """The line at the bottom."""


class Facts(Lines, can_focus=True):
    """Names and values, one a line; scrolls by the arrow keys when there are more than fit."""


class Feed(Lines):
    """Events, newest first."""


class Ladder(Lines):
    """An order book: asks above, bids below, bars of cumulated size."""

    def take(self, book: Book) -> None:
        """A newer book."""
        if not book.synced:
            self.show([[("no book", BADGE)], [("it waits for a snapshot,", LABEL)], [("or has no stream", LABEL)]])
            return
        half = max((self.size.height - 1) // 2, 1)
        asks, bids = book.asks[:half], book.bids[:half]
        most = max(sum(size for _, size in asks), sum(size for _, size in bids), 1e-300)
        above = list(_levels(asks, most, self.size.width, DOWN, ASK_BAR))[::-1]
        below = list(_levels(bids, most, self.size.width, UP, BID_BAR))
        self.show([*above, _spread(book), *below])


def _levels(
    levels: Iterable[tuple[float, float]], most: float, width: int, colour: Style, back: Style
) -> Iterable[Spans]:
    total = 0.0
    for level, size in levels:
        total += size
        text = f"{price(level):>12} {compact(size):>9} {compact(total):>9}".ljust(width)[:width]
        filled = round(total / most * width)
        yield [(text[:filled], colour + back), (text[filled:], colour)]


def _spread(book: Book) -> Spans:
    if not book.bids or not book.asks:
        return [("one side is empty", BADGE)]
    bid, ask = book.bids[0][0], book.asks[0][0]
    crossed = " CROSSED" if bid >= ask else ""
    spread = f" spread {(ask - bid) / (bid + ask) * 2e4:.2f} bps"
    return [(f"{price((bid + ask) / 2):>12}", ACCENT), (spread, LABEL), (crossed, BADGE)]


class Prints(Lines):
    """Trades, newest first; ▲ the taker bought, ▼ sold."""

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id, classes)
        self._trades: deque[Trade] = deque(maxlen=200)

    def take(self, trades: Sequence[Trade], anew: bool) -> None:
        """More trades, or all there are."""
        if anew:
            self._trades.clear()
        self._trades.extendleft(trades)
        self.show([_print(trade) for trade in list(self._trades)[: self.size.height]])


def _print(trade: Trade) -> Spans:
    glyph, style = {"BUY": ("▲ BUY ", UP), "SELL": ("▼ SELL", DOWN)}.get(trade.taker, ("·     ", PLAIN))
    at, amount = price(trade.price or 0.0), compact(trade.notional or 0.0)
    return [(clock(trade.ts_ms) + " ", DIM), (f"{glyph} {at:>12}", style), (f" {amount:>9}", PLAIN)]


class Chart(Lines):
    """Closes as a braille line, turnover as columns below."""

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id, classes)
        self._candles: deque[Candle] = deque(maxlen=480)

    def take(self, candles: Sequence[Candle], anew: bool) -> None:
        """More candles, or all there are."""
        if anew:
            self._candles.clear()
        self._candles.extend(candles)

    def draw(self, last: float) -> None:
        """With the last price as the open candle's close."""
        width, height = self.size.width - 13, self.size.height - 2
        closes = [float(c.close) for c in self._candles if c.close is not None]
        if last == last:
            closes.append(last)
        if not closes or width < 4 or height < 1:
            self.show([[("no candle has closed yet", LABEL)]])
            return
        closes = closes[-width * 2 :]
        turnover = [float(c.turnover or 0.0) for c in self._candles][-width * 2 :]
        style = UP if closes[-1] >= closes[0] else DOWN
        scale = _scale(min(closes), max(closes), height)
        drawn: list[Spans] = [[(row, style), (f" {scale.get(y, ''):>12}", LABEL)]
                              for y, row in enumerate(line(closes, width, height))]  # fmt: skip
        drawn.append([(columns(turnover, width), LABEL), (f" {compact(max(turnover, default=0.0)):>12}", LABEL)])
        change = closes[-1] / closes[0] - 1 if closes[0] else 0.0
        times = [c.ts_ms for c in self._candles][-width * 2 :]
        begin = clock(times[0], date=True) if times else ""
        glyph = "▲" if change >= 0 else "▼"
        drawn.append([(begin, LABEL), (f"  {glyph} {change * 100:+.2f}% over {len(closes)} candles", style)])
        self.show(drawn)


def _scale(low: float, high: float, height: int) -> dict[int, str]:
    """Prices at the top, the middle and the bottom."""
    return {height - 1: price(low), height // 2: price((low + high) / 2), 0: price(high)}


def gauge(name: str, share: float, text: str, width: int, style: Style = ACCENT) -> Spans:
    """A name, a bar, a text."""
    return [(f"{name:<18}"[:18], LABEL), (bar(share, width), style), (f" {text}", PLAIN)]
