"""Environments: Markov decision processes as data, with what the actor sees and what the critic sees.

Main definitions: `Environment`, `Step`.

Notation: state s, action a, noise shared by transition, reward and observations; blindness and partial sight are
observation maps, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.language.calculus import replace
from bilevel.language.errors import GameError
from bilevel.language.laws import random


@dataclass(frozen=True)
class Step:
    """One step under a policy: what stands for the environment's symbols, and the variables drawn after the state.

    Math: `drawn` is in order and ends with `after`, the variables drawn once the action is chosen.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.2.

    Examples:
        >>> Step({}, ()).drawn
        ()
    """

    put: Mapping[Any, Any]
    drawn: tuple[Any, ...]
    after: tuple[Any, ...] = ()

    def __call__(self, expression: Any) -> Any:
        """An expression of the environment as it stands in this step."""
        return replace(expression, self.put)


def _drawn(x: Any, put: dict[Any, Any], stamp: str) -> Any:
    """A noise variable as it is drawn in one step, its law at what came before it."""
    law = replace(x.law, put)
    if stamp or law != x.law:
        put[x] = random(f"{x.name}_{stamp}" if stamp else x.name, law)
    return put.get(x, x)


@dataclass(frozen=True)
class Environment:
    """A Markov decision process with observation maps.

    Math: s ~ law of `state`, noise ~ its laws (which may mention s and a: r ~ R(s, a), s' ~ P(s, a)), reward r(s, a,
        noise), next state s'(s, a, noise) (None: an independent draw of the state's law, which makes the process
        stateless), discount gamma; `actor_sees` and `critic_sees` are tuples of
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
                raise GameError(
                    f"the actor chooses {self.action} after it has seen {sight}; its sight cannot depend on it"
                )

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
        return self.next_state is None or not {self.state, self.action} & self._behind(self.next_state)

    def step(self, policy: Any, state: Any = None, stamp: str = "") -> Step:
        """One step from a state (default: the environment's own); `stamp` marks the names of everything drawn in it.

        Noise whose law mentions the action (a reward, a next state) is drawn after it, other noise before.
        """
        put: dict[Any, Any] = {} if state is None else {self.state: state}
        noise = self._noise_seen() if stamp else self.noise
        late = [x for x in noise if self.action in x.law.free_symbols]
        drawn = [_drawn(x, put, stamp) for x in noise if x not in late]
        action, own = policy.act(tuple(replace(sight, put) for sight in self.actor_sees), self.action, stamp)
        put[self.action] = action
        after = [_drawn(x, put, stamp) for x in late]
        return Step(put, (*drawn, *own, *after), tuple(after))

    def _noise_seen(self) -> tuple[Any, ...]:
        """The noise that what is seen depends on, all that a later step needs."""
        wanted = self._behind(*self.actor_sees, *self.critic_sees)
        return tuple(x for x in self.noise if x in wanted)

    def _behind(self, *expressions: Any) -> set[Any]:
        """Everything that expressions depend on, also through the laws of the noise in them."""
        found = {symbol for expression in expressions for symbol in expression.free_symbols}
        for x in reversed(self.noise):
            if x in found:
                found |= x.law.free_symbols
        return found

    def at(self, expression: Any, **values: Any) -> Any:
        """An expression of the environment with state, action or noise replaced."""
        chosen = {"state": self.state, "action": self.action}
        return replace(expression, {chosen[key]: value for key, value in values.items()})
