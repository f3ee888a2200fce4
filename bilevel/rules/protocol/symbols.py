"""Symbols made from a game's variables.

Main definitions: `fresh`, `names_in`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sympy as sp


def fresh(variable: Any, stamp: str, taken: Collection[str] = ()) -> Any:
    """A symbol of the same kind as the variable, called name_stamp; underscores follow until the name is free."""
    name = f"{variable.name}_{stamp}"
    while name in taken:
        name += "_"
    if isinstance(variable, sp.Symbol):
        return sp.Symbol(name, **variable._assumptions_orig)
    return variable.func(name, *variable.args[1:])


def names_in(game: Any, rule: Any = None) -> frozenset[str]:
    """Names a new symbol must avoid: a game beside x may well have a variable or a parameter called x_1."""
    symbols = {*game.variables, *game.parameters, *(rule.symbols if rule is not None else ())}
    return frozenset(str(symbol) for symbol in symbols)
