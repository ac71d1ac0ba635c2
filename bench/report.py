"""`bench/results.md`: one section a benchmark, each rewritten only when it runs."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figure, machine

RESULTS = Path(__file__).parent / "results.md"
HEAD = """# Measured

Written by `python -m bench`; every section says when and where it was measured. Ratios compare sides that ran
in turns within one run; what a peer could not be measured on is not compared. A missed target is reported as
missed.
"""
_SECTION = re.compile(r"^## (\w+)\n.*?(?=^## |\Z)", re.M | re.S)


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    lines = ["| what | figure | target | met | note |", "|---|---|---|---|---|"]
    met = {True: "yes", False: "**no**", None: ""}
    lines += [f"| {f.what} | {f.value} | {f.target} | {met[f.met]} | {f.note} |" for f in figures]
    return "\n".join(lines)


def section(name: str, title: str, figures: Sequence[Figure]) -> str:
    """One benchmark's section."""
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    return f"## {name}\n\n{title}\n\n{table(figures)}\n\n`python -m bench {name}` · {when} · {machine()}\n\n"


def write(name: str, title: str, figures: Sequence[Figure], order: Sequence[str], path: Path = RESULTS) -> None:
    """Put a section into the results, in the order the benchmarks are listed."""
    text = path.read_text("utf-8") if path.exists() else ""
    sections = {match[1]: match[0].rstrip() + "\n\n" for match in _SECTION.finditer(text)}
    sections[name] = section(name, title, figures)
    body = "".join(sections[known] for known in order if known in sections)
    path.write_text(f"{HEAD}\n{body}".rstrip() + "\n", "utf-8")
