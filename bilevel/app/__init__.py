"""What a person meets first: problem files and the command line.

Main definitions: `load`, `save`, `Problem`.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {"load": "problem", "Problem": "problem", "save": "saving"}

__all__ = ["Problem", "load", "save"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        from bilevel.language.names import absent

        raise absent(__name__, name, _HOMES)
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
