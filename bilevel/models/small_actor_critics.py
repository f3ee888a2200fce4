"""Actor-critic methods small enough for exact answers: a process with two states, and the linear-quadratic regulator.

Main definitions: `two_state_actor_critic`, `two_state_equilibrium`, `lqr_actor_critic`, `lqr_equilibrium`.

Both take expected updates, with the policy's own data. A weight of the critic that stands in the bootstrapped target is
stopped on its own, `stop_gradient(V1)`: to put a target copy there, replace that node.
"""

from __future__ import annotations

from typing import Any, Literal

import sympy as sp

from bilevel.game import Game, maximize, minimize
from bilevel.language.coordinate_laws import Normal
from bilevel.language.errors import GameError
from bilevel.language.functions import sigmoid, softplus
from bilevel.language.mean import mean
from bilevel.language.nodes import stop_gradient
from bilevel.language.values import expression

Values = Literal["plain", "soft"]
Features = Literal["state-action", "state"]


def _chosen(given: Any, name: str, what: str) -> Any:
    return sp.Symbol(name, positive=True) if given is None else expression(given, what)


def _process(discount: Any, entropy_weight: Any, stay_reward: Any) -> tuple[Any, Any, Any]:
    return (
        _chosen(discount, "gamma", "the discount"),
        _chosen(entropy_weight, "beta", "the weight of the entropy bonus"),
        _chosen(stay_reward, "c", "the reward for staying"),
    )


def two_state_actor_critic(
    *,
    discount: Any = None,
    entropy_weight: Any = None,
    stay_reward: Any = None,
    values: Values = "plain",
) -> Game:
    """One-step actor-critic in a process of two states: stay, for a reward, or move to the other state.

    Math: in state i the actor stays with probability p_i = sigmoid(theta_i); staying pays c, moving nothing. Critic:
        semi-gradient TD(0) on its own values, min over V of sum_i d_i E[(sg(r + gamma V(s')) - V_i)^2]/2. Actor:
        max over theta of sum_i d_i (E[r + gamma V(s')] + beta H(p_i)), whose gradient is the TD error times the score.
        d is the law of states the policy settles in, d_1 = (1 - p_2)/(2 - p_1 - p_2), not differentiated through.
        `values`: "plain", the bonus is the actor's alone (as in A3C); "soft", the critic counts it as a reward.
        Plain values break the symmetry: the flow is stable iff gamma (t + x (1 - t^2)/2) < 1, x = c/beta, t =
        tanh(x/2), which fails for gamma near 1; soft values leave it stable at every discount below 1.

    Shapes: four scalars theta1, theta2, V1, V2; per step; equilibrium: `two_state_equilibrium`.

    Raises: GameError for other `values`.

    Reference: Sutton and Barto (2018), section 13.5; Mnih et al. (2016), arXiv:1602.01783, for the entropy bonus.

    Examples:
        >>> from bilevel import stability
        >>> game = two_state_actor_critic(entropy_weight=1, stay_reward=1, values="soft")
        >>> stability(game, at=two_state_equilibrium(entropy_weight=1, stay_reward=1, values="soft")).verdict
        'stable'
    """
    gamma, beta, reward = _process(discount, entropy_weight, stay_reward)
    if values not in ("plain", "soft"):
        raise GameError(f"values is 'plain' or 'soft'; got {values!r}")
    theta, V = sp.symbols("theta1 theta2", real=True), sp.symbols("V1 V2", real=True)
    stay = [sigmoid(t) for t in theta]
    first = (1 - stay[1]) / (2 - stay[0] - stay[1])
    visits = [stop_gradient(first), 1 - stop_gradient(first)]
    # log sigmoid(t) = t - softplus(t) and log(1 - sigmoid(t)) = -softplus(t).
    bonus = [beta * (softplus(t) - t * p) for t, p in zip(theta, stay, strict=True)]
    counted = bonus if values == "soft" else [sp.S.Zero] * 2
    ahead, error = sp.S.Zero, sp.S.Zero
    for i, p in enumerate(stay):
        other = 1 - i
        ahead += visits[i] * (p * (reward + gamma * V[i]) + (1 - p) * gamma * V[other] + bonus[i])
        targets = (reward + gamma * stop_gradient(V[i]), gamma * stop_gradient(V[other]))
        gaps = [(target + counted[i] - V[i]) ** 2 / 2 for target in targets]
        error += visits[i] * (p * gaps[0] + (1 - p) * gaps[1])
    return Game(
        actor=maximize(ahead, *theta),
        critic=minimize(error, *V),
        assuming=_below_one(gamma),
        title="Actor-critic with two states",
        source="Sutton and Barto 2018, section 13.5",
        points=(two_state_equilibrium(discount=gamma, entropy_weight=beta, stay_reward=reward, values=values),),
    )


