"""Learning from samples: mean-square stability of a rule under gradient noise, and the covariance it settles at.

Main definitions: `mean_square`, `MeanSquare`.

Notation: one step takes the state to T(z, xi), xi drawn anew each step; J = dT/dz and g = T - z at the point z*, both
random. With e = z - z*: E e' = E[J] e, and E[e e^T]' = E[J e e^T J^T] + E[g g^T], since E g = 0 and e is older than xi.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.state_map import state_map
from bilevel.analysis.verdict import Verdict
from bilevel.game import Game
from bilevel.language.calculus import replace as replaced
from bilevel.language.errors import BilevelError, GameError, UnknownAnswer
from bilevel.language.mean import Mean
from bilevel.language.moments import expectation, read_law
from bilevel.language.nodes import Stopped, stop_gradient
from bilevel.language.values import expression
from bilevel.rules.protocol.dual import dual
from bilevel.rules.protocol.linear import LinearField, complete
from bilevel.rules.protocol.point import Point
from bilevel.rules.protocol.rule import Rule

COPIES = 4  # batches up to this size are written out where a step composes samples

Average = Callable[[Any], Any]


@dataclass(frozen=True)
class MeanSquare:
    """Whether the squared distance to a point stays bounded under gradient noise, and where it settles.

    Math: `mean` is the verdict on E[J]; `second` that on X -> E[J X J^T] (symmetric X), whose `condition` is exact for
        the linearised step and implies the mean's; `covariance` solves X = E[J X J^T] + E[g g^T], per step.

        `model` says what is sampled: rules that evaluate the field several times in a step do so on one sample here. A
        trace that runs along a chain (emphatic TD) is no fresh sample, and may have no second moment: `follow_on`.

    Shapes: n variables (and memory) give an operator of n (n + 1)/2; cost grows with the cube of that.

    Reference: Kushner and Yin (2003), chapter 10; Feuer and Weinstein (1985), doi 10.1109/TASSP.1985.1164493, for LMS.

    Examples:
        >>> from bilevel.language.moments import Normal
        >>> from bilevel.rules import simultaneous
        >>> from bilevel.game import minimize
        >>> w, x, h = sp.symbols("w x", real=True) + (sp.Symbol("h", positive=True),)
        >>> game = Game(learner=minimize((w*x)**2 / 2, w))
        >>> found = mean_square(game, simultaneous(h), at={w: 0}, noise={x: Normal(0, 1)})
        >>> found.mean.condition, found.condition
        (h < 2, h < 2/3)
    """

    mean: Verdict
    second: Verdict
    order: tuple[str, ...]
    noise: Any
    model: str = "one fresh sample a step"

    @property
    def verdict(self) -> str:
        """Of the second moments: stable, unstable, marginal, conditional, unknown."""
        return self.second.verdict

    @property
    def condition(self) -> Any:
        """Where the second moments converge exponentially."""
        return self.second.condition

    @property
    def known(self) -> str:
        """How the condition is known."""
        return self.second.known

    @property
    def reason(self) -> str | None:
        """Why there is no answer, where there is none."""
        return self.second.reason

    @property
    def certificate(self) -> Any:
        """Of the verdict on the second moments, in full."""
        return self.second.certificate

    def solve(self, parameter: Any) -> Any:
        """The condition solved for one parameter."""
        return self.second.solve(parameter)

    @cached_property
    def covariance(self) -> Any:
        """The covariance that the state settles at wherever the condition holds."""
        if self.condition in (None, sp.false):
            raise UnknownAnswer("second moments do not settle here, or it is not known that they do")
        n = len(self.order)
        operator = self.second.jacobian
        found = _solved(sp.eye(operator.rows) - operator, sp.Matrix(_half(self.noise)))
        return _whole(found, n)

    def __str__(self) -> str:
        return f"model: {self.model}\nin the mean: {self.mean}\nin mean square: {self.second}"


def mean_square(
    game: Any,
    rule: Rule,
    *,
    at: Mapping[Any, Any],
    noise: Mapping[Any, Any] | Sequence[tuple[Any, Mapping[Any, Any]]],
    batch: Any = 1,
) -> MeanSquare:
    """Mean-square stability of a learning rule that sees samples of the losses instead of their averages.

    Math: spectral radius of X -> E[J X J^T] below 1, by the same exact root test as for means. All that one step
        evaluates is evaluated on the same samples. A batch of B averages B independent gradients: centred products get
        the factor 1/B; where a step composes samples (extragradient, alternation), B is a number up to 4 and written
        out.

    Shapes: `noise`: {symbol: law} for independent symbols of the losses, or outcomes [(probability, {symbol: value})]
        drawn together; the point is one that the expected step leaves where it is.

    Raises: GameError for a flow, a point that moves on average, or noise that the losses do not contain.

    Reference: Kushner and Yin (2003), Stochastic Approximation, chapter 10; Bach and Moulines (2013), arXiv:1306.2119.

    Examples:
        >>> from bilevel.language.moments import Normal
        >>> from bilevel.rules import simultaneous
        >>> from bilevel.game import minimize
        >>> w, e = sp.symbols("w e", real=True)
        >>> h, s, B = sp.symbols("h s B", positive=True)
        >>> game = Game(learner=minimize(w**2 / 2 + e*w, w))
        >>> found = mean_square(game, simultaneous(h), at={w: 0}, noise={e: Normal(0, s)}, batch=B)
        >>> sp.factor(found.covariance[0, 0])
        -h*s/(B*(h - 2))
    """
    if rule.time == "continuous":
        raise GameError("gradient noise enters step by step; choose a rule with steps, not a flow")
    noise, symbols = _named(game, noise)
    size = expression(batch, "the size of a batch")
    average, model = _average(noise), _model(game, rule, at, size)
    try:
        found = _moments(game, rule, at, average, symbols, size)
    except UnknownAnswer as stop:
        blank = sp.zeros(len(game.variables))
        nothing = Verdict("unknown", None, None, None, None, "unknown", rule.time, blank, None, reason=str(stop))
        return MeanSquare(nothing, nothing, tuple(map(str, game.variables)), blank, model)
    names, J, operator, additive = found
    mean = analyse(J, time="discrete", assuming=game.assuming)
    second = analyse(operator, time="discrete", assuming=game.assuming)
    return MeanSquare(mean, second, names, additive, model)


class _Counted(LinearField):
    """A field that counts how often it is evaluated."""

    evaluations = 0

    def __call__(self, z: Point) -> Point:
        """The field; one evaluation more."""
        self.evaluations += 1
        return super().__call__(z)


def _model(game: Any, rule: Rule, at: Any, size: Any) -> str:
    """What is drawn anew each step, in words."""
    drawn = "one fresh sample" if size == 1 else f"a fresh batch of {size}"
    point = complete(game, at)
    reading = _Counted(game)
    starts = ["same", *(start for _, start in rule.memory)]
    state = [reading._point(dual(point[v] if start == "same" else 0) for v in game.variables) for start in starts]
    try:
        rule.on(reading)(*state)
    except BilevelError:
        return f"{drawn} a step"
    if reading.evaluations < 2:
        return f"{drawn} a step"
    return f"{drawn} a step, the same in all {reading.evaluations} evaluations of the field within it"


def _named(game: Any, noise: Any) -> tuple[Any, set[Any]]:
    """The noise with the game's own symbols, which may be given by name, and laws read from text."""
    if not hasattr(game, "field"):
        raise GameError(f"a game, flow or map was expected; got {type(game).__name__}")
    there = {str(s): s for value in game.field().values() for s in value.free_symbols}
    given = list(noise) if isinstance(noise, Mapping) else [s for _, put in noise for s in put]
    absent = sorted({str(s) for s in given if there.get(str(s), s) != s and not isinstance(s, str)})
    absent += sorted({str(s) for s in given if str(s) not in there})
    if absent or not given:
        raise GameError(f"the losses do not contain the noise {', '.join(absent) or '{}'}")
    if isinstance(noise, Mapping):
        laws = {there[str(s)]: read_law(law, there) if isinstance(law, str) else law for s, law in noise.items()}
        return laws, set(laws)
    outcomes = [(p, {there[str(s)]: value for s, value in put.items()}) for p, put in noise]
    return outcomes, {s for _, put in outcomes for s in put}


