"""Which columns a SELECT can name: a table of 160 columns costs a query time for each, used or not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# What is said with these names its columns one by one. Anything else (`*`, COLUMNS, #1, NATURAL, DESCRIBE, a
# table function, what a newer DuckDB brings) gets all of them.
EXPRESSIONS = frozenset(
    {
        "COLUMN_REF", "CONSTANT", "COMPARISON", "CONJUNCTION", "FUNCTION", "BETWEEN", "CAST", "CASE", "OPERATOR",
        "SUBQUERY", "WINDOW", "LAMBDA", "TYPE",
    }
)  # fmt: skip
NODES = frozenset(
    {
        "SELECT_NODE", "SET_OPERATION_NODE", "BASE_TABLE", "JOIN", "SUBQUERY", "EMPTY", "ORDER_MODIFIER",
        "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER", "ASCENDING", "DESCENDING",
        "ORDER_DEFAULT",
    }
)  # fmt: skip
JOINS = frozenset({"REGULAR", "CROSS", "ASOF"})
# DuckDB's own catalogues tell what columns there are; a CTE of such a name does not hide them everywhere.
CATALOGUES = ("duckdb_", "pragma_", "sqlite_", "pg_")

Tree = dict[str, Any]


def named(tree: object, tables: Iterable[str]) -> frozenset[str] | None:
    """The words that may be columns of `tables` (lower case); None: take all columns.

    `tree` is what DuckDB's json_serialize_sql says. A word that is no column does no harm.
    """
    if not isinstance(tree, dict) or tree.get("error") is not False:
        return None
    parts = list(_parts(tree["statements"]))
    if not all(map(_plain, parts)):
        return None
    sources = [one for one in parts if one.get("type") == "BASE_TABLE"]
    known = {name.lower() for name in tables} | _ctes(parts)
    if any(one["table_name"].lower() not in known for one in sources):
        return None
    paths = [[name.lower() for name in one["column_names"]] for one in parts if one.get("class") == "COLUMN_REF"]
    rows = {one[name].lower() for one in sources for name in ("table_name", "alias")}
    if any(path[-1] in rows for path in paths):
        # A table's name as a value is a whole row of it.
        return None
    joined = {name.lower() for one in parts if one.get("type") == "JOIN" for name in one["using_columns"]}
    return frozenset(name for path in paths for name in path) | joined


def _parts(tree: object) -> Iterable[Tree]:
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _ctes(parts: list[Tree]) -> set[str]:
    keys = {str(one["key"]).lower() for one in parts if "key" in one and "value" in one}
    return {key for key in keys if not key.startswith(CATALOGUES)}


def _plain(one: Tree) -> bool:
    """Whether this part of the tree names its columns, if it has any."""
    if "class" in one:
        return one["class"] in EXPRESSIONS
    kind = one.get("type")
    if not isinstance(kind, str):
        return True
    if kind == "JOIN":
        return one.get("ref_type") in JOINS
    if kind == "BASE_TABLE":
        return not one.get("column_name_alias") and not one.get("schema_name") and not one.get("catalog_name")
    return kind in NODES
