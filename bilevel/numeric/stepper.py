"""A rule on real parameters: `init` and `step` over pytrees, in the manner of optax.

Main definitions: `reading`, `Stepper`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bilevel.game import Game
from bilevel.language.errors import GameError
from bilevel.numeric.field import Blocks, JaxField
from bilevel.numeric.leaf import converter
from bilevel.numeric.lowering import lower
from bilevel.numeric.model import compiled
from bilevel.numeric.replies import total_slopes
from bilevel.rules.protocol.point import Point
from bilevel.rules.protocol.rule import Rule

Params = Any
State = tuple[Any, ...]


@dataclass(frozen=True)
class Stepper:
    """A rule as a pair of functions on parameters; both can be jitted, scanned and mapped.

    Math: `init(params)` is the rule's memory at the start; `step(params, state)` is one step, (z, memory) to the
        next (z, memory); for a flow it gives dz/dt in place of the next z. `values` give numbers (traced ones too)
        for the rule's and the game's symbols.

    Shapes: parameters are {player: pytree} for plain losses, {variable: array} for games; further arguments go to
        the losses.

    Raises: GameError for missing players, variables or values.

    Reference: Hessel et al. (2020), Optax, for the shape of the interface.

    Examples:
        >>> from bilevel.rules import simultaneous
        >>> stepper = reading({"a": lambda z: z["a"] ** 2}, simultaneous("1/4"))
        >>> params, state = stepper.step({"a": jnp.float32(1)}, stepper.init({"a": jnp.float32(1)}))
        >>> float(params["a"])
        0.5
    """

    rule: Rule
    make: Callable[[Mapping[Any, Any], tuple[Any, ...], Params], JaxField]
    enter: Callable[[Params], Blocks]
    leave: Callable[[Blocks, Params], Params]
    values: Mapping[Any, Any]

    def init(self, params: Params) -> State:
        """What the rule remembers at the start."""
        here = self.enter(params)
        field = self.make(self.values, (), params)
        return tuple(self._left(field, part, params) for part in self.rule.start(field.point(here))[1:])

    def step(
        self, params: Params, state: State = (), *arguments: Any, values: Mapping[Any, Any] | None = None
    ) -> tuple[Params, State]:
        """One step: the next parameters and memory (for a flow: the rate)."""
        if len(state) != len(self.rule.memory):
            raise GameError(
                f"{self.rule.name} remembers {len(self.rule.memory)} points; call init(params) for its state"
            )
        here = [self.enter(part) for part in (params, *state)]
        field = self.make({**self.values, **(values or {})}, arguments, params)
        try:
            after = self.rule.on(field)(*map(field.point, here))
        except TypeError as problem:
            if "convert expression to float" in str(problem):
                raise GameError(
                    f"{self.rule} needs plain numbers in place of its symbols; put them into the rule"
                ) from None
            raise
        first, *rest = (self._left(field, part, params) for part in after)
        return first, tuple(rest)

    def _left(self, field: JaxField, point: Point, params: Params) -> Params:
        return self.leave(field.blocks(point), params)


def reading(
    losses: Any,
    rule: Rule,
    *,
    values: Mapping[Any, Any] | None = None,
    maximizing: tuple[str, ...] = (),
    realisation: Any = None,
) -> Stepper:
    """A learning rule on losses given as JAX functions or as a symbolic game.

    Math: one step of the rule with F_i = d cost_i / d x_i by automatic differentiation, cost_i the loss, or minus
        the loss for the players named in `maximizing`. Players of a game that declare replies differentiate through
        them.

    Shapes: losses {player: f(params, *arguments)} over params {player: any pytree of floating-point arrays}; or a
        coordinate-level `Game` over {variable: number or array of shape ()}; or a model-level `Game` with a
        `realisation`, over {vector: array}. float32 parameters stay float32; for float64 work inside
        `jax.enable_x64(True)`.

    Raises: GameError for unknown players, or a model-level game without a realisation.

    Reference: Hessel et al. (2020), Optax, for the shape of the interface.

    Examples:
        >>> from bilevel.rules import extragradient
        >>> f = lambda z: z["x"] * z["y"]
        >>> stepper = reading({"x": f, "y": f}, extragradient("1/2"), maximizing=("y",))
        >>> params, _ = stepper.step({"x": 1.0, "y": 0.0}, ())
        >>> {name: float(value) for name, value in params.items()}
        {'x': 0.75, 'y': 0.5}
    """
    if not isinstance(rule, Rule):
        raise GameError(f"reading needs a rule such as bilevel.rules.simultaneous(h); got {type(rule).__name__}")
    if isinstance(losses, Game):
        return _of_game(losses, rule, dict(values or {}), realisation)
    if unknown := set(maximizing) - set(losses):
        raise GameError(f"maximizing names {', '.join(sorted(unknown))}; the players are {', '.join(losses)}")
    return _of_functions(dict(losses), rule, dict(values or {}), set(maximizing))


def _of_functions(losses: dict[str, Any], rule: Rule, values: dict[Any, Any], ascending: set[str]) -> Stepper:
    def enter(params: Params) -> Blocks:
        if set(params) != set(losses):
            raise GameError(f"parameters are given for {', '.join(params)}; the players are {', '.join(losses)}")
        return {name: tuple(map(jnp.asarray, jax.tree.leaves(params[name]))) for name in losses}

    def leave(blocks: Blocks, params: Params) -> Params:
        return {name: jax.tree.unflatten(jax.tree.structure(params[name]), blocks[name]) for name in params}

    def make(given: Mapping[Any, Any], arguments: tuple[Any, ...], params: Params) -> JaxField:
        def cost(name: str) -> Callable[[Blocks], Any]:
            sign = -1 if name in ascending else 1
            return lambda blocks: sign * losses[name](leave(blocks, params), *arguments)

        names = {
            name: SimpleNamespace(
                moves=[
                    f"{name}{jax.tree_util.keystr(path)}"
                    for path, _ in jax.tree_util.tree_leaves_with_path(params[name])
                ]
            )
            for name in losses
        }
        shape = SimpleNamespace(players=names, variables=[v for player in names.values() for v in player.moves])
        return JaxField({name: cost(name) for name in losses}, shape, None, converter(given))

    return Stepper(rule, make, enter, leave, values)


def _of_game(game: Game, rule: Rule, values: dict[Any, Any], realisation: Any) -> Stepper:
    names = {str(v): v for v in game.variables}

    def enter(params: Params) -> Blocks:
        by_name = {str(getattr(key, "name", key)): value for key, value in params.items()}
        if set(by_name) != set(names):
            raise GameError(
                f"the point names {', '.join(sorted(by_name)) or 'nothing'}; the variables are {', '.join(names)}"
            )
        return {n: tuple(_floating(by_name[str(v)]) for v in player.moves) for n, player in game.players.items()}

    def leave(blocks: Blocks, params: Params) -> Params:
        found = {str(v): a for n, player in game.players.items() for v, a in zip(player.moves, blocks[n], strict=True)}
        return {key: found[str(getattr(key, "name", key))] for key in params}

    costs = (_coordinate if game.is_coordinate and realisation is None else _model)(game, realisation)
    sees_through = any(player.through for player in game.players.values())

    def make(given: Mapping[Any, Any], arguments: tuple[Any, ...], params: Params) -> JaxField:
        by_name, number = {str(key): value for key, value in given.items()}, converter(given)
        bound = {n: (lambda blocks, cost=cost: cost(blocks, by_name)) for n, cost in costs.items()}
        return JaxField(bound, game, total_slopes(game, bound, number) if sees_through else None, number)

    return Stepper(rule, make, enter, leave, values)


def _floating(value: Any) -> Any:
    array = value if isinstance(value, jax.Array) else np.asarray(value)
    return jnp.asarray(array if jnp.issubdtype(array.dtype, jnp.floating) else np.asarray(array, dtype=float))


def _coordinate(game: Game, _: Any) -> dict[str, Any]:
    """Costs of a coordinate game as functions of blocks and values."""
    inputs = [*game.variables, *game.parameters]

    def arrays(blocks: Blocks, given: Mapping[str, Any]) -> list[Any]:
        here = [array for name in game.players for array in blocks[name]]
        missing = [str(s) for s in game.parameters if str(s) not in given]
        if missing:
            raise GameError(f"the game needs a value for {', '.join(missing)}; pass values={{'{missing[0]}': ...}}")
        kind = jnp.result_type(*here)
        return here + [jnp.asarray(given[str(s)], dtype=kind) for s in game.parameters]

    lowered = {name: lower(game.cost(name), inputs) for name in game.players}
    return {n: (lambda blocks, given, low=low: low.function(*arrays(blocks, given))) for n, low in lowered.items()}


def _model(game: Game, realisation: Any) -> dict[str, Any]:
    """Costs of a model-level game, with networks and laws from a realisation."""
    if realisation is None:
        raise GameError("a model-level game needs numbers for its networks and laws: realisation=realise(*losses)")

    def numbers(blocks: Blocks, given: Mapping[str, Any]) -> dict[str, Any]:
        here = {str(v): a for n, player in game.players.items() for v, a in zip(player.moves, blocks[n], strict=True)}
        return {**realisation.numbers, "values": {**realisation.values, **given, **here}}

    functions = {name: compiled(game.cost(name), realisation) for name in game.players}
    return {n: (lambda blocks, given, f=f: f(numbers(blocks, given))) for n, f in functions.items()}