def _average(noise: Any) -> Average:
    if isinstance(noise, Mapping):
        laws = dict(noise)
        return lambda body: expectation(sp.expand(body), {s: laws[s] for s in laws if s in body.free_symbols})
    outcomes = [(expression(p, "a probability"), dict(put)) for p, put in noise]
    total = sp.expand(sum(p for p, _ in outcomes))
    if total != 1:
        raise GameError(f"the outcomes' probabilities sum to {total}, not to one")
    return lambda body: sum((p * body.subs(put, simultaneous=True) for p, put in outcomes), sp.S.Zero)


def _moments(game: Any, rule: Rule, at: Any, average: Average, symbols: set[Any], size: Any) -> Any:
    """Names of the state, E[J], the operator on symmetric matrices and E[g g^T]."""
    if size == 1:
        return _of(game, rule, at, average, {})
    scale = sp.Dummy("scale", real=True)
    mixed = _with_losses(game, lambda loss: (1 - scale) * _closed(average, loss) + scale * loss)
    try:
        return _of(mixed, rule, at, average, {scale: 1 / size})
    except _Composed:
        pass
    if not size.is_Integer or size > COPIES:
        raise UnknownAnswer(
            f"one step of {rule.name} composes samples, so the batch does not enter as a factor",
            next_step=f"give the batch as a number up to {COPIES}, or use simultaneous steps",
        )
    copies = [{s: sp.Dummy(f"{s}_{i}", real=True) for s in symbols} for i in range(int(size))]
    several = _with_losses(game, lambda loss: sum((loss.xreplace(put) for put in copies), sp.S.Zero) / size)
    return _of(several, rule, at, lambda body: _together(body, average, copies), {})


