"""Environments: Markov decision processes as data, with what the actor sees and what the critic sees.

Main definitions: `Environment`.

Notation: state s, action a, noise shared by transition, reward and observations; blindness and partial sight are observation
maps, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.language.calculus import replace
from bilevel.language.errors import GameError
from bilevel.language.laws import random


@dataclass(frozen=True)
class Environment:
    """A Markov decision process with observation maps.

    Math: s ~ law of `state`, noise ~ its laws, reward r(s, a, noise), next state s'(s, a, noise) (None: an independent draw of
        the state's law, which makes the process stateless), discount gamma; `actor_sees` and `critic_sees` are tuples of
        expressions in s, a and the noise (an empty `actor_sees` is a blind actor).

    Shapes: state and action are vectors (or scalars) of any dimension; reward is a scalar per step.

    Raises: GameError if the actor's sight depends on its own action.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.2.

    Examples:
        >>> from bilevel.language import data, random, vector
        >>> s, a = random("s", data("p", "n")), vector("a", "n")
        >>> Environment(state=s, action=a, reward=sp.S.One, critic_sees=(a,)).blind
        True
    """

    state: Any
    action: Any
    reward: Any
    critic_sees: tuple[Any, ...]
    actor_sees: tuple[Any, ...] = ()
    noise: tuple[Any, ...] = ()
    next_state: Any = None
    discount: Any = sp.S.Zero

    def __post_init__(self) -> None:
        for sight in self.actor_sees:
            if self.action in sight.free_symbols:
                raise GameError(f"the actor chooses {self.action} after it has seen {sight}; its sight cannot depend on it")

    @property
    def blind(self) -> bool:
        """Whether the actor sees nothing of the state or the noise."""
        hidden = {self.state, *self.noise}
        return not any(hidden & sight.free_symbols for sight in self.actor_sees)

    @property
    def randomness(self) -> tuple[Any, ...]:
        """State and noise, what one step averages over (the action's own randomness apart)."""
        return (self.state, *self.noise)

    @property
    def stateless(self) -> bool:
        """Whether the future does not depend on what was done."""
        return self.next_state is None or not {self.state, self.action} & self.next_state.free_symbols

    def after(self, stamp: str = "next") -> tuple[Any, dict[Any, Any], tuple[Any, ...]]:
        """The next state, fresh copies of the noise, and the variables they add to an average."""
        fresh = {x: random(f"{x.name}_{stamp}", x.law) for x in self.noise}
        if self.next_state is None:
            draw = random(f"{self.state.name}_{stamp}", self.state.law)
            return draw, fresh, (draw, *fresh.values())
        return self.next_state, fresh, tuple(fresh.values())

    def at(self, expression: Any, **values: Any) -> Any:
        """An expression of the environment with state, action or noise replaced."""
        chosen = {"state": self.state, "action": self.action}
        return replace(expression, {chosen[key]: value for key, value in values.items()})
