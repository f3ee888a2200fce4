"""Symbols made from a game's variables.

Main definitions: `fresh`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp


def fresh(variable: Any, stamp: str) -> Any:
    """A symbol of the same kind as the variable, called name_stamp."""
    if isinstance(variable, sp.Symbol):
        return sp.Symbol(f"{variable.name}_{stamp}", **variable._assumptions_orig)
    return variable.func(f"{variable.name}_{stamp}", *variable.args[1:])