def _together(body: Any, average: Average, copies: list[dict[Any, Any]]) -> Any:
    """Averages over one sample of the batch after the other."""
    for put in copies:
        body = average(sp.expand(body).xreplace({new: old for old, new in put.items()}))
    return body


class _Composed(Exception):
    """A step in which samples meet each other."""


def _closed(average: Average, loss: Any) -> Any:
    value = average(loss)
    if value.has(Mean):
        raise UnknownAnswer("the averaged loss has no closed form", next_step="choose batch 1, or a finite law")
    return value


def _with_losses(game: Any, change: Callable[[Any], Any]) -> Game:
    """The game with changed losses; what is stopped in them stands for constants meanwhile."""
    if not isinstance(game, Game):
        raise UnknownAnswer("a flow or map has no losses to average over a batch", next_step="choose batch 1")
    held = {v: sp.Dummy(f"{v}_held", real=True) for v in game.variables}
    back = {dummy: stop_gradient(v) for v, dummy in held.items()}

    def apart(loss: Any) -> Any:
        frozen = loss.replace(lambda e: isinstance(e, Stopped), lambda e: e.args[0].xreplace(held))
        return replaced(change(frozen), back)

    return game.map_losses(apart)


def _of(game: Any, rule: Rule, at: Any, average: Average, scales: Mapping[Any, Any]) -> Any:
    system = state_map(game, rule, at)
    n, zero = len(system.variables), sp.S.Zero
    scale = next(iter(scales), None)

    def settled(body: Any) -> Any:
        body = sp.expand(body)
        if scale is None:
            return sp.cancel(sp.together(average(body)))
        powers = sp.Poly(body, scale).as_dict() if body != 0 else {}
        if any(power > 2 for (power,) in powers):
            raise _Composed
        # The centred part has mean zero, so of its powers only the square survives the averaging.
        kept = ((power, c) for (power,), c in powers.items() if power != 1)
        return sp.cancel(sp.together(sum(((scales[scale] if p else 1) * average(c) for p, c in kept), zero)))

    J = system.matrix
    gap = [system.at_point(e) - system.point[v] for e, v in zip(system.after, system.variables, strict=True)]
    for v, moved in zip(system.variables, gap, strict=True):
        if settled(moved) != 0:
            raise GameError(f"the expected step moves {v} by {settled(moved)}; choose a point that it leaves in place")
    additive = sp.ImmutableMatrix(n, n, lambda i, j: settled(gap[i] * gap[j]))
    pairs = _pairs(n)
    operator = sp.zeros(len(pairs))
    for column, (k, m) in enumerate(pairs):
        for row, (i, j) in enumerate(pairs):
            term = J[i, k] * J[j, m] + (J[i, m] * J[j, k] if k != m else zero)
            operator[row, column] = settled(term)
    return tuple(map(str, system.variables)), J.applyfunc(settled), operator, additive


def _pairs(n: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(n) for j in range(i, n)]


def _half(matrix: Any) -> list[Any]:
    return [matrix[i, j] for i, j in _pairs(matrix.rows)]


def _whole(entries: Any, n: int) -> Any:
    place = {pair: k for k, pair in enumerate(_pairs(n))}
    return sp.ImmutableMatrix(n, n, lambda i, j: entries[place[min(i, j), max(i, j)]])


def _solved(system: Any, right: Any) -> Any:
    from sympy.polys.matrices import DomainMatrix

    augmented = DomainMatrix.from_Matrix(sp.Matrix.hstack(system, right)).to_field()
    form, pivots = augmented.rref()
    if len(pivots) < system.rows or system.rows in pivots:
        raise UnknownAnswer("no single covariance settles here")
    return form.to_Matrix()[:, system.rows].applyfunc(sp.cancel)
