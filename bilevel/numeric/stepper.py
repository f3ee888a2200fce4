"""A rule on real parameters: `init` and `step` over pytrees, in the manner of optax.

Main definitions: `reading`, `Stepper`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import equinox
import jax
import jax.numpy as jnp
import sympy as sp

from bilevel.game import Game
from bilevel.language.errors import GameError
from bilevel.numeric.field import Blocks, JaxField
from bilevel.numeric.layouts import Params, Trees, Variables
from bilevel.numeric.leaf import converter
from bilevel.numeric.lowering import lower
from bilevel.numeric.model import compiled
from bilevel.numeric.replies import Through, total_slopes
from bilevel.rules.protocol.rule import Rule

State = tuple[Any, ...]
Layout = Trees | Variables


@dataclass(frozen=True)
class Stepper:
    """A rule as a pair of functions on parameters; both can be scanned and mapped, and `step` is compiled.

    Math: `init(params)` is the rule's memory at the start; `step(params, state)` is one step, (z, memory) to the
        next (z, memory); for a flow it gives dz/dt in place of the next z. `values` give numbers (traced ones too)
        for the rule's and the game's symbols. `field(params)` is F.

    Shapes: parameters are {player: pytree} for plain losses, {variable: array} for games; further arguments go to
        the losses. Arrays and floats are traced; other arguments (flags, integers, functions) are compiled in, and
        compile anew when they change. The state holds arrays only. Compiled once for each shape; cost per step is
        that of the losses' derivatives the rule asks for.

    Raises: GameError for missing players, variables or values; for losses that are no single number.

    Reference: Hessel et al. (2020), Optax, for the shape of the interface.

    Examples:
        >>> from bilevel.rules import simultaneous
        >>> stepper = reading({"a": lambda z: z["a"] ** 2}, simultaneous("1/4"))
        >>> params, state = stepper.step({"a": jnp.float32(1)}, stepper.init({"a": jnp.float32(1)}))
        >>> float(params["a"])
        0.5
    """

    rule: Rule
    make: Callable[[Mapping[str, Any], tuple[Any, ...], Layout], JaxField]
    layout: Callable[[Params], Layout]
    values: Mapping[Any, Any]
    aux: Callable[..., Any] | None = None

    def init(self, params: Params) -> State:
        """What the rule remembers at the start."""
        layout = self.layout(params)
        field = self.make(_by_name(self.values), (), layout)
        points = self.rule.start(field.point(layout.blocks))[1:]
        return tuple(
            layout.memory(field.blocks(point)) if isinstance(how, str) else how.init(layout)
            for point, (_, how) in zip(points, self.rule.memory, strict=True)
        )

    def step(self, params: Params, state: State = (), *arguments: Any, values: Mapping[Any, Any] | None = None) -> Any:
        """One step: the next parameters and memory (for a flow: the rate); with `has_aux`, (loss, aux) per player."""
        if len(state) != len(self.rule.memory):
            raise GameError(
                f"{self.rule.name} remembers {len(self.rule.memory)} points; call init(params) for its state"
            )
        given = _by_name({**self.values, **(values or {})})
        renamed = any(not isinstance(key, str) for key in params) if isinstance(params, Mapping) else False
        if not renamed:
            after, *rest = self._compiled(self._ready(params), tuple(state), _traced(arguments), given)
            return ({name: after[name] for name in params}, *rest)  # in the order given: JAX sorts names
        layout = self.layout(params)
        here = dict(zip(layout.keys, params.values(), strict=True))
        held = tuple({str(getattr(key, "name", key)): part for key, part in known.items()} for known in state)
        after, kept, *more = self._compiled(here, held, _traced(arguments), given)
        back = [
            {layout.keys[name]: part for name, part in known.items()} if set(known) == set(layout.keys) else known
            for known in (after, *kept)
        ]
        return (back[0], tuple(back[1:]), *more)

    def field(self, params: Params, *arguments: Any, values: Mapping[Any, Any] | None = None) -> Params:
        """F at the parameters: every player's derivative of its own cost, in the parameters' own structure."""
        layout = self.layout(params)
        field = self.make(_by_name({**self.values, **(values or {})}), _traced(arguments), layout)
        return layout.memory(field.blocks(field(field.point(layout.blocks))))

    def _ready(self, params: Params) -> Params:
        """Python floats that move, as arrays: a compiled step would take them for constants."""
        if any(isinstance(leaf, float) for leaf in jax.tree.leaves(params)):
            layout = self.layout(params)
            return layout.params(layout.blocks)
        return params

    @cached_property
    def _compiled(self) -> Callable[..., Any]:
        return equinox.filter_jit(self._step)

    def _step(self, params: Params, state: State, arguments: tuple[Any, ...], values: Mapping[str, Any]) -> Any:
        layout = self.layout(params)
        kinds = [how for _, how in self.rule.memory]
        memory = [
            layout.remembered(part) if isinstance(how, str) else how.enter(part)
            for part, how in zip(state, kinds, strict=True)
        ]
        field = self.make(values, arguments, layout)
        try:
            first, *rest = self.rule.on(field)(field.point(layout.blocks), *map(field.point, memory))
        except TypeError as problem:
            if "convert expression to float" in str(problem):
                raise GameError(
                    f"{self.rule} needs plain numbers in place of its symbols; put them into the rule"
                ) from None
            raise
        kept = tuple(
            layout.memory(field.blocks(part)) if isinstance(how, str) else how.leave(field.blocks(part), layout)
            for part, how in zip(rest, kinds, strict=True)
        )
        after = layout.params(field.blocks(first))
        return (after, kept) if self.aux is None else (after, kept, self.aux(params, arguments))


def _by_name(values: Mapping[Any, Any]) -> dict[str, Any]:
    """Values by the names of their symbols, numbers as arrays: traced, not compiled in."""
    return {
        str(key): jnp.asarray(float(value)) if isinstance(value, int | float | sp.Number) else value
        for key, value in values.items()
    }


def _traced(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, float) else leaf, arguments))


def reading(
    losses: Any,
    rule: Rule,
    *,
    values: Mapping[Any, Any] | None = None,
    maximizing: tuple[str, ...] = (),
    realisation: Any = None,
    has_aux: bool = False,
    through: Through | None = None,
) -> Stepper:
    """A learning rule on losses given as JAX functions or as a symbolic game.

    Math: one step of the rule with F_i = d cost_i / d x_i by automatic differentiation, cost_i the loss, or minus
        the loss for the players named in `maximizing`. Players of a game that declare replies differentiate through
        them; for plain losses `through` declares them, {player: {other: best_response()}}. Players given one and
        the same function share its backward pass.

    Shapes: losses {player: f(params, *arguments)} over params {player: any pytree}, of which the floating-point
        arrays move (Equinox modules, Flax and Haiku parameters alike); or a coordinate-level `Game` over {variable:
        number or array of shape ()}; or a model-level `Game` with a `realisation`, over {vector: array}. float32
        parameters stay float32; for float64 work inside `jax.enable_x64(True)`. With `has_aux` every loss returns
        (loss, aux), and a step returns {player: (loss, aux)}, taken before the step, as a third part.

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
        hint = "; wrap it: bilevel.numeric.optimizer(...)" if hasattr(rule, "update") else ""
        raise GameError(f"reading needs a rule such as bilevel.rules.simultaneous(h); got {type(rule).__name__}{hint}")
    if isinstance(losses, Game):
        if through:
            raise GameError("a game's players declare their replies themselves: minimize(..., through={...})")
        return _of_game(losses, rule, dict(values or {}), realisation)
    if not isinstance(losses, Mapping) or not all(map(callable, losses.values())):
        raise GameError(f"losses are a table of functions, one per player, or a Game; got {type(losses).__name__}")
    named = (maximizing,) if isinstance(maximizing, str) else tuple(maximizing)
    if unknown := set(named) - set(losses):
        raise GameError(f"maximizing names {', '.join(sorted(unknown))}; the players are {', '.join(losses)}")
    if unknown := {*(through or {}), *(o for how in (through or {}).values() for o in how)} - set(losses):
        raise GameError(f"through names {', '.join(sorted(unknown))}; the players are {', '.join(losses)}")
    return _of_functions(dict(losses), rule, dict(values or {}), set(named), has_aux, through or {})


