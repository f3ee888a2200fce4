"""Actor-critic methods by name: deterministic, reparameterised and stochastic actors in a decision process of any form.

Main definitions: `decision_process`, `deterministic_policy_gradient`, `svg0`, `nfqca`, `stochastic_policy_gradient`,
`traditional_actor_critic`.

Notation: state s ~ rho in R^k, action a in R^m, reward r ~ R(s, a), next state s_next ~ P(s, a), discount gamma; actor
pi(., theta), critic Q(s, a, phi) or V(s, phi).
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.game import Game, minimize
from bilevel.language.expectation import E
from bilevel.language.laws import data, density, log_density, normal, random
from bilevel.language.networks import network
from bilevel.language.nodes import stop_gradient, vector
from bilevel.language.values import expression
from bilevel.models.actor_critics import actor_critic
from bilevel.models.environment import Environment
from bilevel.models.policy import Policy


def decision_process(*, bootstrap: bool = True, discount: Any = None, values: str = "Q") -> Environment:
    """A Markov decision process of any form, in which actor and critic see the state.

    Math: s ~ rho, r ~ R(s, a), s_next ~ P(s, a); the critic sees (s, a), or with `values="V"` only s. Without
        `bootstrap` the discount is 0: the edges from the future into the critic are left out, as in figure 1.

    Shapes: states in R^k, actions in R^m, all symbolic; reward a scalar per step.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.2 and figure 1.

    Examples:
        >>> decision_process().stateless, decision_process(bootstrap=False).discount
        (False, 0)
    """
    s, a = random("s", data("rho", "k")), vector("a", "m")
    r, later = random("r", density("R", None, s, a)), random("s_next", density("P", "k", s, a))
    gamma = sp.Symbol("gamma", positive=True) if discount is None else expression(discount, "a discount")
    return Environment(
        state=s,
        action=a,
        reward=r,
        noise=(r, later),
        next_state=later,
        critic_sees=(s,) if values == "V" else (s, a),
        actor_sees=(s,),
        discount=gamma if bootstrap else sp.S.Zero,
    )


def _method(title: str, source: str, policy: Policy, bootstrap: bool, discount: Any, choices: dict[str, Any]) -> Game:
    environment = decision_process(bootstrap=bootstrap, discount=discount)
    found = actor_critic(environment, policy, network("Q"), vector("phi", "q"), **choices)
    return Game(found.players, title=title, source=source)


def deterministic_policy_gradient(*, bootstrap: bool = True, discount: Any = None, **choices: Any) -> Game:
    """Deterministic policy gradient (DPG): the actor climbs its critic at the action it takes.

    Math: a = pi(s, theta); actor: min_theta -E_s Q(s, pi(s, theta), phi), gradient -E_s[(d_theta pi)^T d_a Q]; critic:
        min_phi E[D(r + gamma Q(s', pi(s')) || Q(s, a))]. `choices` go to `actor_critic` (mode, divergence, behaviour,
        actor_state, ...).

    Shapes: theta in R^p, phi in R^q, states in R^k, actions in R^m, all symbolic.

    Reference: Silver et al. (2014), deterministic policy gradient algorithms; Lillicrap et al. (2016),
        arXiv:1509.02971.

    Examples:
        >>> print(deterministic_policy_gradient().cost("actor"))
        E_s[-Q(s, pi(s, theta), phi)]
    """
    policy = Policy(vector("theta", "p"), network("pi", out="m"))
    return _method("Deterministic policy gradient", "Silver et al. 2014", policy, bootstrap, discount, choices)


def svg0(*, bootstrap: bool = True, discount: Any = None, **choices: Any) -> Game:
    """Stochastic value gradients without a model, SVG(0): DPG with noise as an input of the actor.

    Math: a = pi(s, eta, theta), eta ~ N(0, I_l); actor: min_theta -E_{s, eta} Q(s, pi(s, eta, theta), phi).

    Shapes: as `deterministic_policy_gradient`; noise in R^l.

    Reference: Heess et al. (2015), arXiv:1510.09142.

    Examples:
        >>> print(svg0().cost("actor"))
        E_{s, eta}[-Q(s, pi(s, eta, theta), phi)]
    """
    policy = Policy(vector("theta", "p"), network("pi", out="m"), noise=(random("eta", normal("l")),))
    return _method("SVG(0)", "Heess et al. 2015, arXiv:1510.09142", policy, bootstrap, discount, choices)


def nfqca(*, bootstrap: bool = True, discount: Any = None, **choices: Any) -> Game:
    """Neural fitted Q iteration with continuous actions: DPG's actor, and a critic fitted to targets of a frozen copy.

    Math: targets r + gamma Q_k(s', pi(s')) with a copy Q_k of the critic; Q_{k+1} is the critic's minimum, then the
        actor moves. The batch is a schedule (a rule that lets the critic converge before copy and actor move), not a
        loss. The original minimises costs: rewards here are their negatives.

    Shapes: as `deterministic_policy_gradient`.

    Reference: Hafner and Riedmiller (2011), doi 10.1007/s10994-011-5235-x.

    Examples:
        >>> list(nfqca().players)
        ['critic', 'actor', 'target']
    """
    policy = Policy(vector("theta", "p"), network("pi", out="m"))
    choices = {"mode": "target copy", **choices}
    return _method("NFQCA", "Hafner and Riedmiller 2011", policy, bootstrap, discount, choices)


def stochastic_policy_gradient(*, bootstrap: bool = True, discount: Any = None, **choices: Any) -> Game:
    """An actor that is a density and climbs its critic by the score function.

    Math: a ~ pi(. | s, theta); actor: min_theta -E_{s, a} Q(s, a, phi), gradient -E[Q d_theta log pi(a | s, theta)].

    Shapes: as `deterministic_policy_gradient`.

    Reference: Sutton, McAllester, Singh, Mansour (2000), policy gradient methods with function approximation.

    Examples:
        >>> game = stochastic_policy_gradient()
        >>> print(game.field()[game["actor"].moves[0]])
        -E_{s, a}[Q(s, a, phi) d3 log pi(a; s, theta)]
    """
    policy = Policy(vector("theta", "p"), name="pi")
    return _method("Stochastic policy gradient", "Sutton et al. 2000", policy, bootstrap, discount, choices)


def traditional_actor_critic(*, bootstrap: bool = True, discount: Any = None, mode: Any = "semi-gradient") -> Game:
    """The actor-critic method with the TD error as signal; no gradient of the critic reaches the actor.

    Math: delta = r + gamma V(s') - V(s); critic: min_phi E[(sg(r + gamma V(s')) - V(s))^2]; actor:
        min_theta -E[sg(delta) log pi(a | s, theta)], a drawn at the current theta.

    Shapes: as `deterministic_policy_gradient`; V(s, phi) is a scalar.

    Reference: Sutton and Barto (2018), section 13.5; Barto, Sutton, Anderson (1983).

    Examples:
        >>> game = traditional_actor_critic(bootstrap=False)
        >>> print(game.field()[game["actor"].moves[0]])
        -E_{s, a, r}[-(V(s, phi) - r) d3 log pi(a; s, theta)]
    """
    theta, phi = vector("theta", "p"), vector("phi", "q")
    environment = decision_process(bootstrap=bootstrap, discount=discount, values="V")
    found = actor_critic(environment, Policy(theta, name="pi"), network("V"), phi, mode=mode)
    # Sampling does not move with theta: the gradient of the loss is then the score times the error, and nothing else.
    step = environment.step(Policy(stop_gradient(theta), name="pi"))
    (s, a), value = (environment.state, step(environment.action)), network("V")
    error = step(environment.reward) + environment.discount * value(step(environment.next_state), phi) - value(s, phi)
    score = log_density(density("pi", "m", s, theta), a)
    outcomes = step.drawn if bootstrap else step.drawn[:-1]
    actor = minimize(-E(stop_gradient(error) * score, s, *outcomes), theta)
    title, source = "Actor-critic with TD error", "Sutton and Barto 2018, section 13.5"
    return Game({**found.players, "actor": actor}, title=title, source=source)
