"""The Jacobian of a game or of a learning rule as a linear operator: products, never a matrix.

Main definitions: `jacobian`, `Operator`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, gmres, minres

from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.numeric.precision import checked_dtype, working
from bilevel.numeric.spectra_products import FlatStep, Products, floating, precision_of
from bilevel.numeric.stepper import reading
from bilevel.rules.descent import flow
from bilevel.rules.protocol.rule import Rule

Product = Callable[[np.ndarray], np.ndarray]
INNER = {"float32": 1e-5, "float64": 1e-10}  # relative residual asked of inner linear solves


@dataclass(frozen=True)
class Operator:
    """A square linear map given by its products, with the players' blocks in order.

    Math: `forward(v)` is M v, `backward(v)` is M^T v; `symmetric` is (M + M^T)/2, `antisymmetric` (M - M^T)/2, `own(i)`
        the block M_ii, `schur(i)` = M_ii - M_io M_oo^{-1} M_oi over the others o, by inner iterative solves. `growth`
        says how far an eigenvalue lies beyond the boundary of stability: -Re for a field F (z' = -F), Re for a flow,
        modulus - 1 for a map. `products()` counts the Jacobian-vector products taken so far.

    Shapes: vectors of length n; one product costs about three evaluations of all gradients, memory O(n).

    Raises: GameError for an unknown player; UnknownAnswer where an inner solve does not converge.

    Reference: Balduzzi et al. (2018), arXiv:1802.05642, for the two parts; Pearlmutter (1994) for the products; Jin,
        Netrapalli, Jordan (2020), arXiv:1902.00618, for the Schur complement.

    Examples:
        >>> f = lambda z: z["x"] * z["y"]
        >>> J = jacobian({"x": f, "y": f}, {"x": 1.0, "y": 2.0}, maximizing=("y",))
        >>> J.forward(np.array([1.0, 0.0])).tolist()
        [0.0, -1.0]
        >>> bool((J.symmetric.dense() == 0).all())        # the game is pure rotation
        True
    """

    words: str
    blocks: Mapping[str, int]
    forward: Product = field(repr=False)
    backward: Product = field(repr=False)
    dense: Callable[[], np.ndarray] = field(repr=False)
    products: Callable[[], int] = field(repr=False)
    dtype: str
    kind: str = "general"
    boundary: str = ""  # "field", "flow", "map", or none

    @property
    def size(self) -> int:
        """Number of rows."""
        return sum(self.blocks.values())

    def growth(self, values: Any) -> Any:
        """How far eigenvalues lie beyond the boundary of stability (negative: inside)."""
        values = np.asarray(values, dtype=complex)
        return {"field": -values.real, "flow": values.real, "map": np.abs(values) - 1}[self.boundary]

    def slice_of(self, player: str) -> slice:
        """Where a player's block stands."""
        if player not in self.blocks:
            raise GameError(f"there is no player {player!r}; the blocks are {', '.join(self.blocks)}")
        names = list(self.blocks)
        first = sum(self.blocks[name] for name in names[: names.index(player)])
        return slice(first, first + self.blocks[player])

    def _part(self, sign: int, kind: str) -> Operator:
        def image(v: np.ndarray) -> np.ndarray:
            return (self.forward(v) + sign * self.backward(v)) / 2

        def dense() -> np.ndarray:
            whole = self.dense()
            return (whole + sign * whole.T) / 2

        turned: Product = image if sign == 1 else lambda v: -image(v)
        return replace(
            self, words=f"{kind} part of the {self.words}", forward=image, backward=turned, dense=dense, kind=kind,
            boundary="",
        )  # fmt: skip

    @property
    def symmetric(self) -> Operator:
        """(M + M^T)/2; two products each."""
        return self if self.kind == "symmetric" else self._part(1, "symmetric")

    @property
    def antisymmetric(self) -> Operator:
        """(M - M^T)/2; two products each."""
        return self if self.kind == "antisymmetric" else self._part(-1, "antisymmetric")

    def own(self, player: str) -> Operator:
        """A player's own block: the Hessian of its cost in its own variables, where it is symmetric.

        It is not where a loss holds a value constant that varies with them; two products on a random vector tell.
        """
        place = self.slice_of(player)
        block = replace(
            self,
            words=f"{player}'s own block of the {self.words}",
            blocks={player: self.blocks[player]},
            forward=lambda v: self.forward(self._spread(v, place))[place],
            backward=lambda v: self.backward(self._spread(v, place))[place],
            dense=lambda: self.dense()[place, place],
            boundary="",
        )
        v = np.random.default_rng(0).standard_normal(block.size)
        ahead, back = block.forward(v), block.backward(v)
        apart, size = float(np.linalg.norm(ahead - back)), float(np.linalg.norm(ahead) + np.linalg.norm(back))
        if self.boundary == "field" and apart <= 1e3 * float(np.finfo(self.dtype).eps) * size:
            return replace(block, words=f"Hessian of {player}'s own cost", kind="symmetric")
        return block

    def _spread(self, v: np.ndarray, place: Any) -> np.ndarray:
        whole = np.zeros(self.size)
        whole[place] = v
        return whole

    def schur(self, leader: str) -> Operator:
        """M_ii - M_io M_oo^{-1} M_oi: in a zero-sum game the second derivative of the leader's cost along the reply."""
        place = self.slice_of(leader)
        others = np.ones(self.size, dtype=bool)
        others[place] = False
        rest = [name for name in self.blocks if name != leader]
        alone = len(rest) == 1 and self.own(rest[0]).kind == "symmetric"

        def reduced(product: Product) -> Product:
            def image(v: np.ndarray) -> np.ndarray:
                moved = product(self._spread(v, place))
                reply = self._solved(lambda w: product(self._spread(w, others))[others], moved[others], alone)
                return moved[place] - product(self._spread(reply, others))[place]

            return image

        def dense() -> np.ndarray:
            whole = self.dense()
            a, b = whole[place, place], whole[place, :][:, others]
            return a - b @ np.linalg.solve(whole[np.ix_(others, others)], whole[others, :][:, place])

        return replace(
            self, words=f"Schur complement of {leader}", blocks={leader: self.blocks[leader]}, dense=dense,
            forward=reduced(self.forward), backward=reduced(self.backward), kind="general", boundary="",
        )  # fmt: skip

    def _solved(self, image: Product, right: np.ndarray, symmetric: bool) -> np.ndarray:
        if not right.any():
            return right
        operator = LinearOperator((right.size, right.size), matvec=image, dtype=float)
        tolerance = INNER[self.dtype]
        if symmetric:
            found, failed = minres(operator, right, rtol=tolerance, maxiter=500)
        else:
            found, failed = gmres(operator, right, rtol=tolerance, atol=0.0, restart=60, maxiter=10)
        left = float(np.linalg.norm(image(found) - right) / np.linalg.norm(right))
        if failed and left > 100 * tolerance:
            raise UnknownAnswer(
                f"the others' block is so nearly singular that an inner solve stopped at relative residual {left:.1e}",
                next_step="add a small penalty to the others' costs, or analyse a smaller model",
            )
        return found


def written_out(operator: Operator) -> Operator:
    """The same map as a matrix, formed once: for small games, where compiling products costs more than they do."""
    matrix = operator.dense()
    return replace(operator, forward=lambda v: matrix @ v, backward=lambda v: matrix.T @ v, dense=lambda: matrix)


def less_identity(operator: Operator) -> Operator:
    """M - 1: what a map adds to each mode."""
    return replace(
        operator, words=f"{operator.words} less the identity", boundary="",
        forward=lambda v: operator.forward(v) - v, backward=lambda v: operator.backward(v) - v,
        dense=lambda: operator.dense() - np.eye(operator.size),
    )  # fmt: skip


def jacobian(
    losses: Any,
    params: Any,
    *arguments: Any,
    rule: Rule | None = None,
    state: Any = None,
    values: Mapping[Any, Any] | None = None,
    maximizing: tuple[str, ...] = (),
    realisation: Any = None,
    dtype: Any = None,
) -> Operator:
    """The Jacobian of a game's field, or of a learning rule's step, at a point, as an operator.

    Math: without a rule J = F'(z), F_i = d cost_i/d x_i, what stands in `stop_gradient` held in F and varied in J;
        with a rule the derivative of its map (z, memory) to (z, memory), or of its flow's right-hand side. `state`
        is the rule's memory (default: that of a first step); `arguments` go to the losses: fix a batch and its
        keys there.

    Shapes: losses, parameters and values as `bilevel.numeric.reading` takes them. `dtype`: float32 if all parameter
        arrays are, else float64; "float64" lifts float32 parameters. Products are computed in that precision. Cost
        grows linearly with the model: nothing of size n x n is formed.

    Raises: GameError as `reading` does.

    Reference: Pearlmutter (1994), Fast exact multiplication by the Hessian, Neural Computation 6(1).

    Examples:
        >>> from bilevel.rules import heavy_ball
        >>> M = jacobian({"a": lambda z: z["a"] ** 2}, {"a": 0.0}, rule=heavy_ball("1/4", "1/2"))
        >>> M.dense().tolist(), dict(M.blocks)
        ([[1.0, -0.5], [1.0, 0.0]], {'a': 1, 'a@previous': 1})
    """
    step = flat_step(
        losses, params, arguments, rule or flow(), state, dtype,
        values=values, maximizing=maximizing, realisation=realisation,
    )  # fmt: skip
    return operator_of(Products(step, sign=1 if rule else -1), "" if rule is None else rule.time)


def flat_step(
    losses: Any, params: Any, arguments: tuple[Any, ...], rule: Rule, state: Any, dtype: Any, **choices: Any
) -> FlatStep:
    """A rule's step on flat vectors, everything in one precision."""
    if isinstance(params, Mapping):  # a game's symbols as keys cannot be sorted, their names can
        params = {str(getattr(key, "name", key)): value for key, value in params.items()}
    kind = str(checked_dtype(dtype or precision_of(params)))
    stepper = reading(losses, rule, **choices)
    with working(kind):
        params = floating(params, kind)
        state = stepper.init(params) if state is None else floating(state, kind)
        return FlatStep(stepper, params, tuple(state), arguments, kind)


def operator_of(products: Products, time: str = "") -> Operator:
    """The operator of some products; `time` "" for a field, else that of the rule."""
    words = {"": "game Jacobian", "discrete": "Jacobian of the map", "continuous": "Jacobian of the flow"}
    boundary = {"": "field", "discrete": "map", "continuous": "flow"}
    return Operator(
        words[time], products.step.labels(), products.push, products.pull, products.matrix,
        lambda: products.count, products.dtype, boundary=boundary[time],
    )  # fmt: skip
