"""Modified equations: the differential equation that a discrete rule follows to the next order in its step.

Main definitions: `modified_field`, `Modified`, `modified_losses`.

Math: for z' = z + s a(z) + s^2 b(z) + O(s^3) the flow dz/dt = a + s (b - a' a / 2) passes through the iterates up to
O(s^3) per step. What a rule remembers is first put on its slow manifold m = phi_0 + s phi_1 + s^2 phi_2 + ..., the
invariant graph over z found order by order from one linear system.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import sympy as sp

from bilevel.analysis.conserved import unknown_functions
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.rules.protocol.derivation import derive
from bilevel.rules.protocol.rule import Rule
from bilevel.rules.protocol.symbols import fresh


@dataclass(frozen=True)
class Modified:
    """dz/dt = leading + step * correction, per unit of time in which one step takes `step`.

    Math: see `modified_field`.

    Reference: Hairer, Lubich, Wanner (2006), Geometric Numerical Integration, chapter IX.

    Examples:
        >>> x, s = sp.symbols("x s", real=True)
        >>> Modified({x: -x}, {x: -x/2}, s).field
        {x: -s*x/2 - x}
    """

    leading: Mapping[Any, Any]
    correction: Mapping[Any, Any]
    step: Any

    @property
    def field(self) -> dict[Any, Any]:
        """Right-hand side to first order in the step."""
        return {v: a + self.step * self.correction[v] for v, a in self.leading.items()}


def modified_field(game: Any, rule: Rule, step: Any) -> Modified:
    """The modified (backward-error, high-resolution) equation of a discrete rule to first order in its step.

    Math: dz/dt = a + s (b - a' a / 2) for z' = z + s a + s^2 b + ...; memory is eliminated on its slow manifold. Other
        parameters (momentum, ratios of steps) stay as they are.

    Shapes: per unit of time s = step.

    Raises: GameError for a rule in continuous time or one that does not stand still at step 0; UnknownAnswer where the
        composed update is implicit and nonlinear.

    Reference: Lu (2022), arXiv:2001.08826; Rosca et al. (2021), arXiv:2105.13922.

    Examples:
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import simultaneous
        >>> x, y, s = sp.symbols("x y s", real=True)
        >>> modified_field(Game(a=minimize(x*y, x), b=maximize(x*y, y)), simultaneous(s), s).correction
        {x: x/2, y: y/2}
    """
    if rule.time == "continuous":
        raise GameError(f"{rule.name} is a flow already; modified equations are of rules that take steps")
    update = derive(game, rule)
    named = {s for line in update.assignments for s in line.value.free_symbols} | {
        s for value in update.after.values() for s in value.free_symbols
    }
    step = next((s for s in named if s.name == str(step)), step)
    memory = {
        fresh(v, part): (v if start == "same" else sp.S.Zero) for part, start in rule.memory for v in game.variables
    }
    graph = {m: [base, sp.S.Zero, sp.S.Zero] for m, base in memory.items()}
    for order in (1, 2) if memory else ():
        _settle_memory(update, graph, order, step)
    after, _ = _series(update, graph, step)
    if any(sp.expand(series[0] - v) != 0 for v, series in after.items()):
        raise GameError(f"{rule.name} does not stand still at {step} = 0, so it follows no flow for small steps")
    first = {v: sp.expand(series[1]) for v, series in after.items()}
    inertia = {v: sp.Add(*(sp.diff(a, u) * first[u] for u in game.variables)) for v, a in first.items()}
    return Modified(first, {v: sp.expand(series[2] - inertia[v] / 2) for v, series in after.items()}, step)


Series = list[Any]  # coefficients of 1, s, s^2


def _expanded(value: Any, known: Mapping[Any, Series], step: Any) -> Series:
    """Taylor coefficients in the step of an expression in symbols that are themselves series in the step."""
    moving = [t for t in known if t in value.free_symbols]
    start = {t: known[t][0] for t in moving}

    def at(expression: Any) -> Any:
        return expression.xreplace({step: sp.S.Zero}).xreplace(start)

    slopes = {t: sp.diff(value, t) for t in moving}
    rate = sp.diff(value, step)
    first = at(rate) + sp.Add(*(at(slopes[t]) * known[t][1] for t in moving))
    second = at(sp.diff(rate, step)) / 2 + sp.Add(*(at(slopes[t]) * known[t][2] for t in moving))
    second += sp.Add(*(at(sp.diff(rate, t)) * known[t][1] for t in moving))
    second += sp.Add(*(at(sp.diff(slopes[t], u)) * known[t][1] * known[u][1] for t in moving for u in moving)) / 2
    return [at(value), first, second]


def _series(update: Any, graph: Mapping[Any, Series], step: Any) -> tuple[dict[Any, Series], dict[Any, Series]]:
    """Every variable's and every memory part's next value as a series in the step."""
    known: dict[Any, Series] = dict(graph)
    for line in update.assignments:
        if line.implicit:
            known.setdefault(line.target, [line.variable, sp.S.Zero, sp.S.Zero])
    rounds = 3 if any(line.implicit for line in update.assignments) else 1
    for _ in range(rounds):  # an implicit point gains one order a round
        for line in update.assignments:
            known[line.target] = _expanded(line.value, known, step)
    after = {v: _expanded(value, known, step) for v, value in update.after.items()}
    kept = {
        fresh(v, part): _expanded(value, known, step)
        for part, block in update.memory_after.items()
        for v, value in block.items()
    }
    return after, kept


def _settle_memory(update: Any, graph: dict[Any, Series], order: int, step: Any) -> None:
    """One more order of the slow manifold m = phi(z): what is remembered next equals phi at the next point."""
    unknowns = {m: sp.Dummy(str(m)) for m in graph}
    trial = {m: [unknowns[m] if k == order else c for k, c in enumerate(series)] for m, series in graph.items()}
    after, kept = _series(update, trial, step)
    variables = list(after)
    moves = {sp.Dummy(str(v)): series for v, series in after.items()}
    rename = dict(zip(variables, moves, strict=True))
    gaps = []
    for m, series in kept.items():
        # phi(Z) = phi_0(Z) + s phi_1(Z) + ...; the newest coefficient has not moved yet at this order.
        graph_there = sp.Add(*(c.xreplace(rename) * step**k for k, c in enumerate(graph[m]) if k < order))
        gaps.append(sp.expand(series[order] - _expanded(graph_there, moves, step)[order] - unknowns[m]))
    try:
        (solution,) = sp.linsolve(gaps, list(unknowns.values()))
    except ValueError:
        raise UnknownAnswer("the rule's memory has no slow manifold in closed form") from None
    if any(value.has(*unknowns.values()) for value in solution):
        raise UnknownAnswer("the rule's memory is not settled by its variables", next_step="fix its parameters")
    for m, value in zip(unknowns, solution, strict=True):
        graph[m][order] = value


def modified_losses(game: Any, rule: Rule, step: Any) -> dict[str, Any] | None:
    """For each player a cost whose gradient flow is the modified equation to first order, or None where none is found.

    Math: cost_i + s sum of alpha_jkl (dc_k/dz_j) (dc_l/dz_j), the alphas from one linear system, an identity in the
        variables, and exists only if the correction of each player is a gradient in its own variables.

    Raises: as `modified_field`.

    Reference: Rosca et al. (2021), arXiv:2105.13922; Barrett and Dherin (2021), arXiv:2009.11162, for one player.

    Examples:
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import simultaneous
        >>> x, s = sp.symbols("x s", real=True)
        >>> modified_losses(Game(a=minimize(x**2, x)), simultaneous(s), s)
        {'a': s*x**2 + x**2}
    """
    modified = modified_field(game, rule, step)
    slopes = {(k, v): sp.diff(game.cost(k), v) for k in game.players for v in game.variables}
    family = [
        slopes[k, v] * slopes[m, v] for v in game.variables for k, m in combinations_with_replacement(game.players, 2)
    ]
    costs = {}
    for name, player in game.players.items():
        wanted = [-modified.correction[v] for v in player.moves]
        weights = _fitted([[sp.expand(sp.diff(q, v)) for q in family] for v in player.moves], wanted, game.variables)
        if weights is None or any(
            sp.expand(sp.diff(game.cost(name), v) + modified.leading[v]) != 0 for v in player.moves
        ):
            return None
        costs[name] = game.cost(name) + sp.expand(step * sp.Add(*(w * q for w, q in zip(weights, family, strict=True))))
    return costs


def _fitted(rows: list[list[Any]], wanted: list[Any], variables: Any) -> list[Any] | None:
    """Constants w with sum w_q rows[i][q] = wanted[i] for every i, as identities in the variables."""
    weights = [sp.Dummy(f"w{k}") for k in range(len(rows[0]))]
    equations = []
    for row, goal in zip(rows, wanted, strict=True):
        gap = sp.expand(sp.Add(*(w * q for w, q in zip(weights, row, strict=True))) - goal)
        atoms = unknown_functions([gap], variables)
        marks = {a: sp.Dummy(f"k{k}") for k, a in enumerate(atoms)}
        try:
            equations += sp.Poly(gap.xreplace(marks), *variables, *marks.values()).coeffs()
        except sp.PolynomialError:
            return None
    solutions = list(sp.linsolve(equations, weights))
    return [w.subs(dict.fromkeys(weights, 0)) for w in solutions[0]] if solutions else None
