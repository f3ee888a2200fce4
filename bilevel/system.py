"""Dynamical systems given directly: a flow or a map with one expression per variable, analysed like a game.

Main definitions: `System`, `flow_of`, `map_of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.language.values import conjuncts, expression


@dataclass(frozen=True)
class _Mover:
    """Who moves the variables of a system: nobody in particular."""

    moves: tuple[Any, ...]
    through: tuple[Any, ...] = ()


@dataclass(frozen=True)
class System:
    """A flow dz/dt = g(z) or a map z_{t+1} = g(z); `points` as in a `Game`.

    Math: read as a field F = -g (flow) or F = z - g (map), so that the flow and the plain step of size 1 give it back.

    Shapes: one expression per variable; per unit time (flow) or per step (map).

    Reference: Strogatz (1994), Nonlinear Dynamics and Chaos, chapters 6 and 10.

    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> System({x: -x}, "continuous").field()
        {x: x}
    """

    equations: Mapping[Any, Any]
    time: Literal["discrete", "continuous"]
    assuming: tuple[Any, ...] = ()
    title: str = ""
    source: str = ""
    points: tuple[Mapping[Any, Any], ...] = field(default=(), compare=False)
    is_coordinate = True

    @property
    def variables(self) -> tuple[Any, ...]:
        """The moved variables, in order."""
        return tuple(self.equations)

    @property
    def players(self) -> dict[str, _Mover]:
        """One mover of everything, so that rules can be read on a system."""
        return {"system": _Mover(self.variables)}

    def __getitem__(self, player: str) -> _Mover:
        return self.players[player]

    @cached_property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """Free symbols that are no variables, by name."""
        free = {s for g in self.equations.values() for s in g.free_symbols} - set(self.variables)
        return tuple(sorted(free, key=str))

    @cached_property
    def _field(self) -> dict[Any, Any]:
        if self.time == "continuous":
            return {x: -g for x, g in self.equations.items()}
        return {x: x - g for x, g in self.equations.items()}

    def field(self) -> dict[Any, Any]:
        """F = -g (flow) or z - g (map)."""
        return dict(self._field)

    def jacobian(self) -> Any:
        """dF/dz."""
        return sp.ImmutableMatrix([[sp.diff(g, x) for x in self.variables] for g in self._field.values()])

    def under(self, *facts: Any) -> System:
        """The same system under further assumptions."""
        return replace(self, assuming=(*self.assuming, *conjuncts(facts)))

    def gradient(self, *, of: str, wrt: Any = None) -> dict[Any, Any]:
        """A system has no losses: asking for a player's gradient is an error."""
        raise GameError("a flow or map given directly has no losses, so no player's gradient can be taken")


def flow_of(
    equations: Mapping[Any, Any],
    *,
    assuming: Iterable[Any] = (),
    title: str = "",
    source: str = "",
    points: Iterable[Mapping[Any, Any]] = (),
) -> System:
    """The flow dz/dt = g(z).

    Math: one expression g per variable.

    Reference: Strogatz (1994), Nonlinear Dynamics and Chaos, chapter 6.

    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> flow_of({x: -x}).time
        'continuous'
    """
    return System(_checked(equations), "continuous", tuple(assuming), title, source, tuple(points))


def map_of(
    equations: Mapping[Any, Any],
    *,
    sequential: bool = False,
    assuming: Iterable[Any] = (),
    title: str = "",
    source: str = "",
) -> System:
    """The map z_{t+1} = g(z); `sequential` lets later lines see earlier results.

    Math: one expression g per variable.

    Reference: Strogatz (1994), Nonlinear Dynamics and Chaos, chapter 10.

    Examples:
        >>> x, y = sp.symbols("x y", real=True)
        >>> map_of({x: x - y, y: y + x}, sequential=True).equations[y]
        x
    """
    lines = _checked(equations)
    if sequential:
        done: dict[Any, Any] = {}
        for variable, g in lines.items():
            done[variable] = g.subs(done, simultaneous=True)
        lines = done
    return System(lines, "discrete", tuple(assuming), title, source)


def _checked(equations: Mapping[Any, Any]) -> dict[Any, Any]:
    if not equations:
        raise GameError("a system needs at least one equation, {variable: expression}")
    for variable in equations:
        if not isinstance(variable, sp.Symbol):
            raise GameError(f"a system's variables are symbols; got {variable!r}")
    return {variable: expression(g) for variable, g in equations.items()}
