"""Rules that keep the variables inside bounds.

Main definitions: `projected`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.rules.protocol.constants import declared, placed
from bilevel.rules.protocol.rule import Field, Rule, rule
from bilevel.rules.protocol.scalars import where_below


def _clipped(leaf: Any, low: Any, high: Any) -> Any:
    if isinstance(leaf, sp.MatrixExpr):
        raise GameError("projected needs scalar variables; instantiate the model-level game first")
    if low is not None:
        bottom, inner = placed(leaf, low), leaf
        leaf = where_below(leaf, bottom, lambda: bottom, lambda: inner)
    if high is not None:
        top, above = placed(leaf, high), leaf
        leaf = where_below(top, leaf, lambda: top, lambda: above)
    return leaf


@rule
def projected(base: Any, lower: Any = None, upper: Any = None) -> Rule:
    """Any rule followed by clipping every variable to its bounds, as in weight clipping.

    Math: z' = max(lower, min(upper, T(z))) component by component, T the base rule. Inside the bounds it linearises
        to T; a variable that T would push beyond its bound stays there and its row is zero; exactly on the edge there
        is no derivative.

    Shapes: per step; a bound is a number, or a table by variable or player; what is not named is free.

    Raises: GameError unless the base is a discrete rule and the variables are scalars; UnknownAnswer on the edge.

    Reference: Levitin and Polyak (1966); Arjovsky, Chintala, Bottou (2017), arXiv:1701.07875, for weight clipping.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import linearise, projected, simultaneous
        >>> x, y = sp.symbols("x y", real=True)
        >>> h = sp.Symbol("h", positive=True)
        >>> game = Game(a=minimize(y*x + x**2, x), b=maximize(y*(x + 2), y))      # y is pushed up to its bound
        >>> linearise(game, projected(simultaneous(h), upper={"y": 1}), {x: "-1/2", y: 1}).matrix
        Matrix([
        [1 - 2*h, -h],
        [      0,  0]])
    """
    if not isinstance(base, Rule) or base.time != "discrete":
        raise GameError(f"projected needs a rule that takes steps as its base, such as simultaneous(h); got {base}")

    def on(field: Field) -> Callable[..., Any]:
        advance = base.on(field)
        bounds = list(zip(declared(field, lower, None), declared(field, upper, None), strict=True))

        def step(z: Any, *memory: Any) -> Any:
            after, *remembered = advance(z, *memory)
            kept = [_clipped(leaf, *bound) for leaf, bound in zip(after.leaves(), bounds, strict=True)]
            return after.rebuilt(kept), *remembered

        return step

    return Rule("projected", (), on, "discrete", base.memory)
