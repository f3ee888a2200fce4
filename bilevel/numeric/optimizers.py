"""Optax transformations as rules: a player's step by any optimiser, inside every combinator of rules.

Main definitions: `optimizer`.

The transformation is asked for `init` and `update` and nothing else, so Optax need not be installed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from bilevel.language.errors import GameError
from bilevel.numeric.field import JaxField
from bilevel.numeric.leaf import Leaf
from bilevel.rules.protocol.point import Point
from bilevel.rules.protocol.rule import Field, Rule

Tree = Callable[[tuple[Any, ...]], Any]


def optimizer(transformation: Any) -> Rule:
    """A rule that hands every player's gradient to an Optax transformation: Adam, schedules, clipping, any chain.

    Math: z_i' = z_i + u_i with (u_i, state_i') = update(F_i(z), state_i, z_i). `taking_turns` of it lets the players
        alternate, `along(it, consensus(1, w))` feeds it another rule's field, `averaged`, `trailing`, `projected` and
        `each` work as with any rule. Line searches (`optax.lbfgs`, `scale_by_backtracking_linesearch`) get the
        player's cost and its value, the other players held, where its own gradient is what it descends.

    Shapes: one transformation for all, or {player: transformation}; each player has a state of its own, {player:
        state} in the stepper's. Numeric reading only: there is no formula to derive.

    Raises: GameError for what has no `init` and `update`; when a formula is asked of it; for a line search along a
        field that is no player's own gradient.

    Reference: Hessel et al. (2020), Optax; Heusel et al. (2017), arXiv:1706.08500, for an optimiser per player.

    Examples:
        >>> import jax.numpy as jnp, optax
        >>> from bilevel.numeric import optimizer, reading
        >>> from bilevel.rules import taking_turns
        >>> loss = lambda z: z["x"] * z["y"]
        >>> rule = taking_turns(optimizer({"x": optax.sgd(0.5), "y": optax.adam(0.1)}))
        >>> stepper = reading({"x": loss, "y": loss}, rule, maximizing=("y",))
        >>> params = {"x": jnp.float32(1), "y": jnp.float32(1)}
        >>> params, state = stepper.step(params, stepper.init(params))
        >>> round(float(params["x"]), 3), round(float(params["y"]), 3)
        (0.5, 1.1)
    """
    kept = _States(transformation)
    kept.check()

    def on(field: Field) -> Callable[..., Any]:
        kept.check(field.players)

        def advance(z: Point, states: Point) -> tuple[Point, Point]:
            slope = field(z)
            if not all(isinstance(leaf, Leaf) for leaf in slope.leaves()):
                raise GameError(
                    "an optax transformation has no formula here: it is read numerically; for equations and verdicts "
                    "take a rule such as bilevel.rules.adam or heavy_ball"
                )
            after, held = {}, {}
            for name in field.players:
                known = _loss_of(field, name, z)
                after[name], held[name] = kept.moved(name, _tree_of(field, name), z, slope, states, known)
            return Point(after), Point(held)

        return advance

    return Rule("optimizer", (("transformation", _shown(transformation)),), on, "discrete", (("optimizer", kept),))


def _shown(transformation: Any) -> str:
    return ", ".join(transformation) if isinstance(transformation, Mapping) else "one for all"


def _tree_of(field: Any, player: str) -> Tree:
    """How a player's arrays stand in its own pytree."""
    moved = field.game.players[player] if field.game is not None else None
    if moved is None:
        return tuple
    if hasattr(moved, "tree"):
        return moved.tree
    names = [str(v) for v in moved.moves]
    return lambda block: dict(zip(names, block, strict=True))


def _loss_of(field: Any, player: str, z: Point) -> Callable[[Any], Any] | None:
    """A player's cost as a function of its own pytree, the others standing where they are; None where what it descends
    is not that cost's own gradient: another rule's field, or a derivative through replies."""
    if not isinstance(field, JaxField) or field.slope is not None:
        return None
    here, sign = field.blocks(z), field.signs.get(player, 1)
    return lambda own: sign * field.costs[player]({**here, player: tuple(jax.tree.leaves(own))})


