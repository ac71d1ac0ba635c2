"""The house's shape: short files, short functions, small classes, a docstring each, plain names."""

from __future__ import annotations

import ast

from house.tree import Function, core, definitions, documented, length, modules, words

FILE_LINES = 400
FUNCTION_LINES = 40
CLASS_METHODS = 12
BANNED = {"manager", "handler", "helper", "util", "service", "processor", "common", "misc", "data", "info"}
# `base` is also an asset's place in a pair, so it is banned where it would name a kind of thing.
BANNED_KINDS = {*BANNED, "base"}

# What may be called while a module is imported: makers of constants, which touch nothing outside themselves.
# Besides, a Name With A Capital is a constructor: TypeVar, Decoder, Board, Struct, Path …
PURE = {
    "abs", "bytes", "dict", "enumerate", "float", "frozenset", "int", "len", "list", "map", "max", "min", "range",
    "round", "set", "sorted", "str", "sum", "tuple", "zip",
    "chr", "encode", "from_bytes", "items", "join", "keys", "replace", "split", "strip", "to_bytes", "values",
    "array", "compile", "dtype", "finfo", "iinfo", "log", "sqrt", "zeros",
    "attrgetter", "itemgetter", "partial", "namedtuple", "get_args", "fields", "getLogger", "get_logger",
    "option", "argument", "columns_of",
}  # fmt: skip


def test_files_are_short() -> None:
    long = [f"{m.where}: {n} lines" for m in modules() if (n := m.text.count("\n")) > FILE_LINES]
    assert not long, "\n".join(long)


def test_functions_are_short() -> None:
    long = [
        f"{m.at(node)} {node.name}: {length(node)} lines"
        for m in modules()
        for node in definitions(m)
        if isinstance(node, Function) and length(node) > FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


def test_classes_are_small() -> None:
    large = []
    for module in modules():
        for node in definitions(module):
            methods = [m for m in ast.iter_child_nodes(node) if isinstance(m, Function)]
            plain = [m for m in methods if not (m.name.startswith("__") and m.name.endswith("__"))]
            if isinstance(node, ast.ClassDef) and len(plain) > CLASS_METHODS:
                large.append(f"{module.at(node)} {node.name}: {len(plain)} methods")
    assert not large, "\n".join(large)


def test_everything_public_says_what_it_is() -> None:
    mute = [f"{m.where}: the module" for m in modules() if not _says(ast.get_docstring(m.tree, clean=False))]
    for module in modules():
        for node in documented(module):
            if not _says(ast.get_docstring(node, clean=False)):
                mute.append(f"{module.at(node)} {node.name}")
    assert not mute, "no docstring, or its first line is empty:\n" + "\n".join(mute)


def test_a_modules_docstring_is_short() -> None:
    wordy = [
        m.where for m in modules() if len((ast.get_docstring(m.tree) or "").split("\n\n")[0].splitlines()) > 2
    ]
    assert not wordy, "the first sentence takes more than two lines:\n" + "\n".join(wordy)


def _says(text: str | None) -> bool:
    return bool(text and text.split("\n")[0].strip())


def test_importing_a_module_does_nothing() -> None:
    busy = []
    for module in modules():
        for node in module.tree.body:
            if not _quiet(node, module.where.endswith("__main__.py")):
                busy.append(f"{module.at(node)}: {ast.unparse(node).splitlines()[0][:80]}")
            busy += [f"{module.at(call)}: calls {name}" for call, name in _calls(node) if not _pure(name)]
    assert not busy, "\n".join(busy)


def _quiet(node: ast.stmt, entry: bool) -> bool:
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return entry
    return isinstance(
        node,
        ast.Import
        | ast.ImportFrom
        | ast.FunctionDef
        | ast.AsyncFunctionDef
        | ast.ClassDef
        | ast.Assign
        | ast.AnnAssign,
    )


def _calls(node: ast.stmt) -> list[tuple[ast.Call, str]]:
    """Calls made when an assignment is executed: not those inside a lambda."""
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return []
    found, waiting = [], [node.value]
    while waiting:
        part = waiting.pop()
        if part is None or isinstance(part, ast.Lambda):
            continue
        if isinstance(part, ast.Call):
            function = part.func
            found.append((part, function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)))
        waiting += [
            child for child in ast.iter_child_nodes(part) if isinstance(child, ast.expr | ast.comprehension)
        ]
    return found


def _pure(name: str) -> bool:
    bare = name.lstrip("_")
    return bare in PURE or bare[:1].isupper()


def test_names_say_something() -> None:
    empty = []
    for module in modules():
        stem = module.where.rsplit("/", 1)[-1].removesuffix(".py")
        named = [(module.where, stem, BANNED_KINDS)]
        for node in definitions(module):
            named.append((module.at(node), node.name, BANNED_KINDS if isinstance(node, ast.ClassDef) else BANNED))
        empty += [f"{at} {name}" for at, name, banned in named if not banned.isdisjoint(_singular(name))]
    assert not empty, "\n".join(empty)


def _singular(name: str) -> list[str]:
    return [form for word in words(name) for form in (word, word.removesuffix("s"))]


def test_the_core_does_not_wait() -> None:
    waits = [
        f"{m.at(node)}: {type(node).__name__}"
        for m in core()
        for node in ast.walk(m.tree)
        # The shell's protocols are declared there; nothing in the core implements or calls them.
        if not m.where.endswith("model/ports.py")
        and isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]
    assert not waits, "\n".join(waits)


def test_the_core_has_no_clock_no_chance_and_no_disk() -> None:
    clocks = {
        ("datetime", "now"),
        ("datetime", "utcnow"),
        ("datetime", "today"),
        ("date", "today"),
        ("np", "random"),
    }
    found = []
    for module in core():
        for node in ast.walk(module.tree):
            match node:
                case ast.Attribute(value=ast.Name(id=owner), attr=attr) if (owner, attr) in clocks:
                    found.append(f"{module.at(node)}: {owner}.{attr}")
                case ast.Call(func=ast.Name(id="open" | "input" | "breakpoint" | "exec" | "eval" as name)):
                    found.append(f"{module.at(node)}: {name}()")
    assert not found, "\n".join(found)


def test_only_the_command_line_prints() -> None:
    loud = [
        f"{m.at(node)}"
        for m in modules()
        for node in ast.walk(m.tree)
        if m.room != "cli" and isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "click.echo")
    ]
    assert not loud, "\n".join(loud)
