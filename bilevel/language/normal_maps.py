"""Reading diagonal matrices, ones and matrices of maps.

Main definitions: `Maps`, `MAPS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from bilevel.language.diagonal import Diagonal, Selection
from bilevel.language.normal_atom import Atom
from bilevel.language.normal_copies import copy
from bilevel.language.normal_draw import Environment, Shaped
from bilevel.language.normal_tensor import Tensor, contract


class Maps:
    """The part of a reader that knows tensors which copy an index."""

    unique: Callable[[str, Any], str]
    dimension: Callable[[Any], str]
    matrix: Callable[[Any, Environment], Shaped]

    def _ones(self, expr: Any, env: Environment) -> Shaped:
        long = [size for size in expr.shape if size != 1] or [sp.S.One]
        sides = [(Tensor.factor(copy(self.dimension(size), 1)), (place,)) for place, size in enumerate(long)]
        return Shaped(contract(sides, range(len(sides))), expr.shape[0] != 1 or len(long) == 1, expr.shape[1] != 1)

    def _diagonal(self, expr: Any, env: Environment) -> Shaped:
        three = Tensor.factor(copy(self.dimension(expr.shape[0]), 3))
        entries = self.matrix(expr.entries, env).tensor
        return Shaped(contract([(three, (0, 1, "on")), (entries, ("on",))], (0, 1)), True, True)

    def _selection(self, expr: Any, env: Environment) -> Shaped:
        sizes, name = tuple(map(self.dimension, expr.shape)), self.unique(expr.name, expr)
        return Shaped(Tensor.factor(Atom("selection", sizes, name=name, rank=2, payload=expr)), True, True)


MAPS: tuple[tuple[Any, Callable[..., Shaped]], ...] = (
    (sp.OneMatrix, Maps._ones),
    (Diagonal, Maps._diagonal),
    (Selection, Maps._selection),
)
