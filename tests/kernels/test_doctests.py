"""Every kernel's examples are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import crosstape.kernels
import crosstape.quant
import crosstape.state
import crosstape.venues

MODULES = [
    importlib.import_module(found.name)
    for package in (crosstape.kernels, crosstape.quant, crosstape.state, crosstape.venues)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)
def test_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.failed == 0
    if module.__name__.startswith("crosstape.kernels."):
        assert result.attempted > 0
