"""Expectations, conditional expectations and log-densities in coordinates.

Main definitions: `Averages` (the part of `Coordinates` that knows laws).

Finite laws are summed exactly. Normal and uniform variables become maps of standard symbols and are integrated by
`bilevel.language.moments` where that knows a closed form; else a `PendingExpectation` stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import sympy as sp

from bilevel.language import moments
from bilevel.language.algebra import is_scalar
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.instance import Instance, Outcomes, PendingExpectation, as_law, column
from bilevel.language.laws import Data, Density, Normal, Pushforward, Uniform

Environment = dict[Any, Any]


class Averages:
    """Laws and expectations; `Coordinates` gives `scalar`, `matrix` and the caches."""

    instance: Instance
    templates: dict[Any, tuple[list[list[Any]], list[Any]]]
    slopes: dict[Any, Any]
    scalar: Any
    matrix: Any
    _arguments: Any
    _put: Any

    # densities

    def _law(self, law: Any, parameters: Sequence[Any]) -> Any:
        """The instance's law for a data law or a density, its parameters put in."""
        size = None if law.dim is None else self.instance.size(law.dim)
        if law.name not in self.instance.laws:
            raise GameError(f"the instance has no law {law.name!r}; add laws={{'{law.name}': (values, probabilities)}}")
        given = self.instance.laws[law.name]
        return as_law(
            given(*parameters) if callable(given) and not isinstance(given, Normal) else given, size, law.name
        )

    def _parameters(self, law: Any, env: Environment) -> list[Any]:
        return [self.scalar(p, env) if is_scalar(p) else list(self.matrix(p, env)) for p in law.parameters]

    def _log_density(self, node: Any, along: tuple[Any, ...], env: Environment) -> Any:
        """log p(x; parameters) at the current values."""
        value = self.scalar(node.args[1], env) if node.law.dim is None else self.matrix(node.args[1], env)
        return self._log_probability(self._law(node.law, self._parameters(node.law, env)), value, _outcome(node, env))

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
        symbols, template = self._density_template(
            applied, value, _outcome(applied, env), any(p == 0 for p, _ in slots)
        )
        result: dict[tuple[int, ...], Any] = {}
        for chosen in product(*(range(len(symbols[place])) for place, _ in slots)):
            factor = sp.Mul(*(w[i] for w, i in zip(weights, chosen, strict=True) if w is not None))
            index = tuple(i for w, i in zip(weights, chosen, strict=True) if w is None)
            key = (
                template,
                tuple(sorted((symbols[place][i] for (place, _), i in zip(slots, chosen, strict=True)), key=str)),
            )
            if key not in self.slopes:
                self.slopes[key] = sp.diff(template, *key[1])
            result[index] = result.get(index, sp.S.Zero) + factor * self._put(self.slopes[key], symbols, arguments)
        return result

    def _density_template(
        self, applied: Any, value: Any, outcome: int | None, in_value: bool
    ) -> tuple[list[list[Any]], Any]:
        """The log-density on dummies, for one outcome if the law is finite."""
        key = (applied.law.name, outcome)
        if outcome is not None and not in_value and key in self.templates:
            symbols, outputs = self.templates[key]
            return symbols, outputs[0]
        symbols = [
            [sp.Dummy(real=True) for _ in range(1 if is_scalar(a) else self.instance.size(a.shape[0]))]
            for a in applied.arguments
        ]
        parameters = [
            g[0] if is_scalar(a) else list(g) for g, a in zip(symbols[1:], applied.law.parameters, strict=True)
        ]
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
            closed = {
                s: moments.Normal(0, 1) if isinstance(law, Normal) else moments.Uniform(0, 1) for s, law in used.items()
            }
            return moments.expectation(value, closed)
        except UnknownAnswer:
            return PendingExpectation(value, *used.items())

    def _outcomes(self, variables: Sequence[Any], env: Environment) -> list[tuple[Any, Environment, dict[Any, Any]]]:
        """All outcomes of the finite laws: (probability, environment, symbols of the continuous laws)."""
        states: list[tuple[Any, Environment, dict[Any, Any]]] = [(sp.S.One, dict(env), {})]
        for variable in variables:
            states = [next_state for state in states for next_state in self._drawn(variable, *state)]
        return states

    def _drawn(
        self, variable: Any, weight: Any, env: Environment, drawn: Mapping[Any, Any]
    ) -> list[tuple[Any, Environment, dict[Any, Any]]]:
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
            shares = law.probabilities
            if all(p.is_Rational for p in shares) and (sum(shares) != 1 or min(shares) < 0):
                raise GameError(f"the law of {variable} has the probabilities {list(shares)}, which do not sum to 1")
            states = []
            for place, (value, p) in enumerate(zip(law.values, law.probabilities, strict=True)):
                if p != 0:
                    states.append(
                        (weight * p, {**env, variable: column(value, size), ("outcome", variable): place}, dict(drawn))
                    )
            return states
        return [self._continuous(variable, law, size, weight, env, drawn)]

    def _argument(self, value: Any, env: Environment) -> Any:
        return self.scalar(value, env) if is_scalar(value) else self.matrix(value, env)

    def _continuous(self, variable: Any, law: Any, size: int | None, weight: Any, env: Environment, drawn: Any) -> Any:
        """A normal or uniform variable as a map of standard symbols."""
        symbols = [
            sp.Dummy(variable.name if size is None else f"{variable.name}_{k + 1}", real=True) for k in range(size or 1)
        ]
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
            if symbols or (
                any(part.free_symbols for part in apart) and not any(part.is_Rational and part != 0 for part in apart)
            ):
                raise UnknownAnswer(
                    "whether an outcome agrees with the observation depends on free symbols",
                    next_step="give the vectors numbers",
                )
            if any(part != 0 for part in apart):
                continue
            value = self._integrated(value * weight, drawn)
            top, bottom = value if top is None else top + value, bottom + weight
        if top is None:
            raise UnknownAnswer(f"the observation {at} has probability zero in this instance")
        return top / bottom


def _outcome(node: Any, env: Environment) -> int | None:
    """Which outcome of its law the argument of a log-density is, if it was drawn from that very law."""
    drawn = node.args[1]
    same = getattr(getattr(drawn, "law", None), "name", None) == node.law.name
    return env.get(("outcome", drawn)) if same else None