def _of_functions(
    losses: dict[str, Any], rule: Rule, values: dict[Any, Any], ascending: set[str], has_aux: bool, through: Through
) -> Stepper:
    players, signs = tuple(losses), {name: -1 if name in ascending else 1 for name in losses}

    def make(given: Mapping[str, Any], arguments: tuple[Any, ...], layout: Any) -> JaxField:
        def cost(name: str) -> Callable[[Blocks], Any]:
            return lambda blocks: _number(losses[name](layout.params(blocks), *arguments), name, has_aux)

        shared: dict[int, Any] = {}
        costs = {name: shared.setdefault(id(loss), cost(name)) for name, loss in losses.items()}
        number, slope = converter(given), None
        if through:
            signed = {n: (lambda blocks, n=n: signs[n] * costs[n](blocks)) for n in players}
            slope = total_slopes(through, signed, number)
        return JaxField(costs, layout.game(), slope, number, signs)

    def told(params: Params, arguments: tuple[Any, ...]) -> dict[str, Any]:
        return {name: loss(params, *arguments) for name, loss in losses.items()}

    return Stepper(rule, make, lambda params: Trees(params, players), values, told if has_aux else None)


def _number(found: Any, player: str, has_aux: bool) -> Any:
    """A loss that is one number."""
    if has_aux and not (isinstance(found, tuple) and len(found) == 2):
        raise GameError(f"with has_aux the loss of {player} returns (loss, aux); got {type(found).__name__}")
    loss = found[0] if has_aux else found
    if isinstance(loss, tuple):
        raise GameError(f"the loss of {player} returns a tuple; if it is (loss, aux), pass has_aux=True")
    if jnp.shape(loss) != ():
        raise GameError(f"the loss of {player} must be one number; got shape {jnp.shape(loss)}: take its mean or sum")
    return loss


def _of_game(game: Game, rule: Rule, values: dict[Any, Any], realisation: Any) -> Stepper:
    costs = (_coordinate if game.is_coordinate and realisation is None else _model)(game, realisation)
    through = {name: dict(player.through) for name, player in game.players.items() if player.through}

    def make(given: Mapping[str, Any], arguments: tuple[Any, ...], layout: Any) -> JaxField:
        number = converter(given)
        bound = {n: (lambda blocks, cost=cost: cost(blocks, given)) for n, cost in costs.items()}
        return JaxField(bound, game, total_slopes(through, bound, number) if through else None, number)

    return Stepper(rule, make, lambda params: Variables(params, game), values)


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
