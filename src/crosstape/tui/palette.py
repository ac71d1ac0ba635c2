"""Colours of the terminal dashboard. Direction has a sign and a glyph too; NO_COLOR takes the colours away."""

from __future__ import annotations

from rich.style import Style

UP = Style(color="#4fe0c0")
DOWN = Style(color="#ff6a4d")
PLAIN = Style(color="#e6edf3")
DIM = Style(color="#93a1b0", dim=True)
LABEL = Style(color="#93a1b0")
HEAD = Style(color="#93a1b0", bold=True, underline=True)
ACCENT = Style(color="#6cb6ff", bold=True)
FOCUS = Style(color="#ffd166", bold=True)
FADED = Style(dim=True)
SELECTED = Style(bgcolor="#1f2833", bold=True)
BADGE = Style(color="#ffd166")
ALARM = Style(color="#0b0f14", bgcolor="#ffd166", bold=True)
BID_BAR = Style(bgcolor="#0f3a36")
ASK_BAR = Style(bgcolor="#45211c")

CSS = """
Screen { background: #0b0f14; color: #e6edf3; }
Banner { height: 1; dock: top; background: #11171f; }
Keys { height: 1; dock: bottom; background: #11171f; color: #93a1b0; }
Grid, Ladder, Prints, Chart, Facts, Feed, Text { background: #0b0f14; scrollbar-size: 1 1; }
.pane { border: round #1f2833; border-title-color: #93a1b0; padding: 0 1; }
.pane:focus-within { border: round #6cb6ff; }
.wide { width: 2fr; }
.narrow { width: 1fr; }
.tall { height: 2fr; }
.low { height: 1fr; }
Finder, Sheet, Trouble, Form, Sure { align: center middle; background: #0b0f14 80%; }
.box {
    width: 76; max-width: 96%; height: auto; max-height: 90%;
    border: round #6cb6ff; background: #11171f; padding: 1 2;
}
#tabs { height: 2; }
#ladder { min-width: 38; }
.-small #prints { display: none; }
.-small .across { layout: vertical; }
.-small .narrow { width: 1fr; }
.-small .across Feed, .-small .across Lines { width: 100%; height: 1fr; }
Finder #found { height: 16; }
.said { height: 1; }
.field { height: 1; }
.label { width: 10; }
#fields { height: 6; }
"""
