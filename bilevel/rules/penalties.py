"""Rules that add a multiple of a Jacobian product to the field.

Main definitions: `hamiltonian`, `consensus`, `symplectic`, `jare`.

J = F'(z) everywhere below. Each rule is z - step G(z) with a modified field G; `bilevel.rules.continuous` gives the
flow -G, and `bilevel.rules.along` runs any other rule on G.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bilevel.rules.protocol.parts import across_transposed
from bilevel.rules.protocol.rule import Field, rule


@rule
def hamiltonian(step: Any) -> Callable[[Field], Callable[..., Any]]:
    """Hamiltonian gradient descent: descend half the squared norm of the field.

    Math: z_{t+1} = z - step J^T F. Every zero of F attracts it, Nash or not, and so may points where J^T F = 0 but F
        is not.

    Shapes: per step.

    Reference: Balduzzi et al. (2018), arXiv:1802.05642; Abernethy, Lai, Wibisono (2019), arXiv:1906.02027.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import hamiltonian, linearise
        >>> x, y, h = sp.symbols("x y h", real=True)
        >>> linearise(Game(a=minimize(x*y, x), b=maximize(x*y, y)), hamiltonian(h), {x: 0, y: 0}).matrix
        Matrix([
        [1 - h,     0],
        [    0, 1 - h]])
    """
    return lambda field: lambda z: z - step * field.vjp(z, field(z))


@rule
def consensus(step: Any, weight: Any) -> Callable[[Field], Callable[..., Any]]:
    """Consensus optimisation: the gradient step plus descent on half the squared norm of the field.

    Math: z_{t+1} = z - step (F + weight J^T F).

    Shapes: per step; `step` and `weight` may differ between players.

    Reference: Mescheder, Nowozin, Geiger (2017), arXiv:1705.10461.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import consensus, linearise
        >>> x, y, h, w = sp.symbols("x y h w", real=True)
        >>> linearise(Game(a=minimize(x*y, x), b=maximize(x*y, y)), consensus(h, w), {x: 0, y: 0}).matrix
        Matrix([
        [-h*w + 1,       -h],
        [       h, -h*w + 1]])
    """

    def on(field: Field) -> Callable[..., Any]:
        def advance(z: Any) -> Any:
            slope = field(z)
            return z - step * (slope + weight * field.vjp(z, slope))

        return advance

    return on


@rule
def symplectic(step: Any, weight: Any) -> Callable[[Field], Callable[..., Any]]:
    """Symplectic gradient adjustment (SGA), with a fixed sign of the weight.

    Math: z_{t+1} = z - step (F + weight A^T F), A = (J - J^T)/2, so A^T F = (J^T F - J F)/2.

    Shapes: per step; `step` and `weight` may differ between players.

    Reference: Balduzzi et al. (2018), arXiv:1802.05642.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import linearise, symplectic
        >>> x, h, w = sp.symbols("x h w", real=True)      # a single player has A = 0
        >>> linearise(Game(a=minimize(x**2 / 2, x)), symplectic(h, w), {x: 0}).matrix
        Matrix([[1 - h]])
    """

    def on(field: Field) -> Callable[..., Any]:
        def advance(z: Any) -> Any:
            slope = field(z)
            turned = (field.vjp(z, slope) - field.jvp(z, slope)) / 2
            return z - step * (slope + weight * turned)

        return advance

    return on


@rule
def jare(step: Any, weight: Any) -> Callable[[Field], Callable[..., Any]]:
    """JARE: every player also descends half the squared gradient norm of the other players.

    Math: z_i <- z_i - step (F_i + weight sum over j != i of (dF_j/dz_i)^T F_j). With a weight of zero for all but one
        player only that player pays attention to the others' gradients: weight 2 eta on the generator alone is the
        penalty eta ||F_critic||^2 on the generator's loss.

    Shapes: per step; `step` and `weight` may differ between players.

    Reference: Nie and Patel (2019), arXiv:1806.09235; Nagarajan and Kolter (2017), arXiv:1706.04156, section 4.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import jare, linearise
        >>> x, y, h, w = sp.symbols("x y h w", real=True)
        >>> game = Game(generator=minimize(x*y, x), critic=maximize(x*y, y))
        >>> linearise(game, jare(h, {"generator": w, "critic": 0}), {x: 0, y: 0}).matrix
        Matrix([
        [-h*w + 1, -h],
        [       h,  1]])
    """

    def on(field: Field) -> Callable[..., Any]:
        def advance(z: Any) -> Any:
            slope = field(z)
            return z - step * (slope + weight * across_transposed(field, z, slope))

        return advance

    return on
