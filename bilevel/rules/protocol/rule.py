"""What a learning rule is, and the decorator that makes one.

Main definitions: `Rule` (frozen data), `rule` (decorator), `Field` (what a rule may ask of a game).

A rule is written once, over anything that can be added, scaled and fed to a field; it is then read symbolically (update
equations), linearly (a matrix, exactly) and numerically (arrays).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as part
from typing import Any, Literal, Protocol

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.language.values import expression
from bilevel.rules.protocol.point import PerPlayer, Point


class Field(Protocol):
    """What a rule may ask: F at a point, its Jacobian products, single gradients, linear solves, implicit points.

    Math: F = (d c_1/d x_1, ..., d c_n/d x_n), player i moving x_i and descending c_i; J is the derivative of F.

    Reference: the update rules in the folder `bilevel.rules`, each written once over a field; `derive`, `linearise` and
        the JAX reading give three fields.

    Examples:
        >>> descend = lambda field: lambda z: z - field(z)    # written once ...
        >>> descend(lambda z: 3 * z)(5), descend(lambda z: 2 * z)(sp.Symbol("x"))    # ... and read over any field
        (-10, -x)
    """

    players: tuple[str, ...]

    def __call__(self, z: Point) -> Point:
        """F(z), every player's own derivative of its own cost."""

    def jvp(self, z: Point, v: Point) -> Point:
        """F'(z) v."""

    def vjp(self, z: Point, v: Point) -> Point:
        """F'(z)^T v."""

    def gradient(self, z: Point, *, of: str, wrt: str | None = None) -> Point:
        """Partial derivative of one player's cost in another's variables (default: all), zero elsewhere."""

    def solve(self, operator: Callable[[Point], Point], right: Point, *, on: tuple[str, ...] | None = None) -> Point:
        """u with operator(u) = right on the named players' blocks (default: all); the operator is linear."""

    def fixed_point(self, step: Callable[[Point], Point], *, near: Point) -> Point:
        """w with w = step(w), the solution near a point."""


Start = Literal["same", "zero"]  # or an object that only the numeric reading knows: an optimiser's state


@dataclass(frozen=True)
class Rule:
    """A learning rule: its name, parameters, time, memory, and the step it takes on a field.

    Math: discrete time z' = T(z, memory); continuous time z' stands for dz/dt. Memory parts are points; each starts as
        the current point ("same") or as zero. `maker` makes the same rule with other parameters.

    Shapes: parameters are per step (discrete) or per unit time (continuous); a parameter may differ between players.

    Reference: Mescheder, Nowozin, Geiger (2017), arXiv:1705.10461, for rules as maps of a game's field.

    Examples:
        >>> from bilevel.rules import simultaneous
        >>> simultaneous("1/10").name
        'simultaneous'
    """

    name: str
    parameters: tuple[tuple[str, Any], ...]
    build: Callable[[Any], Callable[..., Any]]
    time: Literal["discrete", "continuous"] = "discrete"
    memory: tuple[tuple[str, Any], ...] = ()
    maker: Callable[..., Rule] | None = part(default=None, compare=False, repr=False)

    def on(self, field: Any) -> Callable[..., tuple[Point, ...]]:
        """The step on a field: (z, *memory) to the next (z, *memory)."""
        advance = self.build(field)

        def step(*state: Point) -> tuple[Point, ...]:
            after = advance(*state)
            return after if isinstance(after, tuple) else (after,)

        return step

    def start(self, z: Point) -> tuple[Point, ...]:
        """The state a run starts from: the point, and each memory part."""
        return (z, *(z if how == "same" else z - z for _, how in self.memory))

    @property
    def symbols(self) -> frozenset[sp.Symbol]:
        """Free symbols of the rule's parameters."""
        return frozenset(s for _, value in self.parameters for part in _parts(value) for s in part.free_symbols)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={_shown(value)}' for key, value in self.parameters)})"


def _parts(value: Any) -> list[Any]:
    if isinstance(value, PerPlayer):
        return [part for entry in value.values.values() for part in _parts(entry)]
    if isinstance(value, Rule):
        return list(value.symbols)
    return [value] if isinstance(value, sp.Basic) else []


def _shown(value: Any) -> str:
    if isinstance(value, PerPlayer):
        return "{" + ", ".join(f"{name}: {part}" for name, part in value.values.items()) + "}"
    return str(value)


def exact(value: Any, meaning: str = "a number") -> Any:
    """A parameter as an exact number, an expression, or one of these per player; text goes to the safe reader."""
    if isinstance(value, Mapping):
        return PerPlayer({str(name): exact(part, meaning) for name, part in value.items()})
    if isinstance(value, bool | Rule | PerPlayer) or value is None:
        return value
    if isinstance(value, tuple | list):
        return tuple(value)
    return expression(value, meaning)


def bare(signature: inspect.Signature) -> str:
    """Parameters by name and default, as a person calls them."""
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return str(inspect.Signature(plain))


def rule(
    function: Callable[..., Any] | None = None,
    /,
    *,
    time: Literal["discrete", "continuous"] = "discrete",
    memory: Mapping[str, Start] | tuple[str, ...] = (),
) -> Any:
    """Turn `def my_rule(step): return lambda field: lambda z: ...` into a maker of rules.

    Math: the inner function is T(z, memory...); it returns the next z, or a tuple with the next memory parts.

    Raises: GameError if a parameter is neither a number, an expression, text of one, nor a table per player.

    Reference: Rocklin (2013), on separating rules from strategies in SymPy.

    Examples:
        >>> @rule
        ... def twice_as_far(step):
        ...     return lambda field: lambda z: z - 2 * step * field(z)
        >>> str(twice_as_far("1/10"))
        'twice_as_far(step=1/10)'
    """
    if function is None:
        return functools.partial(rule, time=time, memory=memory)
    same: Start = "same"
    kept = dict(memory) if isinstance(memory, Mapping) else dict.fromkeys(memory, same)
    signature = inspect.signature(function)
    # A parameter annotated `str` names a player or a variant; text given to any other is an expression.
    labels = {
        key for key, parameter in signature.parameters.items() if parameter.annotation in (str, "str", "str | None")
    }

    @functools.wraps(function)
    def make(*args: Any, **kwargs: Any) -> Rule:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as problem:
            raise GameError(f"rule {function.__name__}{bare(signature)}: {problem}") from None
        bound.apply_defaults()
        for key, value in bound.arguments.items():
            if key not in labels:
                bound.arguments[key] = exact(value, f"{function.__name__}: {key}")
        shown = tuple((key, value) for key, value in bound.arguments.items() if value is not None)
        built = function(*bound.args, **bound.kwargs)
        if isinstance(built, Rule):  # a rule made of rules keeps their time and memory
            return Rule(function.__name__, shown, built.build, built.time, built.memory, make)
        return Rule(function.__name__, shown, built, time, tuple(kept.items()), make)

    make.is_rule = True  # type: ignore[attr-defined]
    return make
