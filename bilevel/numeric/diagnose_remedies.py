"""What would help: changes of rule and losses, tried on the linearised game and ranked by leading modulus.

Main definitions: `remedies`, `predicted_edge`.

Every change is made of the rule at hand, so the list holds for rules nobody has thought of: its steps longer or
shorter for all or for one player, players in turn, its iterates averaged, the field bent by consensus, one player's
cost damped around the point (the effect of a penalty with Hessian `damping` there, as R1 has on a discriminator).
Where the rule is a plain step to first order, extragradient and optimistic steps of the same size are compared too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from bilevel.language.errors import BilevelError
from bilevel.numeric.diagnose_reduced import Reduced, leading
from bilevel.numeric.diagnosis import Remedy
from bilevel.rules import averaged, consensus, extragradient, optimistic, taking_turns
from bilevel.rules.composition import along
from bilevel.rules.protocol.point import PerPlayer
from bilevel.rules.protocol.rule import Rule
from bilevel.rules.protocol.scaling import with_steps_scaled

P = sp.Symbol("remedy", positive=True)
FACTORS = np.array([1 / 64, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 2, 4, 8])
WEIGHTS = 2.0 ** np.arange(-7, 8)  # in units of 1/|J| for consensus, of |J| for damping


@dataclass(frozen=True)
class Change:
    """One family of changes: words with a place for the value, the rule in the symbol P, the values, what is added
    to B."""

    words: str
    rule: Rule
    grid: np.ndarray
    added: Callable[[Any], Any] | None = None
    player: str = ""
    rounds: int = 1  # steps of the rule at hand in one of the changed one


def changes(rule: Rule, game: Reduced, norm: float, plain: Any) -> Iterator[Change]:
    """The families tried; `plain` is the rule's step size where the rule is a plain step to first order."""
    nothing = np.array([1.0])
    yield Change("as it is", rule, nothing)
    yield from _or_none("all steps times {}", lambda: with_steps_scaled(rule, P), FACTORS)
    if len(game.sizes) > 1:
        yield from _or_none("players in turn", lambda: taking_turns(rule), nothing)
        for name in game.sizes:
            each = PerPlayer({other: P if other == name else sp.S.One for other in game.sizes})
            yield from _or_none(f"{name}'s steps times {{}}", partial(with_steps_scaled, rule, each), FACTORS)
    for change in _or_none("averaged(every=5, weight=1/2), by step", lambda: averaged(rule, 5, "1/2"), nothing):
        yield replace(change, rounds=5)
    weights = WEIGHTS / max(norm, 1e-300)
    yield from _or_none("consensus with weight {}", lambda: along(rule, consensus(1, P)), weights)
    for name in game.sizes:
        yield Change(f"damping {{}} on {name}", rule, WEIGHTS * norm, _damped(game, name), name)
    if plain is not None:
        yield from _or_none("extragradient, same steps", lambda: extragradient(plain), nothing)
        yield from _or_none("optimistic, same steps", lambda: optimistic(plain), nothing)
        turns = lambda: optimistic(plain, alternating=True)
        yield from _or_none("optimistic in turn, same steps", turns, nothing)


def _or_none(words: str, make: Callable[[], Rule], grid: np.ndarray) -> Iterator[Change]:
    try:
        yield Change(words, make(), grid)
    except BilevelError:
        return  # the rule cannot be changed in this way


def _damped(game: Reduced, player: str) -> Callable[[Any], Any]:
    sizes = np.concatenate([np.full(size, float(name == player)) for name, size in game.sizes.items()])
    return lambda p: p * np.diag(sizes)


