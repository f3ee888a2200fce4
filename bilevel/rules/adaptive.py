"""Rules that divide by a running root mean square of the field.

Main definitions: `adam`, `rmsprop`.

`epsilon` stands *inside* the root, sqrt(v + epsilon): at a fixed point v = 0, and sqrt(v) + epsilon has no derivative
there. The early-time corrections 1 - beta^t of Adam tend to one and are left out, so the map is the one of late
times. With `frozen` the preconditioner is held at sqrt(frozen + epsilon) and v is not kept: the reading for
noise-dominated training, where v stays away from zero. Without it the linear reading is that of the full rule at v =
0, where v only adds the eigenvalue beta2 (decay).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from bilevel.rules.protocol.rule import Field, Rule, rule


def _root(scalar: Any) -> Any:
    return scalar ** sp.Rational(1, 2)


@rule(memory={"square": "zero"})
def rmsprop(
    step: Any, decay: Any = "9/10", epsilon: Any = "1/100000000", *, frozen: Any = None
) -> Callable[[Field], Callable[..., Any]] | Rule:
    """RMSProp: every component is divided by the root of a running mean of its squares.

    Math: v' = decay v + (1 - decay) F^2, z' = z - step F / sqrt(v' + epsilon), component by component; with `frozen`,
        z' = z - step F / sqrt(frozen + epsilon).

    Shapes: per step; `step` and `frozen` may differ between players.

    Reference: Tieleman and Hinton (2012), lecture 6.5 of Neural Networks for Machine Learning.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import linearise, rmsprop
        >>> x, h = sp.symbols("x h", positive=True)
        >>> linearise(Game(a=minimize(x**2 / 2, x)), rmsprop(h, "1/2", "1/4"), {x: 0}).matrix
        Matrix([
        [1 - 2*h,   0],
        [      0, 1/2]])
    """

    def on(field: Field) -> Callable[..., Any]:
        def advance(z: Any, square: Any) -> Any:
            slope = field(z)
            square = decay * square + (1 - decay) * (slope * slope)
            return z - step * (slope / square.plus(epsilon).sqrt()), square

        return advance

    if frozen is None:
        return on
    root = _root(frozen + epsilon)
    return Rule("rmsprop", (), lambda field: lambda z: z - step * (field(z) / root))


@rule(memory={"mean": "zero", "square": "zero"})
def adam(
    step: Any, beta1: Any = "9/10", beta2: Any = "999/1000", epsilon: Any = "1/100000000", *, frozen: Any = None
) -> Callable[[Field], Callable[..., Any]] | Rule:
    """Adam at late times: a running mean of the field over the root of a running mean of its squares.

    Math: m' = beta1 m + (1 - beta1) F, v' = beta2 v + (1 - beta2) F^2, z' = z - step m' / sqrt(v' + epsilon),
        component by component; with `frozen`, z' = z - step m' / sqrt(frozen + epsilon).

    Shapes: per step; `step`, `beta1` and `frozen` may differ between players.

    Reference: Kingma and Ba (2015), arXiv:1412.6980; here with epsilon inside the root and without the early
        corrections.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import adam, linearise
        >>> x, h, b = sp.symbols("x h b", positive=True)
        >>> linearise(Game(a=minimize(x**2 / 2, x)), adam(h, b, epsilon=0, frozen=1), {x: 0}).order
        ('x', 'x@mean')
    """

    def on(field: Field) -> Callable[..., Any]:
        def advance(z: Any, mean: Any, square: Any) -> Any:
            slope = field(z)
            mean = beta1 * mean + (1 - beta1) * slope
            square = beta2 * square + (1 - beta2) * (slope * slope)
            return z - step * (mean / square.plus(epsilon).sqrt()), mean, square

        return advance

    if frozen is None:
        return on
    root = _root(frozen + epsilon)

    def on_frozen(field: Field) -> Callable[..., Any]:
        def advance(z: Any, mean: Any) -> Any:
            mean = beta1 * mean + (1 - beta1) * field(z)
            return z - step * (mean / root), mean

        return advance

    return Rule("adam", (), on_frozen, "discrete", (("mean", "zero"),))