def _below_one(gamma: Any) -> tuple[Any, ...]:
    return (gamma < 1,) if gamma.free_symbols else ()


def two_state_equilibrium(
    *,
    discount: Any = None,
    entropy_weight: Any = None,
    stay_reward: Any = None,
    values: Values = "plain",
) -> dict[Any, Any]:
    """The symmetric equilibrium of `two_state_actor_critic`.

    Math: theta_1 = theta_2 = c/beta and V_1 = V_2 = c p/(1 - gamma), p = sigmoid(c/beta); soft values add
        beta H(p)/(1 - gamma).

    Reference: Sutton and Barto (2018), section 13.5.

    Examples:
        >>> list(two_state_equilibrium(discount="1/2", entropy_weight=1, stay_reward=0).values())
        [0, 0, 0, 0]
    """
    gamma, beta, reward = _process(discount, entropy_weight, stay_reward)
    logit = reward / beta
    value = reward * sigmoid(logit)
    if values == "soft":
        value += beta * (softplus(logit) - logit * sigmoid(logit))
    names = sp.symbols("theta1 theta2 V1 V2", real=True)
    return dict(zip(names, (logit, logit, value / (1 - gamma), value / (1 - gamma)), strict=True))


def _regulator(a: Any, b: Any, gain: Any, discount: Any, state_cost: Any, action_cost: Any) -> tuple[Any, ...]:
    """Drift, gain of the control, discount, both costs, and the best gain with its value P."""
    a = _chosen(a, "a", "the drift")
    b = sp.S.One if b is None else expression(b, "the gain of the control")
    gamma = _chosen(discount, "gamma", "the discount")
    if state_cost is None and action_cost is None:
        K, P = _chosen(gain, "K", "the best gain"), sp.S.One
        # r K = gamma b (a - b K) P says that K is best, P = q + r K^2 + gamma (a - b K)^2 P that P is its value.
        r = sp.cancel(gamma * b * (a - b * K) / K)
        return a, b, gamma, sp.cancel(1 - r * K**2 - gamma * (a - b * K) ** 2), r, K, P
    if gain is not None:
        raise GameError("give the best gain, or the two costs it follows from, but not both")
    q = _chosen(state_cost, "q", "the cost of the state")
    r = _chosen(action_cost, "r", "the cost of the control")
    middle = r - gamma * b**2 * q - gamma * a**2 * r
    P = (sp.sqrt(sp.factor(middle**2 + 4 * gamma * b**2 * q * r)) - middle) / (2 * gamma * b**2)
    return a, b, gamma, q, r, gamma * a * b * P / (r + gamma * b**2 * P), P


def lqr_actor_critic(
    a: Any = None,
    b: Any = None,
    *,
    gain: Any = None,
    discount: Any = None,
    exploration: Any = None,
    features: Features = "state-action",
    state_cost: Any = None,
    action_cost: Any = None,
) -> Game:
    """Actor-critic on the scalar linear-quadratic regulator, with the exact moments of the data it makes.

    Math: s' = a s + b u, cost q s^2 + r u^2, discount gamma. Policy u = -k s; behaviour u = -k s + e, e ~ N(0, nu), nu
        the `exploration` variance, under which s ~ N(0, b^2 nu/(1 - (a - b k)^2)), not differentiated through.
        features "state-action": critic Q = w_ss s^2 + w_su s u + w_uu u^2 by semi-gradient TD(0),
        min over w of E[(sg(c + gamma Q(s', -k s')) - Q(s, u))^2]/2; actor min over k of E[Q(s, -k s)] (as in DPG).
        features "state": critic V = w s^2 at the policy's own action; actor min over k of E[r u^2 + gamma V(s')].
        The costs: in units in which the best value is s^2 they follow from the best `gain` K, so that everything is
        rational: r = gamma b (a - b K)/K, q = 1 - r K^2 - gamma (a - b K)^2 (both positive: an ordinary problem); or
        give them. A best gain in symbols is taken to settle, |a - b K| < 1. b is 1 by default, the unit of the
        control. Equilibrium: the Riccati gain with its true values,
        `lqr_equilibrium`.

    Shapes: k and three weights, or k and one; costs a step; |a - b k| < 1 is needed for the law of states.

    Raises: GameError for other `features`, or for a gain beside costs.

    Reference: Bradtke (1993), NIPS, Reinforcement learning applied to linear quadratic regulation; Kalman (1964), doi
        10.1115/1.3653115, for the costs that a gain is best for.

    Examples:
        >>> from bilevel import rules, stability
        >>> game, point = (make(1, 1, gain="1/2", features="state") for make in (lqr_actor_critic, lqr_equilibrium))
        >>> steps = sp.symbols("h_a h_c", positive=True)
        >>> print(stability(game, rules.simultaneous(dict(zip(game.players, steps))), at=point).condition)
        (gamma*h_a*nu < 3/8) & (2*gamma*h_c*nu**2/3 + 1 > 8*h_c*nu**2/3)
    """
    costs = {"state_cost": state_cost, "action_cost": action_cost}
    best = lqr_equilibrium(a, b, gain=gain, discount=discount, features=features, **costs)
    a, b, gamma, q, r, K, _ = _regulator(a, b, gain, discount, **costs)
    noise = _chosen(exploration, "nu", "the variance of the exploration")
    best_loop = (a - b * K) ** 2 < 1
    settles = (best_loop,) if best_loop.free_symbols and state_cost is action_cost is None else ()
    k = sp.Symbol("k", real=True)
    visited = stop_gradient(b**2 * noise / (1 - (a - b * k) ** 2))
    weights, gap, judged = _forms(features, a, b, q, r, gamma)
    return Game(
        actor=minimize(_averaged(judged, 1, visited, noise), k),
        critic=minimize(_averaged(gap, 2, visited, noise) / 2, *weights),
        assuming=((a - b * k) ** 2 < 1, *((gamma <= 1,) if gamma.free_symbols else ()), *settles),
        title="Actor-critic on the linear-quadratic regulator",
        source="Bradtke 1993",
        points=(best,),
    )


