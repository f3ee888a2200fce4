"""Learning from demonstrations: adversarial imitation (GAIL), guided cost learning.

Main definitions: `gail`, `guided_cost_learning`, and instances.
"""

from __future__ import annotations

from typing import Any, Literal

import sympy as sp

from bilevel.game import Game, minimize
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.functions import sigmoid
from bilevel.language.information import entropy
from bilevel.language.instance import Instance
from bilevel.language.laws import data, density, log_density, random
from bilevel.language.networks import network
from bilevel.language.nodes import stop_gradient, vector
from bilevel.language.values import expression
from bilevel.models.replayed import discounted


def gail(
    policy: Literal["stochastic", "reparameterised"] = "stochastic", *, discount: Any = None, bonus: Any = 0
) -> Game:
    """Generative adversarial imitation learning: reward model, critic and actor in a chain.

    Math: discriminator: min_phi -E_pi log D(s, a) - E_expert log(1 - D(s, a)); critic: min_chi E (sg(-log D(s, a)
        + gamma Q(s', a')) - Q(s, a))^2, a and a' the actor's; actor: min_theta -E Q(s, a), through the action
        ("reparameterised", a = pi(s, eta)), or by the score function ("stochastic", a ~ pi(. | s)), then less `bonus`
        times the entropy.

    Shapes: theta in R^p, phi in R^q, chi in R^r, states in R^k, actions in R^m, noise in R^l, all symbolic.

    Raises: GameError for another kind of policy, or an entropy bonus where the policy has no density.

    Reference: Ho and Ermon (2016), arXiv:1606.03476, equations 15 to 17 and algorithm 1.

    Examples:
        >>> list(gail().players)
        ['discriminator', 'critic', 'actor']
    """
    if policy not in ("reparameterised", "stochastic"):
        raise GameError(f"policy is 'reparameterised' or 'stochastic'; got {policy!r}")
    if policy == "reparameterised" and bonus != 0:
        raise GameError("an entropy bonus needs a density; try policy='stochastic'")
    theta, phi, chi = vector("theta", "p"), vector("phi", "q"), vector("chi", "r")
    D, Q, s = network("D", range="probability"), network("Q"), random("s", data("rho", "k"))
    a, own = _action(policy, s, theta, "")
    later = random("s_next", density("P", "k", s, stop_gradient(a) if own and policy == "reparameterised" else a))
    after, more = _action(policy, later, theta, "_next")
    expert = random("s_expert", data("expert", "k"))
    shown = random("a_expert", density("pi_expert", "m", expert))
    reward = -sp.log(D(s, a, phi))
    target = stop_gradient(reward + discounted(discount) * Q(later, after, chi))
    over = (s, *own, later, *more)
    judged = E(reward, s, *own) - E(sp.log(1 - D(expert, shown, phi)), expert, shown)
    gained = -E(Q(s, a, chi), s, *own)
    if bonus != 0:
        gained -= expression(bonus, "the entropy bonus") * E(entropy(density("pi", "m", s, theta)), s)
    players = {
        "discriminator": minimize(judged, phi),
        "critic": minimize(E((target - Q(s, a, chi)) ** 2, *over), chi),
        "actor": minimize(gained, theta),
    }
    return Game(players, title="GAIL", source="Ho and Ermon 2016, arXiv:1606.03476")


def _action(policy: str, state: Any, theta: Any, stamp: str) -> tuple[Any, tuple[Any, ...]]:
    """What the actor does in a state, and the variables drawn for it."""
    if policy == "stochastic":
        drawn = random(f"a{stamp}", density("pi", "m", state, theta))
        return drawn, (drawn,)
    eta = random(f"eta{stamp}", density("p_eta", "l"))
    return network("pi", out="m")(state, eta, theta), (eta,)


def gail_instance() -> Instance:
    """Imitating one choice of two: one state, the expert takes the second action three times out of four.

    Math: pi(1) = sigmoid(theta), D = sigmoid(phi a), Q = log 2 + chi a, which is -log D at a = 0; gamma = 0.
        Equilibrium theta = log 3, phi = chi = 0: the discriminator cannot tell, so both actions pay alike.

    Shapes: three scalars.

    Reference: Ho and Ermon (2016), arXiv:1606.03476.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("gail").variables
        (phi, chi, theta)
    """
    return Instance(
        dims={"k": 1, "m": 1, "p": 1, "q": 1, "r": 1},
        networks={
            "D": lambda s, a, phi: sigmoid(phi[0] * a[0]),
            "Q": lambda s, a, chi: sp.log(2) + chi[0] * a[0],
        },
        laws={
            "rho": ([[0]], [1]),
            "expert": ([[0]], [1]),
            "pi": lambda s, theta: ([[0], [1]], [1 - sigmoid(theta[0]), sigmoid(theta[0])]),
            "pi_expert": lambda s: ([[0], [1]], [sp.Rational(1, 4), sp.Rational(3, 4)]),
            "P": lambda s, a: ([[s[0]]], [1]),
        },
        scalars={"gamma": sp.S.Zero},
    )


def guided_cost_learning() -> Game:
    """Guided cost learning: a cost under which demonstrations are likely, and a sampler that follows the cost.

    Math: demonstrations tau ~ demo, sampler q(tau, theta), cost c(tau, psi); cost: min_psi E_demo c(tau)
        + log E_{tau ~ q} exp(-c(tau))/q(tau), the negative log-likelihood of exp(-c)/Z with Z estimated by importance
        sampling; sampler: min_theta E_{tau ~ q} c(tau) - H(q).

    Shapes: psi in R^q, theta in R^p, trajectories in R^n, all symbolic.

    Reference: Finn, Levine, Abbeel (2016), arXiv:1603.00448, equations 1 to 3.

    Examples:
        >>> print(guided_cost_learning().cost("sampler"))
        E_tau[c(tau, psi) + log q(tau; theta)]
    """
    theta, psi, c = vector("theta", "p"), vector("psi", "q"), network("c")
    demo, law = random("tau_demo", data("demo", "n")), density("q", "n", theta)
    tau = random("tau", law)
    score = log_density(law, tau)
    mass = E(sp.exp(-c(tau, psi) - score), tau)
    players = {
        "cost": minimize(E(c(demo, psi), demo) + sp.log(mass), psi),
        "sampler": minimize(E(c(tau, psi) + score, tau), theta),
    }
    return Game(players, title="Guided cost learning", source="Finn, Levine, Abbeel 2016, arXiv:1603.00448")


def guided_cost_learning_instance() -> Instance:
    """Two trajectories, of which the second is demonstrated three times out of four.

    Math: c = -psi tau, q(1) = sigmoid(theta). Equilibrium psi = theta = log 3.

    Shapes: two scalars.

    Reference: Finn, Levine, Abbeel (2016), arXiv:1603.00448.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("guided_cost_learning").variables
        (psi, theta)
    """
    return Instance(
        dims={"n": 1, "p": 1, "q": 1},
        networks={"c": lambda tau, psi: -psi[0] * tau[0]},
        laws={
            "demo": ([[0], [1]], [sp.Rational(1, 4), sp.Rational(3, 4)]),
            "q": lambda theta: ([[0], [1]], [1 - sigmoid(theta[0]), sigmoid(theta[0])]),
        },
    )
