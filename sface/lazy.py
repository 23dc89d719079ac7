"""A package whose names are loaded when they are first used."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package.

    homes: for each public name the module that holds it: one of the package's own ("crop"), or another room's, by its
        full name ("sface.align.crop"). A module that is public itself is its own home ({"zoo": "zoo"}).

    It raises DependencyError where a package that an extra brings is missing.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = homes[name]
        try:
            module = importlib.import_module(home if home.startswith("sface.") else f".{home}", package)
        except ModuleNotFoundError as error:
            from .runtime.dependencies import raise_if_of_an_extra

            raise_if_of_an_extra(error)
            raise
        return module if home == name else getattr(module, name)

    return get
