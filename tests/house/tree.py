"""The source as the house tests see it: parsed once, in order."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "crosstape"
CORE = ("engine", "pages", "boards", "signals", "arb", "strategies", "metrics", "state", "venues", "quant",
        "kernels", "wire", "model")  # fmt: skip

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


class Module(NamedTuple):
    """One file: `where` is its path from the repository's root, `room` the first name below crosstape."""

    where: str
    room: str
    text: str
    tree: ast.Module

    def at(self, node: ast.AST) -> str:
        """ "path:line"."""
        return f"{self.where}:{getattr(node, 'lineno', 0)}"


@functools.cache
def modules() -> tuple[Module, ...]:
    """Every module of the package."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text("utf-8")
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        found.append(Module(str(path.relative_to(ROOT)), room, text, ast.parse(text)))
    return tuple(found)


def core() -> tuple[Module, ...]:
    """The modules that may know no clock, socket, disk or log."""
    return tuple(m for m in modules() if m.room in CORE)


def definitions(module: Module) -> Iterator[Definition]:
    """Every function and class, nested ones too."""
    for node in ast.walk(module.tree):
        if isinstance(node, Function | ast.ClassDef):
            yield node


def documented(module: Module) -> Iterator[Definition]:
    """Public functions and classes of the module, and the public methods of those classes."""
    for node in module.tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (m for m in node.body if isinstance(m, Function) and not m.name.startswith("_"))


def length(node: Function) -> int:
    """Lines from `def` to the end, without the docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def words(name: str) -> list[str]:
    """ "HTTPServer_pool2" -> ["http", "server", "pool"]."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


@functools.cache
def files() -> tuple[Path, ...]:
    """What the repository holds, or would after `git add`; deleted files are left out."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return tuple(path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file())
