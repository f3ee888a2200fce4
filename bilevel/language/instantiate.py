"""From the model level to coordinates: vectors become columns of symbols, networks the given functions, expectations sums.

Main definitions: `instantiate`, `instantiate_expression`.

Derivative nodes are evaluated by differentiating the given functions. Expectations over finite laws are exact sums; over normal
and uniform laws they are taken by `bilevel.language.moments` where that knows a closed form, else a `PendingExpectation` stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import sympy as sp

from bilevel.language import moments
from bilevel.language.algebra import is_scalar
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.expectation import Conditional, ConditionalMatrix, Expectation, ExpectationMatrix
from bilevel.language.instance import Instance, Outcomes, PendingExpectation, as_law, column
from bilevel.language.laws import Data, Density, LogDensity, Normal, Pushforward, Uniform
from bilevel.language.networks import OPEN, Applied, AppliedVector, Partial, PartialMatrix
from bilevel.language.nodes import Dot, Node, RandomScalar, RandomVector, Stopped, StoppedMatrix

__all__ = ["instantiate", "instantiate_expression"]

Environment = dict[Any, Any]


def instantiate(subject: Any, instance: Instance, *, values: bool = False) -> Any:
    """A model-level expression, or every loss of a game, in coordinates.

    Math: the same expression with spaces R^n of the chosen sizes, the chosen functions in place of networks and the chosen
    laws. With `values` stopped gradients become their values.
    Shapes: a scalar gives a scalar, a vector or matrix an explicit matrix, a game a game moving scalar symbols.
    Raises: GameError where the instance leaves something open; UnknownAnswer for an expectation that cannot be conditioned.
    Reference: Mescheder, Geiger, Nowozin (2018), arXiv 1801.04406, for the Dirac-GAN used below.
    Examples:
        >>> from bilevel.language.functions import sigmoid
        >>> from bilevel.language.gradient import gradient
        >>> from bilevel.language.networks import network
        >>> from bilevel.language.nodes import vector
        >>> D, theta, psi = network("D", range="probability"), vector("theta", "n"), vector("psi", "q")
        >>> dirac = Instance(dims={"n": 1, "q": 1}, networks={"D": lambda w, psi: sigmoid(psi[0]*w[0])})
        >>> instantiate(gradient(sp.log(D(theta, psi)), psi), dirac)
        Matrix([[theta*(1 - sigmoid(psi*theta))]])
    """
    if hasattr(subject, "players"):
        return _game(subject, instance, values)
    return instantiate_expression(subject, instance, values=values)


def instantiate_expression(expr: Any, instance: Instance, *, values: bool = False) -> Any:
    """One expression in coordinates: a SymPy expression, or an explicit matrix."""
    coordinates = Coordinates(instance, values)
    return coordinates.scalar(expr, {}) if is_scalar(expr) else coordinates.matrix(expr, {})


def _game(game: Any, instance: Instance, values: bool) -> Any:
    """The game with every loss and every moved vector in coordinates (any frozen game with players that hold moves and loss)."""
    coordinates = Coordinates(instance, values)
    players = {}
    for name, player in game.players.items():
        moves = [list(coordinates.matrix(m, {})) if isinstance(m, sp.MatrixExpr) else [m] for m in player.moves]
        players[name] = replace(player, moves=tuple(c for parts in moves for c in parts), loss=coordinates.scalar(player.loss, {}))
    return type(game)(players, assuming=game.assuming, title=game.title, source=game.source)


class Coordinates:
    """Evaluates nodes under an instance; keeps the derivatives it has taken."""

    def __init__(self, instance: Instance, values: bool = False) -> None:
        self.instance, self.values = instance, values
        self.templates: dict[Any, tuple[list[list[Any]], list[Any]]] = {}
        self.slopes: dict[Any, Any] = {}

    def scalar(self, expr: Any, env: Environment) -> Any:
        """A scalar expression."""
        if isinstance(expr, Node):
            return self._scalar_node(expr, env)
        if isinstance(expr, sp.Symbol):
            if expr.name in self.instance.dims and expr.is_integer:
                return sp.Integer(self.instance.dims[expr.name])
            return sp.sympify(self.instance.scalars.get(expr.name, expr))
        if isinstance(expr, sp.Trace):
            return self.matrix(expr.arg, env).trace()
        return expr.func(*(self.scalar(arg, env) for arg in expr.args)) if expr.args else expr

    def _scalar_node(self, expr: Any, env: Environment) -> Any:
        if isinstance(expr, Applied):
            return self._called(expr, env)[0]
        if isinstance(expr, LogDensity):
            return self._log_density(expr, (), env)
        if isinstance(expr, Partial):
            return self._derivative(expr, env)[()]
        if isinstance(expr, Dot):
            left, right = (self.matrix(arg, env) for arg in expr.args)
            return sum((a * b for a, b in zip(left, right, strict=True)), sp.S.Zero)
        if isinstance(expr, RandomScalar):
            return env[expr] if expr in env else sp.sympify(self.instance.scalars.get(expr.name, sp.Symbol(expr.name, real=True)))
        if isinstance(expr, Stopped):
            inside = self.scalar(expr.args[0], env)
            return inside if self.values else Stopped(inside)
        if isinstance(expr, Expectation):
            return self._average(expr.body, expr.variables, env)
        if isinstance(expr, Conditional):
            return self._conditional(expr, env)
        raise UnknownAnswer(f"instantiate does not know the node {type(expr).__name__}")

    def matrix(self, expr: Any, env: Environment) -> sp.ImmutableMatrix:
        """A vector or matrix expression as an explicit matrix."""
        if isinstance(expr, RandomVector):
            return env[expr] if expr in env else self.instance.components(expr.name, self.instance.size(expr.shape[0]))
        if isinstance(expr, AppliedVector):
            return sp.ImmutableMatrix(self._called(expr, env))
        if isinstance(expr, PartialMatrix):
            return self._as_matrix(self._derivative(expr, env), expr)
        if isinstance(expr, StoppedMatrix):
            inside = self.matrix(expr.args[0], env)
            return inside if self.values else inside.applyfunc(Stopped)
        if isinstance(expr, ExpectationMatrix):
            return self._average(expr.body, expr.variables, env)
        if isinstance(expr, ConditionalMatrix):
            return self._conditional(expr, env)
        return self._plain_matrix(expr, env)

    def _plain_matrix(self, expr: Any, env: Environment) -> sp.ImmutableMatrix:
        size = self.instance.size
        if isinstance(expr, sp.MatrixBase):
            return sp.ImmutableMatrix(expr).applyfunc(lambda entry: self.scalar(entry, env))
        if isinstance(expr, sp.MatrixSymbol):
            if expr.shape[1] == 1:
                return self.instance.components(expr.name, size(expr.shape[0]))
            rows, columns = map(size, expr.shape)
            named = self.instance.vectors.get(expr.name)
            return sp.ImmutableMatrix(rows, columns, named or (lambda i, j: sp.Symbol(f"{expr.name}_{i + 1}{j + 1}", real=True)))
        if isinstance(expr, sp.Identity):
            return sp.ImmutableMatrix(sp.eye(size(expr.shape[0])))
        if isinstance(expr, sp.ZeroMatrix):
            return sp.ImmutableMatrix(sp.zeros(*map(size, expr.shape)))
        if isinstance(expr, (sp.MatMul, sp.MatAdd)):
            parts = [self.scalar(a, env) if is_scalar(a) else self.matrix(a, env) for a in expr.args]
            result = parts[0]
            for part in parts[1:]:
                result = result * part if isinstance(expr, sp.MatMul) else result + part
            return sp.ImmutableMatrix(result)
        if isinstance(expr, sp.Transpose):
            return self.matrix(expr.arg, env).T
        if isinstance(expr, sp.MatPow):
            return self.matrix(expr.base, env) ** self.scalar(expr.exp, env)
        raise UnknownAnswer(f"instantiate does not know the matrix node {type(expr).__name__}")

    # networks

    def _called(self, applied: Any, env: Environment) -> list[Any]:
        """The components of an applied network."""
        symbols, outputs = self._template(applied)
        return [self._put(output, symbols, self._arguments(applied, env)) for output in outputs]

    def _arguments(self, applied: Any, env: Environment) -> list[list[Any]]:
        return [[self.scalar(a, env)] if is_scalar(a) else list(self.matrix(a, env)) for a in applied.arguments]

    def _put(self, output: Any, symbols: list[list[Any]], arguments: list[list[Any]]) -> Any:
        pairs = {s: v for group, values in zip(symbols, arguments, strict=True) for s, v in zip(group, values, strict=True)}
        return output.xreplace(pairs) if output.free_symbols else output

    def _template(self, applied: Any) -> tuple[list[list[Any]], list[Any]]:
        """The network's function on dummies."""
        sizes = tuple(None if is_scalar(a) else self.instance.size(a.shape[0]) for a in applied.arguments)
        key = (applied.network, sizes)
        if key not in self.templates:
            symbols = [[sp.Dummy(real=True) for _ in range(size or 1)] for size in sizes]
            given = [group[0] if size is None else list(group) for group, size in zip(symbols, sizes, strict=True)]
            value = self.instance.network(applied.network.name)(*given)
            outputs = list(value) if isinstance(value, (list, tuple, sp.MatrixBase, sp.Tuple)) else [value]
            wanted = 1 if applied.network.out is None else self.instance.size(applied.network.out)
            if len(outputs) != wanted:
                raise GameError(f"the network {applied.network.name} has {wanted} components here; the instance gives {len(outputs)}")
            self.templates[key] = (symbols, [sp.sympify(o) for o in outputs])
        return self.templates[key]

    def _derivative(self, node: Any, env: Environment) -> dict[tuple[int, ...], Any]:
        """Components of a partial derivative by its open indices (the value first, then the slots by place)."""
        applied = node.applied
        slots = list(node.slots)
        weights = [None if held == OPEN else [sp.S.One] if held == sp.S.One else list(self.matrix(held, env)) for _, held in slots]
        if isinstance(applied, LogDensity):
            return self._density_slopes(applied, slots, weights, env)
        symbols, outputs = self._template(applied)
        arguments = self._arguments(applied, env)
        out = None if node.weight == OPEN else [sp.S.One] if node.weight == sp.S.One else list(self.matrix(node.weight, env))

        def slope(o: int, chosen: tuple[Any, ...]) -> Any:
            key = (id(outputs), o, tuple(sorted(chosen, key=str)))
            if key not in self.slopes:
                self.slopes[key] = sp.diff(outputs[o], *key[2])
            return self._put(self.slopes[key], symbols, arguments)

        ranges = [range(len(outputs))] + [range(len(symbols[place])) for place, _ in slots]
        result: dict[tuple[int, ...], Any] = {}
        for o, *chosen in product(*ranges):
            factor = sp.Mul(*(w[i] for w, i in zip([out, *weights], [o, *chosen], strict=True) if w is not None))
            index = tuple(i for w, i in zip([out, *weights], [o, *chosen], strict=True) if w is None)
            term = factor * slope(o, tuple(symbols[place][i] for (place, _), i in zip(slots, chosen, strict=True))) if factor != 0 else sp.S.Zero
            result[index] = result.get(index, sp.S.Zero) + term
        return result

    def _as_matrix(self, entries: dict[tuple[int, ...], Any], node: Any) -> sp.ImmutableMatrix:
        rows, columns = map(self.instance.size, node.shape)
        return sp.ImmutableMatrix(rows, columns, lambda i, j: entries[(i, j)[: len(next(iter(entries)))]])

    # densities

    def _law(self, law: Any, parameters: Sequence[Any]) -> Any:
        """The instance's law for a data law or a density, its parameters put in."""
        size = None if law.dim is None else self.instance.size(law.dim)
        if law.name not in self.instance.laws:
            raise GameError(f"the instance has no law {law.name!r}; add laws={{'{law.name}': (values, probabilities)}}")
        given = self.instance.laws[law.name]
        return as_law(given(*parameters) if callable(given) and not isinstance(given, Normal) else given, size, law.name)

    def _parameters(self, law: Any, env: Environment) -> list[Any]:
        return [self.scalar(p, env) if is_scalar(p) else list(self.matrix(p, env)) for p in law.parameters]

    def _log_density(self, node: Any, along: tuple[Any, ...], env: Environment) -> Any:
        """log p(x; parameters) at the current values."""
        value = self.scalar(node.args[1], env) if node.law.dim is None else self.matrix(node.args[1], env)
        return self._log_probability(self._law(node.law, self._parameters(node.law, env)), value, env.get(("outcome", node.args[1])))

    def _log_probability(self, law: Any, value: Any, outcome: int | None) -> Any:
        if isinstance(law, Outcomes):
            place = outcome if outcome is not None else next((i for i, v in enumerate(law.values) if v == value), None)
            if place is None:
                raise UnknownAnswer(f"the law has no outcome {value}")
            return sp.log(law.probabilities[place])
        if isinstance(law, Normal):
            mean, variance = law.args
            apart = [value - mean] if is_scalar(mean) else [v - m for v, m in zip(value, sp.Matrix(mean), strict=True)]
            return sum((-(d**2) / (2 * variance) - sp.log(2 * sp.pi * variance) / 2 for d in apart), sp.S.Zero)
        raise UnknownAnswer(f"no log-density is known for {law}")

    def _density_slopes(self, applied: Any, slots: Any, weights: Any, env: Environment) -> dict[tuple[int, ...], Any]:
        """Derivatives of a log-density in its value or parameters, by differentiating it on dummies."""
        arguments = self._arguments(applied, env)
        value = self._argument(applied.args[1], env)
        symbols, template = self._density_template(applied, value, env.get(("outcome", applied.args[1])), any(p == 0 for p, _ in slots))
        result: dict[tuple[int, ...], Any] = {}
        for chosen in product(*(range(len(symbols[place])) for place, _ in slots)):
            factor = sp.Mul(*(w[i] for w, i in zip(weights, chosen, strict=True) if w is not None))
            index = tuple(i for w, i in zip(weights, chosen, strict=True) if w is None)
            key = (template, tuple(sorted((symbols[place][i] for (place, _), i in zip(slots, chosen, strict=True)), key=str)))
            if key not in self.slopes:
                self.slopes[key] = sp.diff(template, *key[1])
            result[index] = result.get(index, sp.S.Zero) + factor * self._put(self.slopes[key], symbols, arguments)
        return result

    def _density_template(self, applied: Any, value: Any, outcome: int | None, in_value: bool) -> tuple[list[list[Any]], Any]:
        """The log-density on dummies, for one outcome if the law is finite."""
        key = (applied.law.name, outcome)
        if outcome is not None and not in_value and key in self.templates:
            symbols, outputs = self.templates[key]
            return symbols, outputs[0]
        symbols = [[sp.Dummy(real=True) for _ in range(1 if is_scalar(a) else self.instance.size(a.shape[0]))] for a in applied.arguments]
        parameters = [g[0] if is_scalar(a) else list(g) for g, a in zip(symbols[1:], applied.law.parameters, strict=True)]
        law = self._law(applied.law, parameters)
        if not isinstance(law, Outcomes):
            value = symbols[0][0] if applied.law.dim is None else sp.ImmutableMatrix(symbols[0])
        elif in_value:
            raise UnknownAnswer("a finite law has no derivative in its value", next_step="choose a normal law")
        template = self._log_probability(law, value, outcome)
        self.templates[key] = (symbols, [template])
        return symbols, template

    # expectations

    def _average(self, body: Any, variables: tuple[Any, ...], env: Environment) -> Any:
        total: Any = None
        for weight, inner, drawn in self._outcomes(variables, env):
            value = self.scalar(body, inner) if is_scalar(body) else self.matrix(body, inner)
            mean = self._integrated(value * weight, drawn)
            total = mean if total is None else total + mean
        return total

    def _integrated(self, value: Any, drawn: dict[Any, Any]) -> Any:
        if isinstance(value, sp.MatrixBase):
            return value.applyfunc(lambda entry: self._integrated(entry, drawn))
        used = {s: law for s, law in drawn.items() if s in value.free_symbols}
        if not used:
            return value
        try:
            closed = {s: moments.Normal(0, 1) if isinstance(law, Normal) else moments.Uniform(0, 1) for s, law in used.items()}
            return moments.expectation(value, closed)
        except UnknownAnswer:
            return PendingExpectation(value, *used.items())

    def _outcomes(self, variables: Sequence[Any], env: Environment) -> list[tuple[Any, Environment, dict[Any, Any]]]:
        """All outcomes of the finite laws: (probability, environment, symbols of the continuous laws)."""
        states: list[tuple[Any, Environment, dict[Any, Any]]] = [(sp.S.One, dict(env), {})]
        for variable in variables:
            states = [next_state for state in states for next_state in self._drawn(variable, *state)]
        return states

    def _drawn(self, variable: Any, weight: Any, env: Environment, drawn: Mapping[Any, Any]) -> list[tuple[Any, Environment, dict[Any, Any]]]:
        law = variable.law
        size = None if law.dim is None else self.instance.size(law.dim)
        if isinstance(law, Pushforward):
            states = []
            for w, inner, more in self._outcomes(law.variables, env):
                value = self.scalar(law.value, inner) if size is None else self.matrix(law.value, inner)
                states.append((weight * w, {**env, variable: value}, {**drawn, **more}))
            return states
        if isinstance(law, (Data, Density)):
            law = self._law(law, self._parameters(law, env))
        elif law.atoms_of is not None:
            pairs = [(self._argument(v, env), self.scalar(p, env)) for v, p in law.atoms_of]
            law = Outcomes(tuple(v for v, _ in pairs), tuple(p for _, p in pairs))
        if isinstance(law, Outcomes):
            states = []
            for place, (value, p) in enumerate(zip(law.values, law.probabilities, strict=True)):
                if p != 0:
                    states.append((weight * p, {**env, variable: column(value, size), ("outcome", variable): place}, dict(drawn)))
            return states
        return [self._continuous(variable, law, size, weight, env, drawn)]

    def _argument(self, value: Any, env: Environment) -> Any:
        return self.scalar(value, env) if is_scalar(value) else self.matrix(value, env)

    def _continuous(self, variable: Any, law: Any, size: int | None, weight: Any, env: Environment, drawn: Any) -> Any:
        """A normal or uniform variable as a map of standard symbols."""
        symbols = [sp.Dummy(variable.name if size is None else f"{variable.name}_{k + 1}", real=True) for k in range(size or 1)]
        if isinstance(law, Uniform):
            lower, upper = (self.scalar(end, env) for end in law.args)
            value, kind = lower + (upper - lower) * symbols[0], Uniform(sp.S.Zero, sp.S.One)
        elif isinstance(law, Normal):
            mean, spread = self._argument(law.args[0], env), sp.sqrt(self.scalar(law.args[1], env))
            value = mean + spread * (symbols[0] if size is None else sp.ImmutableMatrix(symbols))
            kind = Normal(sp.S.Zero, sp.S.One)
        else:
            raise UnknownAnswer(f"instantiate does not know how to average over the law {law}")
        return weight, {**env, variable: value}, {**drawn, **dict.fromkeys(symbols, kind)}

    def _conditional(self, expr: Any, env: Environment) -> Any:
        """E[body | event = at] for finite laws: the exact quotient of two sums."""
        at = self._argument(expr.at, env)
        top: Any = None
        bottom: Any = sp.S.Zero
        for weight, inner, drawn in self._outcomes(expr.variables, env):
            event = self._argument(expr.event, inner)
            apart = [sp.expand(a - b) for a, b in zip(sp.Matrix([event]), sp.Matrix([at]), strict=True)]
            value = self._argument(expr.body, inner)
            symbols = {s for part in apart for s in part.free_symbols} & drawn.keys()
            if symbols or (any(part.free_symbols for part in apart) and not any(part.is_Rational and part != 0 for part in apart)):
                raise UnknownAnswer("whether an outcome agrees with the observation depends on free symbols", next_step="give the vectors numbers")
            if any(part != 0 for part in apart):
                continue
            value = self._integrated(value * weight, drawn)
            top, bottom = value if top is None else top + value, bottom + weight
        if top is None:
            raise UnknownAnswer(f"the observation {at} has probability zero in this instance")
        return top / bottom
