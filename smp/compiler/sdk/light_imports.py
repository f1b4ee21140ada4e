"""Keeps packages that compiling never uses out of the SDK's import, in a process made for compiling.

The SDK imports them at its top for features that need AWS, Docker or data frames; they take a third of
its import. It must never run in a process that anything else uses: the packages are gone there.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

UNUSED = frozenset(
    {
        "docker",
        "mlflow",
        "numpy",
        "omegaconf",
        "pandas",
        "paramiko",
        "pyarrow",
        "rich",
        "scipy",
    }
)
"""Packages by name."""


class _Absent(type):
    """A class of a package that is left out: it can be named and inherited from, never used."""

    def __getattr__(cls, name: str) -> _Absent:
        return _absent(name)

    def __call__(cls, *_: Any, **__: Any) -> Any:
        raise ImportError(f"{cls.__name__} belongs to a package that is left out of compiling")


def _absent(name: str) -> _Absent:
    if name.startswith("__"):
        raise AttributeError(name)
    return _Absent(name, (Exception,), {})


class _AbsentModule(ModuleType):
    def __getattr__(self, name: str) -> _Absent:
        value = _absent(name)
        setattr(self, name, value)
        return value


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if name.partition(".")[0] in UNUSED:
            return ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _AbsentModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        module.__path__ = []


def leave_out_unused() -> None:
    """Let every later import of an unused package give a stand-in that raises when it is called."""
    sys.meta_path.insert(0, _Finder())