@dataclass(frozen=True)
class _States:
    """The optimisers' states: a memory part whose leaves are no points of the game."""

    transformation: Any

    def check(self, players: tuple[str, ...] | None = None) -> None:
        """Say what is missing."""
        if players is not None and isinstance(self.transformation, Mapping):
            if set(self.transformation) != set(players):
                named = ", ".join(map(str, self.transformation))
                raise GameError(f"optimizer names {named}; the players are {', '.join(players)}")
            return
        many = isinstance(self.transformation, Mapping)
        for one in self.transformation.values() if many else [self.transformation]:
            if not (callable(getattr(one, "init", None)) and callable(getattr(one, "update", None))):
                raise GameError(
                    f"optimizer takes an optax transformation, such as optax.adam(1e-3), or a table of one per "
                    f"player; got {type(one).__name__}"
                )

    def of(self, player: str) -> Any:
        """The player's transformation."""
        return self.transformation[player] if isinstance(self.transformation, Mapping) else self.transformation

    def init(self, layout: Any) -> dict[str, Any]:
        """The states at the start, {player: state}."""
        self.check(tuple(layout.blocks))
        return {name: self.of(name).init(layout.tree(name, block)) for name, block in layout.blocks.items()}

    def enter(self, states: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
        """The states' arrays."""
        return {name: tuple(map(jnp.asarray, jax.tree.leaves(state))) for name, state in states.items()}

    def leave(self, blocks: Mapping[str, tuple[Any, ...]], layout: Any) -> dict[str, Any]:
        """The states again."""
        return {
            name: jax.tree.unflatten(self._structure(name, layout.tree(name, block)), blocks[name])
            for name, block in layout.blocks.items()
        }

    def _structure(self, player: str, tree: Any) -> Any:
        return jax.tree.structure(jax.eval_shape(self.of(player).init, tree))

    def moved(
        self, player: str, tree: Tree, z: Point, slope: Point, states: Point, cost: Callable[[Any], Any] | None
    ) -> tuple[Any, Any]:
        """A player's next leaves and state."""
        here, push, held = ([leaf.array for leaf in point.blocks[player]] for point in (z, slope, states))
        params = tree(tuple(here))
        state = jax.tree.unflatten(self._structure(player, params), held)
        change, state = self._updated(player, tree(tuple(push)), state, params, cost)
        convert = z.blocks[player][0].convert
        after = [jnp.asarray(a + u, dtype=a.dtype) for a, u in zip(here, jax.tree.leaves(change), strict=True)]
        return tuple(Leaf(a, convert) for a in after), tuple(Leaf(a, convert) for a in jax.tree.leaves(state))

    def _updated(self, player: str, slope: Any, state: Any, params: Any, cost: Any) -> Any:
        """The transformation's answer, with the values a line search asks for."""
        update = self.of(player).update
        if not _takes_more(update):
            return update(slope, state, params)
        if cost is not None:
            # Nothing is computed that the transformation does not use: the compiler drops it.
            return update(slope, state, params, value=cost(params), grad=slope, value_fn=cost)
        try:
            return update(slope, state, params)
        except TypeError as problem:
            if "keyword-only argument" not in str(problem):
                raise
            raise GameError(
                f"the optimiser of {player} searches along a line and needs the loss it descends; here it descends no "
                "player's own loss (another rule's field, or a derivative through replies); take one without a search"
            ) from None


def _takes_more(update: Callable[..., Any]) -> bool:
    """Whether a transformation takes values beside the gradient, as Optax's extended ones do."""
    try:
        kinds = [parameter.kind for parameter in inspect.signature(update).parameters.values()]
    except (TypeError, ValueError):
        return False
    return inspect.Parameter.VAR_KEYWORD in kinds