_K, _S, _E = sp.symbols("k s e", real=True)


def _forms(features: Features, a: Any, b: Any, q: Any, r: Any, gamma: Any) -> tuple[Any, Any, Any]:
    """The critic's weights, its target less its guess, and what the actor minimises, as forms in s and e."""
    if features == "state":
        (w,) = weights = (sp.Symbol("w", real=True),)
        u = -_K * _S
        target = q * _S**2 + r * u**2 + gamma * stop_gradient(w) * (a * _S + b * u) ** 2
        return weights, target - w * _S**2, r * u**2 + gamma * w * (a * _S + b * u) ** 2
    if features == "state-action":
        weights = sp.symbols("w_ss w_su w_uu", real=True)
        u = -_K * _S + _E
        value = lambda w, s, u: w[0] * s**2 + w[1] * s * u + w[2] * u**2
        later = value([stop_gradient(w) for w in weights], 1, -_K) * (a * _S + b * u) ** 2
        target = q * _S**2 + r * u**2 + gamma * later
        return weights, target - value(weights, _S, u), value(weights, _S, -_K * _S)
    raise GameError(f"features is 'state-action' or 'state'; got {features!r}")


def _averaged(form: Any, power: int, visited: Any, noise: Any) -> Any:
    """E[form^power] over s ~ N(0, visited) and e ~ N(0, noise); the form's coefficients are kept together."""
    halves = {_S**2: sp.diff(form, _S, 2) / 2, _S * _E: sp.diff(form, _S, _E), _E**2: sp.diff(form, _E, 2) / 2}
    marks, spread = {monomial: sp.Dummy(real=True) for monomial in halves}, sp.Dummy("spread", positive=True)
    marked = sum(mark * monomial for monomial, mark in marks.items())
    value = mean(sp.expand(marked**power), {_S: Normal(0, spread), _E: Normal(0, noise)})
    return value.subs(spread, visited).xreplace({mark: halves[monomial] for monomial, mark in marks.items()})


def lqr_equilibrium(
    a: Any = None,
    b: Any = None,
    *,
    gain: Any = None,
    discount: Any = None,
    features: Features = "state-action",
    state_cost: Any = None,
    action_cost: Any = None,
) -> dict[Any, Any]:
    """The equilibrium of `lqr_actor_critic`: the best gain and its true values.

    Math: P > 0 with gamma b^2 P^2 + (r - gamma b^2 q - gamma a^2 r) P = q r (Riccati); k = gamma a b P/(r + gamma b^2
        P), Q = q + gamma a^2 P, 2 gamma a b P, r + gamma b^2 P on s^2, s u, u^2; V = P s^2. With costs that follow from
        a gain K: k = K and P = 1.

    Reference: Bradtke (1993), NIPS.

    Examples:
        >>> list(lqr_equilibrium(1, 1, state_cost="1/2", action_cost=1, discount=1).values())
        [1/2, 3/2, 2, 2]
    """
    a, b, gamma, q, r, K, P = _regulator(a, b, gain, discount, state_cost, action_cost)
    if features == "state":
        return dict(zip(sp.symbols("k w", real=True), (K, P), strict=True))
    names = sp.symbols("k w_ss w_su w_uu", real=True)
    values = (q + gamma * a**2 * P, 2 * gamma * a * b * P, r + gamma * b**2 * P)
    return dict(zip(names, (K, *map(sp.expand, values)), strict=True))