def remedies(rule: Rule, game: Reduced, norm: float, values: Any) -> list[Remedy]:
    """Every change at its best value, best first; what cannot be evaluated is left out."""
    found = []
    for change in changes(rule, game, norm, plain_step(rule, game, values)):
        try:
            maps = game.maps(change.rule, str(P), change.grid, values, change.added)
        except (BilevelError, np.linalg.LinAlgError, TypeError):
            continue
        lead, turning = leading(maps)
        lead, turning = lead ** (1 / change.rounds), turning ** (1 / change.rounds)
        shorter = np.minimum(change.grid, 1.0) if "steps times" in change.words else np.ones(len(change.grid))
        merit = np.where(lead > 1, lead ** (1 / shorter), lead)  # growth counts by the way gone, not by the step
        best = int(np.argmin(np.round(merit, 12)))
        value = float(change.grid[best])
        shown = None if len(change.grid) == 1 else value
        if np.isfinite(lead[best]):
            words = change.words.format(f"{value:.3g}")
            remedy = Remedy(words, shown, float(lead[best]), float(turning[best]), rule=applied(change, value))
            found.append((round(float(merit[best]), 9), remedy))
    return [remedy for _, remedy in sorted(found, key=lambda pair: (pair[0], pair[1].change != "as it is"))]


@dataclass(frozen=True)
class Applied:
    """A remedy ready to run: the rule with its parameter's value, and the damping of one player's cost."""

    rule: Rule
    values: dict[str, float]
    player: str
    damping: float
    rounds: int
    added: Callable[[Any], Any] | None = None


def applied(change: Change, value: float) -> Applied:
    """The change with its parameter filled in."""
    damped = change.added is not None
    return Applied(change.rule, {str(P): value}, change.player, value if damped else 0.0, change.rounds, change.added)


def plain_step(rule: Rule, game: Reduced, values: Any) -> Any:
    """The rule's step size, if its map is I - step B to first order in the step; None otherwise."""
    step = dict(rule.parameters).get("step")
    if step is None or rule.time != "discrete" or rule.memory:
        return None
    try:
        tiny = game.maps(with_steps_scaled(rule, P), str(P), np.array([1e-6]), values)[0]
    except (BilevelError, TypeError):
        return None
    sizes = _sizes(step, game, values)
    if sizes is None:
        return None
    wanted = -sizes[:, None] * game.matrix
    return step if np.allclose((tiny - np.eye(len(tiny))) / 1e-6, wanted, atol=1e-4 * np.abs(wanted).max()) else None


def _sizes(step: Any, game: Reduced, values: Any) -> np.ndarray | None:
    from bilevel.numeric.leaf import converter

    number = converter(values)
    try:
        per = {name: float(number(step[name] if isinstance(step, PerPlayer) else step)) for name in game.sizes}
    except (BilevelError, TypeError):
        return None
    return np.concatenate([np.full(size, per[name]) for name, size in game.sizes.items()])


def predicted_edge(rule: Rule, game: Reduced, values: Any, *, leaving: bool = False) -> float | None:
    """The scale of the steps at which some mode of the restricted game begins to grow; None if none does.

    `leaving`: some mode other than those in which the flow itself leaves.
    """
    scaled = with_steps_scaled(rule, P)

    def grows(grid: np.ndarray) -> np.ndarray:
        return leading(game.maps(scaled, str(P), grid, values), leaving)[0] > 1 + 1e-7

    grid = 2.0 ** np.linspace(-8, 10, 73)
    try:
        seen = grows(grid)
        inside = np.flatnonzero(~seen[:-1] & seen[1:])
        above, below = inside[grid[inside + 1] > 1], inside[grid[inside] <= 1]
        found = below if seen[int(np.argmin(np.abs(grid - 1)))] else above
        if not len(found):
            return None
        k = int(found[-1] if found is below else found[0])
        for _ in range(2):  # the crossing to a thousandth
            grid = np.geomspace(grid[k], grid[k + 1], 17)
            k = max(int(np.argmax(grows(grid))) - 1, 0)
        return float(np.sqrt(grid[k] * grid[k + 1]))
    except (BilevelError, np.linalg.LinAlgError, TypeError):
        return None
