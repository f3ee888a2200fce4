"""Actors and critics with an entropy bonus, baselines, and natural gradients, for policies with a density.

Main definitions: `soft_players`, `baseline_actor`, `fisher`, `natural_direction`.

Notation: temperature tau; a step pays r - tau log pi(a | s).
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.game import Game, Player, minimize
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.gradient import gradient
from bilevel.language.networks import Network
from bilevel.language.nodes import stop_gradient
from bilevel.models.environment import Environment
from bilevel.models.policy import Policy


def soft_players(
    environment: Environment, policy: Policy, critic: Network, weights: Any, temperature: Any
) -> dict[str, Player]:
    """The critic and the actor of soft policy iteration.

    Math: critic: min E(sg(r + gamma (Q(s', a') - tau log pi(a' | s'))) - Q(s, a))^2, a' drawn from the policy; actor:
        min -E[Q(s, a) - tau log pi(a | s)]. At tau = 0 the ordinary semi-gradient critic and actor. A Gaussian policy's
        actor may be differentiated pathwise (`gradient(..., how="pathwise")`), as soft actor-critic does.

    Shapes: the environment's.

    Raises: GameError if the policy's action is computed rather than drawn from a density, or the environment has no
        next state.

    Reference: Haarnoja, Zhou, Abbeel, Levine (2018), arXiv:1801.01290, equations 5 and 7.

    Examples:
        >>> from bilevel.language import network, vector
        >>> from bilevel.models.control_methods import decision_process
        >>> tau, theta = sp.Symbol("tau", positive=True), vector("theta", "p")
        >>> pi = Policy(theta, name="pi")
        >>> players = soft_players(decision_process(), pi, network("Q"), vector("phi", "q"), tau)
        >>> print(players["actor"].loss)
        E_{s, a}[tau*(log pi(a; s, theta)) - Q(s, a, phi)]
    """
    if environment.next_state is None:
        raise GameError("soft policy iteration looks one step ahead; this environment has no next state")
    step = environment.step(policy)
    ahead = environment.step(policy, step(environment.next_state), "next")
    now, later = (tuple(at(sight) for sight in environment.critic_sees) for at in (step, ahead))
    paid = critic(*later, weights) - temperature * _log_probability(environment, policy, ahead)
    target = step(environment.reward) + environment.discount * paid
    own = [x for x in ahead.drawn if x not in ahead.after]
    error = stop_gradient(target) - critic(*now, weights)
    gain = critic(*now, weights) - temperature * _log_probability(environment, policy, step)
    drawn = [x for x in step.drawn if x not in step.after]
    return {
        "critic": minimize(E(error**2, environment.state, *step.drawn, *own), weights),
        "actor": minimize(E(-gain, environment.state, *drawn), policy.parameters),
    }


def _log_probability(environment: Environment, policy: Policy, step: Any) -> Any:
    sight = tuple(step(seen) for seen in environment.actor_sees)
    return policy.log_probability(sight, step(environment.action))


def baseline_actor(environment: Environment, policy: Policy, critic: Network, weights: Any, baseline: Any) -> Player:
    """An actor whose signal is the critic less a baseline, through the score of its policy.

    Math: min -E[sg(Q(s, a) - b) log pi(a | s, theta)], actions drawn at the current theta; the gradient is -E[(Q - b)
        grad log pi]. A baseline b that does not look at the action leaves it as it is (theorem 24).

    Shapes: `baseline` is a scalar expression in what the environment shows.

    Raises: GameError if the policy has no density.

    Reference: Williams (1992), doi 10.1007/BF00992696.

    Examples:
        >>> from bilevel.language import network, vector
        >>> from bilevel.models.control_methods import decision_process
        >>> world, pi = decision_process(), Policy(vector("theta", "p"), name="pi")
        >>> player = baseline_actor(world, pi, network("Q"), vector("phi", "q"), network("b")(world.state))
        >>> print(gradient(player.loss, vector("theta", "p")))
        -E_{s, a}[sg(-b(s) + Q(s, a, phi)) d3 log pi(a; s, theta)]
    """
    frozen = Policy(stop_gradient(policy.parameters), policy.network, policy.noise, policy.name, policy.law)
    step = environment.step(frozen)
    value = critic(*(step(sight) for sight in environment.critic_sees), weights) - step(baseline)
    drawn = [x for x in step.drawn if x not in step.after]
    score = _log_probability(environment, policy, step)
    return minimize(E(-stop_gradient(value) * score, environment.state, *drawn), policy.parameters)


def fisher(environment: Environment, policy: Policy) -> Any:
    """The Fisher matrix of a policy over an environment's states.

    Math: E[grad log pi grad log pi^T], s from the environment, a from the policy.

    Shapes: p x p for p parameters.

    Raises: GameError if the policy has no density.

    Reference: Kakade (2001), A natural policy gradient, equation 1.

    Examples:
        >>> from bilevel.language import vector
        >>> from bilevel.models.control_methods import decision_process
        >>> fisher(decision_process(), Policy(vector("theta", "p"), name="pi")).shape
        (p, p)
    """
    step = environment.step(policy)
    score = gradient(_log_probability(environment, policy, step), policy.parameters)
    drawn = [x for x in step.drawn if x not in step.after]
    return E(score * score.T, environment.state, *drawn)


def natural_direction(game: Game, actor: str, metric: Any) -> Any:
    """An actor's natural gradient: its field measured in a metric.

    Math: F^{-1} d cost/d theta, F the Fisher matrix or another positive definite metric.

    Shapes: as the actor's parameters.

    Raises: GameError if the actor moves more than one vector.

    Reference: Amari (1998), doi 10.1162/089976698300017746; Kakade (2001).

    Examples:
        >>> from bilevel.language import vector
        >>> from bilevel.models.control_methods import decision_process, stochastic_policy_gradient
        >>> metric = fisher(decision_process(), Policy(vector("theta", "p"), name="pi"))
        >>> natural_direction(stochastic_policy_gradient(), "actor", metric).shape
        (p, 1)
    """
    moved = game[actor].moves
    if len(moved) != 1:
        raise GameError(f"{actor} moves {', '.join(map(str, moved))}; a metric is given for one vector")
    return sp.Inverse(metric) * game.field()[moved[0]]
