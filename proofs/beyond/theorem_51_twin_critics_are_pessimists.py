"""Twin critics are pessimists.

With two critics that agree TD3's first critic learns as DDPG's: the smaller of two equal values is that value. On the
quadratic process with a second critic that is lower wherever something is done, the target believes the second at
every next state, and the one fixed point is theta = 1 instead of DDPG's 4/3: less control than is optimal. The flow is
stable there, and near that point the minimum has no kink. The delay of actor and copies keeps the point and allows
larger steps.

Source: Fujimoto, van Hoof, Meger (2018), arXiv:1802.09477, section 4.
"""

from dataclasses import replace

import sympy as sp

from bilevel.analysis import Proof, equilibria, stability, states
from bilevel.language import instantiate
from bilevel.models import ddpg, ddpg_instance, delayed_updates, instance, td3, td3_instance
from bilevel.rules import simultaneous


def twins():
    """The gradients of the first critic of TD3, both critics alike and at one place, and of DDPG's critic."""
    base = ddpg_instance()
    world = replace(td3_instance(), dims={**base.dims, "q_2": 2})
    world = replace(world, networks={**world.networks, "Q_2": base.networks["Q"]})
    game, plain = instantiate(td3(), world), instantiate(ddpg(), base)
    names = {str(v): v for v in game.variables}
    same = {names[f"chi{part}_{k}"]: names[f"phi{part}_{k}"] for part in ("", "_copy") for k in (1, 2)}
    ours, theirs = game.field(), plain.field()
    return [(ours[names[f"phi_{k}"]].xreplace(same), theirs[sp.Symbol(f"phi_{k}", real=True)]) for k in (1, 2)]


def delay(game, point):
    """The claim about delayed updates."""
    plain, slow = simultaneous(sp.Rational(9, 10)), delayed_updates(simultaneous(sp.Rational(9, 10)))
    verdicts = [stability(game, rule, at=point) for rule in (plain, slow)]
    return states(
        "At step 9/10 it is unstable with everybody moving, and stable with TD3's delay of two.",
        [(v.verdict, v.known) for v in verdicts] == [("unstable", "exact"), ("stable", "exact")],
        note="a round of two steps, in the first of which only the critics move",
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    game = instance("td3")
    found = equilibria(game)
    (point,) = [e.point for e in found.points]
    verdict = stability(game, at=point)
    plain = instance("ddpg")
    controls = [e.point[plain.variables[2]] for e in equilibria(plain).points]
    s, a = sp.symbols("s a", real=True, nonzero=True)
    gap = (s * a - a**2 / 2) - (s * a - a**2)
    claims = (
        states(
            "With critics that agree the first critic's gradient is DDPG's.",
            all(sp.expand(one - other) == 0 for one, other in twins()),
            note="on the quadratic process, at every place",
        ),
        states(
            "The one fixed point is at theta = 1.",
            found.complete and point[game.variables[3]] == 1,
            note="solved in two cases, one for each critic that may be the smaller",
        ),
        states("There Q_1 - Q_2 = a^2/2 > 0 wherever a is not 0.", bool(gap.is_positive), note=str(sp.expand(gap))),
        states(
            "The flow is stable there.", verdict.verdict == "stable" and verdict.known == "exact", note=str(verdict)
        ),
        delay(game, point),
        states(
            "DDPG's control there is more, 4/3.",
            min(controls) == sp.Rational(4, 3) > point[game.variables[3]],
            note=f"its fixed points: {controls}",
        ),
    )
    return Proof(51, "Twin critics are pessimists", __doc__ or "", "Fujimoto et al. 2018, section 4", claims)
