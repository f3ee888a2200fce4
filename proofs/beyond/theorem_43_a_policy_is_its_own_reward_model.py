"""A policy is its own reward model.

Against any reward r the best policy under beta KL(pi || pi_ref) is the Gibbs policy pi_ref exp(r/beta)/Z, and its value
is beta log Z. Solved for the reward, r = beta log(pi/pi_ref) + beta log Z; in the loss of Bradley and Terry only
differences at one prompt count, so Z drops out, and the reward model's loss at r = beta log(pi/pi_ref) is the loss of
direct preference optimisation, for policies of any form. On two responses the equilibrium of the game of reward model
and policy and the minimum of that one loss are one policy, and both are stable.

Source: Rafailov et al. (2023), arXiv:2305.18290, equations 4 to 7 and theorem 1; Bradley and Terry (1952),
doi:10.2307/2334029.
"""

import sympy as sp

from bilevel.analysis import Proof, equilibria, refutes, shows, stability, states
from bilevel.language import density, log_density, random, sigmoid, vector
from bilevel.language.constrained import best_density
from bilevel.language.laws import data
from bilevel.models import direct_preference, instance, preference_game

BETA = sp.Symbol("beta", positive=True)


def own_reward(shift=0):
    """The reward model's loss with r(x, y) = beta log(pi/pi_ref) + a function of the prompt in place of r."""
    x, theta = random("x", data("p_x", "k")), vector("theta", "p")

    def reward(prompt, response, weights):
        ratio = log_density(density("pi", "n", prompt, theta), response) - log_density(
            density("pi_ref", "n", prompt), response
        )
        return BETA * ratio + shift

    loss = preference_game().cost("reward_model")
    assert x in loss.atoms(type(x))
    return loss.replace(
        lambda part: str(getattr(part, "network", "")) == "r" and hasattr(part, "arguments"),
        lambda part: reward(*part.arguments),
    )


def gibbs():
    """The best policy pointwise, its value, and the probability of the first of two responses under Bradley-Terry."""
    reward, beta = sp.Symbol("r", real=True), BETA
    policy, reference = sp.symbols("pi pi_ref", positive=True)
    problem = policy * reward - beta * policy * sp.log(policy / reference)
    return best_density(problem, policy, sense="max", pointwise=[reward, reference]), reward, reference


def prove() -> Proof:
    """The theorem with its evidence."""
    best, reward, reference = gibbs()
    Z, other, first, second = sp.symbols("Z r_other pi_ref_1 pi_ref_2", positive=True)
    inverted = BETA * sp.log(reference * sp.exp(reward / BETA) / Z / reference) + BETA * sp.log(Z)
    ratio = [BETA * sp.log(ref * sp.exp(r / BETA) / Z / ref) for ref, r in ((first, reward), (second, other))]
    gap = sp.expand(sp.expand_log(ratio[0] - ratio[1], force=True))
    games = [instance(name) for name in ("preference_game", "direct_preference")]
    found = [equilibria(game) for game in games]
    ends = [[e.point[game.variables[-1]] for e in f.points] for game, f in zip(games, found, strict=True)]
    verdicts = [stability(game, at=f.points[0].point).verdict for game, f in zip(games, found, strict=True)]
    target = sp.log(3) / BETA
    claims = (
        states(
            "The best policy is pi_ref exp(r/beta)/Z, and its value beta log Z.",
            sp.cancel(best.shape / (reference * sp.exp(reward / BETA))) == 1
            and sp.expand(best.optimum - BETA * sp.log(best.normaliser)) == 0,
            trace=best.trace,
        ),
        states(
            "Solved for the reward: r = beta log(pi/pi_ref) + beta log Z.",
            sp.expand(sp.expand_log(inverted, force=True) - reward) == 0,
            note="every factor is positive",
        ),
        states("In differences at one prompt Z drops out.", sp.expand(gap - (reward - other)) == 0, note=str(gap)),
        shows("The reward model's loss at that reward is DPO's.", own_reward(), direct_preference().cost("policy")),
        shows("A function of the prompt alone changes nothing.", own_reward(sp.log(Z)), own_reward()),
        refutes("At twice that reward it is not.", _doubled(), direct_preference().cost("policy")),
        states(
            "On two responses the game and the one loss have one policy, log(3)/beta, and no other.",
            all(f.complete for f in found) and ends == [[target], [target]],
            note=f"sigmoid of it at beta = 1 is {sigmoid(sp.log(3))}",
        ),
        states("Both are stable, for every beta.", verdicts == ["stable"] * 2, note=", ".join(verdicts)),
    )
    return Proof(43, "A policy is its own reward model", __doc__ or "", "Rafailov et al. 2023, theorem 1", claims)


def _doubled():
    return own_reward().subs(BETA, 2 * BETA)
