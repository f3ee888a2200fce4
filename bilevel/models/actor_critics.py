"""Actor-critic methods as games, in the form of Pfau and Vinyals (2016), equations 6 to 10.

Main definitions: `actor_critic`, `expected_reward`.
"""

from __future__ import annotations

from typing import Any, Literal

import sympy as sp

from bilevel.game import Game, minimize
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.laws import random
from bilevel.language.networks import Network
from bilevel.language.nodes import dot, stop_gradient, vector
from bilevel.models.divergence import Divergence, squared
from bilevel.models.environment import Environment, Step
from bilevel.models.policy import Policy

Mode = Literal["residual gradient", "semi-gradient", "target copy"]


def actor_critic(
    environment: Environment,
    policy: Policy,
    critic: Network,
    weights: Any,
    *,
    divergence: Divergence = squared,
    mode: Mode = "semi-gradient",
    inside: bool = False,
    query: Literal["observation", "action"] = "observation",
    scaled: bool = False,
    mask: Any = None,
    actor_state: Any = None,
    behaviour: Policy | None = None,
) -> Game:
    """The game of an actor and a critic in an environment.

    Math: critic: min_Q F = E[D(target || Q(o))], target = r + gamma Q(o'), o = what the critic sees; with `inside` the
        target is averaged given o before it enters the divergence, as in the paper's (9), else it is taken sample by
        sample.
        actor: min_pi f = -E[m w Q(o)], with Q at what the critic sees or (`query="action"`, as in DPG) at the action
        itself; m = `mask` (default 1) and w = 1, or with `scaled` the stopped slope of the divergence,
        sg(dD(r || Q)/dQ).
        mode: differentiate through both Q's ("residual gradient"), stop the target ("semi-gradient"), or let a copy of
        the weights stand in the target, moved by a third player ("target copy") that minimises
        |copy - sg(weights)|^2 / 2.

    Shapes: any dimensions; `actor_state` is the random variable under which the actor's loss is taken (start law,
        discounted occupancy, replay); default: the environment's state. `behaviour` is the policy whose actions the
        critic learns from (exploration, replay); default: the actor's own.

    Raises: GameError for an unknown mode or a query that does not fit the critic.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, equations 6 to 10.

    Examples:
        >>> from bilevel.models import blind_actor_critic
        >>> sorted(blind_actor_critic().players)
        ['actor', 'critic']
    """
    if mode not in ("residual gradient", "semi-gradient", "target copy"):
        raise GameError(f"mode is 'residual gradient', 'semi-gradient' or 'target copy'; got {mode!r}")
    copy = vector(f"{weights.name}_copy", weights.shape[0]) if mode == "target copy" else weights
    loss = _critic_loss(environment, behaviour or policy, policy, critic, weights, copy, divergence, mode, inside)
    actor = _actor_loss(environment, policy, critic, weights, divergence, query, scaled, mask, actor_state)
    players = {"critic": minimize(loss, weights), "actor": minimize(actor, policy.parameters)}
    if mode == "target copy" and copy in loss.free_symbols:
        apart = copy - stop_gradient(weights)
        players["target"] = minimize(dot(apart, apart) / 2, copy)
    return Game(players)


def _averaged(body: Any, *variables: Any, outcomes: tuple[Any, ...] = (), **given: Any) -> Any:
    """The expectation, without outcomes of the action that nothing in it mentions."""
    wanted = set(body.free_symbols).union(*(sight.free_symbols for sight in given.values()))
    kept: list[Any] = []
    for x in reversed(variables):
        if x not in outcomes or x in wanted:
            kept.insert(0, x)
            wanted |= x.law.free_symbols
    return E(body, *kept, **given)


def _critic_loss(
    environment: Environment,
    behaviour: Policy,
    policy: Policy,
    critic: Network,
    weights: Any,
    copy: Any,
    divergence: Divergence,
    mode: str,
    inside: bool,
) -> Any:
    step = environment.step(behaviour)
    seen = tuple(step(sight) for sight in environment.critic_sees)
    variables = averaged = (environment.state, *step.drawn)
    target, outcomes = step(environment.reward), step.after
    if environment.discount != 0:
        value, later = _next_value(environment, policy, critic, copy, step)
        target = target + environment.discount * value
        averaged, outcomes = (*variables, *later), (*outcomes, *later)
    if inside:
        target = _averaged(target, *averaged, outcomes=outcomes, given=seen[0] if len(seen) == 1 else sp.Tuple(*seen))
        averaged = variables
    if mode == "semi-gradient" and weights in target.free_symbols:
        target = stop_gradient(target)
    return _averaged(divergence(target, critic(*seen, weights)), *averaged, outcomes=outcomes)


def _next_value(
    environment: Environment, policy: Policy, critic: Network, weights: Any, step: Step
) -> tuple[Any, tuple[Any, ...]]:
    """The critic at the next step, and the variables that step adds."""
    if environment.next_state is None:
        state = random(f"{environment.state.name}_next", environment.state.law)
        fresh: tuple[Any, ...] = (state,)
    else:
        state, fresh = step(environment.next_state), ()
    ahead = environment.step(policy, state, "next")
    return critic(*(ahead(sight) for sight in environment.critic_sees), weights), (*fresh, *ahead.drawn)


def _actor_loss(
    environment: Environment,
    policy: Policy,
    critic: Network,
    weights: Any,
    divergence: Divergence,
    query: str,
    scaled: bool,
    mask: Any,
    actor_state: Any,
) -> Any:
    if query not in ("observation", "action"):
        raise GameError(f"query is 'observation' or 'action'; got {query!r}")
    step = environment.step(policy, actor_state)
    seen = environment.critic_sees if query == "observation" else (environment.action,)
    value = critic(*(step(sight) for sight in seen), weights)
    weight = sp.S.One if mask is None else step(mask)
    if scaled:
        weight = weight * stop_gradient(divergence.slope(step(environment.reward), value))
    state = environment.state if actor_state is None else actor_state
    return _averaged(-weight * value, state, *step.drawn, outcomes=step.after)


def expected_reward(environment: Environment, policy: Policy) -> Any:
    """The true expected reward of one step, as a function of the policy's parameters.

    Math: E[r(s, a, noise)], a from the policy; in a stateless environment the return is this divided by 1 - gamma.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.3.

    Examples:
        >>> from bilevel.models import gan_environment, generator_policy
        >>> expected_reward(gan_environment(), generator_policy())
        E_{x, y, z}[y]
    """
    step = environment.step(policy)
    return _averaged(step(environment.reward), environment.state, *step.drawn, outcomes=step.after)
