"""The levels of a hierarchy meet in the data they make, and nowhere else.

In hierarchical Q-learning no gradient runs between controller and meta-controller, for value functions and choices of
any form. Each level's mean gradient still depends on the other's weights, through the law of the goals and of the
actions. Where goals are drawn without regard to the meta-controller's weights the controller's row of the Jacobian has
no entry for them. The maxima in the targets are no detail: on the small process the greedy controller counts on
reaching its goal again for ever, one that draws its next action does not.

Source: Kulkarni, Narasimhan, Saeedi, Tenenbaum (2016), arXiv:1604.06057.
"""

import sympy as sp

from bilevel.analysis import Proof, equilibria, information_structure, stability, states
from bilevel.language import density, random
from bilevel.models import h_dqn, instance


def with_free_goals():
    """The same game with goals that no weights decide."""
    game = h_dqn()

    def change(loss):
        goals = {v for v in loss.atoms(sp.MatrixSymbol) if getattr(getattr(v, "law", None), "name", "") == "mu"}
        return loss.xreplace({g: random(g.name, density("mu", "d", g.law.parameters[0])) for g in goals})

    return game.map_losses(change)


def greedy():
    """The claim about maxima in the targets: what the controller expects beside the present goal."""
    values = []
    for choices in (2, None):
        game = instance("h_dqn", choices=choices)
        found = equilibria(game)
        (point,) = [e.point for e in found.points]
        verdict = stability(game, at=point)
        values.append((found.complete, verdict.verdict, verdict.known, point[game.variables[1]]))
    # E over the goals is 0; with gamma = 1/2 reaching the goal at every later step is worth 1/2 + 1/4 + ... = 1.
    return states(
        "With the maximum the controller's value of what comes later is 1, without it 0; the flow is stable at both.",
        values == [(True, "stable", "exact", 1), (True, "stable", "exact", 0)],
        note="the one equilibrium each, away from the kink of the maximum",
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    low, high = "controller", "meta_controller"
    game, free = h_dqn(), with_free_goals()
    gradients = [e for e in information_structure(game).edges if e.kind == "gradient"]
    coupled = game.jacobian(of=low, wrt=high), game.jacobian(of=high, wrt=low)
    claims = (
        states("No gradient runs between the levels.", not gradients, note="the diagram has no gradient edge"),
        states(
            "Each level's mean gradient depends on the other's weights all the same.",
            not any(isinstance(block, sp.ZeroMatrix) for block in coupled),
            note="neither block of the Jacobian is zero: the laws of goals and actions move",
        ),
        states(
            "Where goals regard no weights the controller does not feel the meta-controller.",
            isinstance(free.jacobian(of=low, wrt=high), sp.ZeroMatrix),
            note="the block is zero",
        ),
        greedy(),
    )
    return Proof(60, "Levels meet in the data", __doc__ or "", "Kulkarni et al. 2016", claims)
