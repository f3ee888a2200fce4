"""Derived equations held against automatic differentiation.

Main definitions: `check_equal`, `check_gradient`, `check_update`, `check_proof`, `Check`.

Both sides are computed from the same random networks, outcomes and points. An identity that was derived rightly
holds there up to rounding, so the tolerance is a bound on rounding: it comes from the precision, from the number of
operations counted in the traced program, and from the size of the values (`bilevel.numeric.precision.tolerance`).
Agreement at random points is evidence, not proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax.flatten_util import ravel_pytree

from bilevel.game import Game
from bilevel.language.errors import GameError
from bilevel.language.law_kinds import Data, Density
from bilevel.language.networks import Applied, AppliedVector
from bilevel.language.scope import free_variables
from bilevel.numeric.model import Model, compiled
from bilevel.numeric.precision import as_numpy, prepared, tolerance, working
from bilevel.numeric.realisation import Realisation, realise
from bilevel.numeric.solvers import implicit_point
from bilevel.numeric.stepper import reading
from bilevel.rules import derive
from bilevel.rules.protocol.rule import Rule

QUADRATURE = 1e-10  # what a grid sum over a normal law may add to rounding (see `forms.trapezoid`)


@dataclass(frozen=True)
class Check:
    """How closely two sides agreed.

    Math: `worst` is the largest |left - right| over all components and trials; the check passes when no trial
        exceeds its own tolerance (the largest is kept); for a refuted claim (`differs`) it passes when some trial does.

    Reference: Higham (2002), Accuracy and stability of numerical algorithms, lemma 3.1, for the bound.

    Examples:
        >>> print(Check("1 = 1", 0.0, 1e-15, 1, "float64", True))
        agrees: 1 = 1 (worst difference 0, tolerance 1e-15, float64, 1 trial)
    """

    text: str
    worst: float
    tolerance: float
    trials: int
    dtype: str
    passed: bool
    differs: bool = False

    def __str__(self) -> str:
        found = "agrees" if self.passed and not self.differs else "differs, as it should" if self.passed else "FAILS"
        return (
            f"{found}: {self.text} (worst difference {self.worst:.2g}, tolerance {self.tolerance:.2g}, {self.dtype}, "
            f"{self.trials} trial{'s' * (self.trials != 1)})"
        )

    def __bool__(self) -> bool:
        return self.passed


def _compared(
    text: str, both: Callable[[Any], Any], plan: Realisation, seeds: Iterable[int], differs: bool = False
) -> Check:
    """Run a function of the numbers that returns (left, right) at several draws."""
    worst, widest, trials, exceeded = 0.0, 0.0, 0, False
    with working(plan.dtype):
        run: Any = None
        for seed in seeds:
            numbers = plan.redrawn(seed).numbers
            if run is None:
                run, count = prepared(both, numbers)
            left, right = (
                np.concatenate([np.ravel(a) for a in jax.tree.leaves(as_numpy(side))]) for side in run(numbers)
            )
            gap = np.abs(left - right)
            apart = float(np.max(gap)) if np.all(np.isfinite(gap)) else float("inf")
            size = float(np.max(np.abs([left, right]))) if np.isfinite(apart) else 0.0
            allowed = tolerance(plan.dtype, count, size) + (QUADRATURE * (1 + size) if plan.fine else 0.0)
            worst, widest, trials, exceeded = (
                max(worst, apart),
                max(widest, allowed),
                trials + 1,
                exceeded or apart > allowed,
            )
    return Check(text, worst, widest, trials, str(plan.dtype), exceeded if differs else not exceeded, differs)


def check_equal(
    left: Any,
    right: Any,
    *,
    text: str = "",
    trials: int = 3,
    seed: int = 0,
    differs: bool = False,
    assuming: Iterable[Any] = (),
    **choices: Any,
) -> Check:
    """Whether two expressions agree at random networks, laws and points.

    Math: max |left - right| against a bound on rounding; with `differs`, whether they are told apart. `choices` go
        to `realise`; `assuming` pairs applied networks or partials with their values, as for `bilevel.equal`
        (inequalities are left out: positive symbols are drawn between 0.15 and 0.9).

    Shapes: both sides alike: scalars, columns, or matrices, of model or coordinate level.

    Raises: GameError if the shapes differ or a node has no numeric form.

    Reference: Claessen and Hughes (2000), QuickCheck.

    Examples:
        >>> from bilevel.language import dot, gradient, vector
        >>> v = vector("v", "n")
        >>> check_equal(gradient(dot(v, v), v), 2*v).passed
        True
    """
    sides = [sp.sympify(side, strict=True) for side in (left, right)]
    pairs = [tuple(pair) for pair in assuming if isinstance(pair, tuple | sp.Tuple)]
    whole = [part for side in (*sides, *(part for pair in pairs for part in pair)) for part in _entries(side)]
    plan = realise(*whole, seed=seed, **choices)
    first, second = (compiled(side, plan, pairs) for side in sides)

    def both(numbers: Any) -> tuple[Any, Any]:
        a, b = first(numbers), second(numbers)
        if a.shape != b.shape:
            raise GameError(f"the two sides have shapes {a.shape} and {b.shape}")
        return a, b

    return _compared(text or f"{left} = {right}", both, plan, range(seed, seed + trials), differs)


def _entries(side: Any) -> list[Any]:
    return list(side) if isinstance(side, sp.MatrixBase) else [side]


def _expressions(game: Game, *more: Any) -> list[Any]:
    return [*game.variables, *(player.loss for player in game.players.values()), *more, *_reply_steps(game)]


def _reply_steps(game: Game) -> list[Any]:
    return [how.step for player in game.players.values() for _, how in player.through if hasattr(how, "step")]


def _blocks(game: Game, numbers: Mapping[str, Any]) -> dict[str, Any]:
    return {str(v): numbers["values"][str(v)] for v in game.variables}


def check_gradient(
    game: Game, player: str | None = None, *, trials: int = 3, seed: int = 0, text: str = "", **choices: Any
) -> Check:
    """Whether a game's derived field is the derivative of its compiled losses.

    Math: F_i as derived, evaluated, against d cost_i / d x_i by `jax.grad` of the compiled loss; replies (best
        response, unrolled, anticipated) are differentiated through numerically. One player, or all. `choices` go to
        `realise`.

    Shapes: any level; vectors of the dimensions chosen.

    Raises: GameError for an unknown player.

    Reference: Bradbury et al. (2018), JAX.

    Examples:
        >>> from bilevel.models import gan
        >>> check_gradient(gan(), "generator", trials=1).passed
        True
    """
    moved = game.variables if player is None else game[player].moves
    derived = {v: game.field()[v] for v in moved}
    plan = realise(*_expressions(game, *derived.values()), seed=seed, **choices)
    functions = [compiled(value, plan) for value in derived.values()]

    def both(numbers: Any) -> tuple[Any, Any]:
        stepper = reading(game, _FLOW, realisation=_with(plan, numbers), values=numbers["values"])
        slopes = {str(key): slope for key, slope in stepper.field(_blocks(game, numbers)).items()}
        return [f(numbers) for f in functions], [slopes[str(v)] for v in moved]

    return _compared(text or _title("the field", game, player), both, plan, range(seed, seed + trials))


_FLOW = Rule("flow", (), lambda field: lambda z: -field(z), "continuous")


def _with(plan: Realisation, numbers: Any) -> Realisation:
    return Realisation(plan.dims, plan.networks, plan.laws, plan.variables, numbers, plan.fixed, plan.dtype, plan.fine)


def _title(what: str, game: Game, player: str | None = None) -> str:
    return f"{what} of {player or game.title or ', '.join(game.players)}, derived and by automatic differentiation"


def check_update(game: Game, rule: Rule, *, trials: int = 2, seed: int = 0, text: str = "", **choices: Any) -> Check:
    """Whether a derived update equation is what the rule does to the compiled losses.

    Math: the assignments of `derive(game, rule)`, carried out in order, against one numeric step of the rule on
        fields from `jax.grad`; memory included, from random memory. Symbols of the rule get random positive numbers
        (or `values`).

    Shapes: any level; `choices` go to `realise`.

    Raises: GameError as `derive` does.

    Reference: Bradbury et al. (2018), JAX.

    Examples:
        >>> from bilevel.rules import extragradient
        >>> from bilevel.game import maximize, minimize
        >>> x, y, h = sp.symbols("x y h", positive=True)
        >>> check_update(Game(a=minimize(x*y, x), b=maximize(x*y, y)), extragradient(h)).passed
        True
    """
    update = derive(game, rule)
    memory = {part: {v: update.remembered[part, v] for v in game.variables} for part in update.memory_after}
    results = [*update.after.values(), *(value for part in update.memory_after.values() for value in part.values())]
    lines = [line.value for line in update.assignments]
    held = [symbol for part in memory.values() for symbol in part.values()]
    plan = realise(*_expressions(game, *held, *lines, *results, *rule.symbols), seed=seed, **choices)

    # What starts at zero may be a mean of squares: keep it from being negative.
    squares = [memory[part][v].name for part, how in rule.memory if how == "zero" for v in game.variables]

    def both(drawn: Any) -> tuple[Any, Any]:
        values = drawn["values"]
        numbers = {**drawn, "values": {**values, **{name: jnp.abs(values[name]) for name in squares}}}
        stepper = reading(game, rule, realisation=_with(plan, numbers), values=numbers["values"])
        state = [{str(v): numbers["values"][s.name] for v, s in part.items()} for part in memory.values()]
        params, after = stepper.step(_blocks(game, numbers), tuple(state))
        done = [entry for part in (params, *after) for entry in part.values()]
        return [jnp.reshape(a, jnp.shape(b)) for a, b in zip(_carried_out(update, results, plan, numbers), done)], done

    return _compared(text or _title(f"{rule.name}: the update", game), both, plan, range(seed, seed + trials))


def _carried_out(update: Any, results: list[Any], plan: Realisation, numbers: Any) -> list[Any]:
    """The update's lines, one after another; implicit lines by Newton's method from where the variables stand."""
    model = Model(plan, numbers, {v: numbers["values"][v.name] for v in plan.variables})
    lines = list(update.assignments)
    while lines:
        group = [line for line in lines if line.index == lines[0].index and line.implicit == lines[0].implicit]
        if not group[0].implicit:
            group = group[:1]
        lines = [line for line in lines if not any(line is taken for taken in group)]
        model = model.within(
            _implicit(model, group) if group[0].implicit else {group[0].target: _flat(model, group[0].value)}
        )
    return [_flat(model, value) for value in results]


def _flat(model: Model, expr: Any) -> Any:
    value = jnp.asarray(model.any(expr), dtype=model.plan.dtype)
    return value[:, 0] if value.ndim == 2 and value.shape[1] == 1 else value


def _implicit(model: Model, group: list[Any]) -> dict[Any, Any]:
    start = [model.values[line.variable] for line in group]
    flat, back = ravel_pytree(start)

    def residual(w: Any) -> Any:
        inner = model.within(dict(zip([line.target for line in group], back(w), strict=True)))
        return w - ravel_pytree([_flat(inner, line.value) for line in group])[0]

    return dict(zip([line.target for line in group], back(implicit_point(residual, flat)), strict=True))


def check_proof(proof: Any, *, trials: int = 3, seed: int = 0, **choices: Any) -> tuple[Check, ...]:
    """Every equation that a theorem claims, at random networks, laws and points.

    Math: a claim with a counterexample is checked to differ, every other one to agree. Claims without an equation
        are left out.

    Shapes: see `check_equal`.

    Raises: GameError if a node has no numeric form.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, for the theorems.

    Examples:
        >>> from bilevel.analysis.proof import Proof, refutes, shows
        >>> x = sp.Symbol("x", real=True)
        >>> claims = shows("A square.", (x + 1)**2, x**2 + 2*x + 1), refutes("A wrong sign.", x, -x)
        >>> [check.passed for check in check_proof(Proof(0, "", "", "", claims))]
        [True, True]
    """
    return tuple(_check_claim(claim, trials, seed, choices) for claim in proof.claims if claim.equation is not None)


def _check_claim(claim: Any, trials: int, seed: int, choices: Mapping[str, Any]) -> Check:
    assuming = [(step.before, step.after) for step in claim.trace if getattr(step, "rule", "") == "assumption"]
    parts = [
        part for side in (*claim.equation, *(part for pair in assuming for part in pair)) for part in _entries(side)
    ]
    return check_equal(
        *claim.equation,
        text=claim.text,
        trials=trials,
        seed=seed,
        differs=claim.counterexample is not None and bool(claim.holds),
        assuming=assuming,
        **{**_mentioned(claim.numbers, parts), **choices},
    )


def _mentioned(numbers: Mapping[str, Any], expressions: list[Any]) -> dict[str, Any]:
    """What a claim says about numbers, as far as its equation mentions them."""
    known = [sp.sympify(e, strict=True) for e in expressions]
    free = {v.name for e in known for v in free_variables(e)}
    called = {call.network.name for e in known for call in e.atoms(Applied, AppliedVector)}
    laws = {law.name for e in known for law in e.atoms(Data, Density)}
    used = {"values": free, "networks": called, "laws": laws}
    return {**numbers, **{key: {n: v for n, v in numbers.get(key, {}).items() if n in used[key]} for key in used}}
