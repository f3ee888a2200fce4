"""Guided cost learning matches expectations.

For costs and samplers of any form the gradient of the cost is the difference of two averages of its slope: over the
demonstrations, and over the sampler's trajectories weighed by exp(-c)/q. The best sampler under its own loss is the
Gibbs law exp(-c)/Z, at which those weights are all equal to Z: the estimate of Z is then exact. On two trajectories the
equilibrium is the maximum-likelihood cost, and its flow is stable.

Source: Finn, Levine, Abbeel (2016), arXiv:1603.00448, section 4; Ziebart et al. (2008), maximum entropy inverse
reinforcement learning.
"""

import sympy as sp

from bilevel.analysis import Proof, equilibria, refutes, shows, stability, states
from bilevel.language import E, density, gradient, instantiate, log_density, network, random, substitute, vector
from bilevel.language.constrained import best_density
from bilevel.language.functions import in_exponentials
from bilevel.language.laws import data
from bilevel.models import guided_cost_learning, guided_cost_learning_instance, instance


def moments():
    """E_demo dc - E_q[w dc]/E_q[w] with w = exp(-c)/q, and without the weights."""
    psi, theta, c = vector("psi", "q"), vector("theta", "p"), network("c")
    demo, law = random("tau_demo", data("demo", "n")), density("q", "n", theta)
    tau, place = random("tau", law), vector("place", "n")
    slope = gradient(c(place, psi), psi)
    weight = sp.exp(-c(tau, psi) - log_density(law, tau))
    shown, made = (substitute(slope, {place: x}) for x in (demo, tau))
    plain = E(shown, demo) - E(made, tau)
    return E(shown, demo) - (1 / E(weight, tau)) * E(weight * made, tau), plain, psi


def prove() -> Proof:
    """The theorem with its evidence."""
    weighed, plain, psi = moments()
    field = guided_cost_learning().field()[psi]
    cost, q = sp.Symbol("c", real=True), sp.Symbol("q", positive=True)
    best = best_density(q * cost + q * sp.log(q), q, sense="min", pointwise=[cost])
    game = instance("guided_cost_learning")
    found = equilibria(game)
    verdict = stability(game, at=found.points[0].point).verdict
    gap = instantiate(weighed - plain, guided_cost_learning_instance())[0]
    apart = sp.nsimplify(in_exponentials(gap.subs(dict(zip(game.variables, (1, 0), strict=True)))))
    claims = (
        shows("The cost's gradient is a difference of two averages of its slope.", field, weighed),
        refutes("Without the weights it is another: a random cost and a normal sampler tell.", field, plain),
        states("On two trajectories too.", apart != 0, note=f"by {apart} at psi = 1"),
        states(
            "The best sampler is exp(-c)/Z, at which every weight exp(-c)/q is Z.",
            best.shape == sp.exp(-cost) and sp.expand(sp.exp(-cost) / best.value - best.normaliser) == 0,
            trace=best.trace,
        ),
        states(
            "On two trajectories the equilibrium is the maximum-likelihood cost, log 3.",
            found.complete and [list(e.point.values()) for e in found.points] == [[sp.log(3), sp.log(3)]],
            note=str(found.points[0]),
        ),
        states("Its flow is stable.", verdict == "stable", note=verdict),
    )
    return Proof(56, "Guided costs match expectations", __doc__ or "", "Finn, Levine, Abbeel 2016", claims)
