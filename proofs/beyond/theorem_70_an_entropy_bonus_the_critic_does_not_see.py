"""An entropy bonus that the critic does not see breaks symmetry at high discounts.

Two states alike: stay, for a reward c, or move. Actor-critic with an entropy bonus of weight beta settles at logits
c/beta. If the bonus is the actor's alone (as in A3C), leaning towards one state raises that state's value, which pulls
further: the flow is stable iff gamma (t + x (1 - t^2)/2) < 1, x = c/beta, t = tanh(x/2), and this fails for gamma near
1 where x is near 3/2. If the critic counts the bonus as reward, its values are stationary in the policy (the envelope
theorem), the Jacobian is block triangular, and the flow is stable at every discount below 1.

Source: derived here; the bonus is that of Mnih et al. (2016), arXiv:1602.01783, soft values those of Haarnoja et al.
(2017), arXiv:1702.08165.
"""

import sympy as sp

from bilevel.analysis import Proof, stability, states
from bilevel.language.functions import sigmoid
from bilevel.models import two_state_actor_critic, two_state_equilibrium

GAMMA, BETA, REWARD = sp.symbols("gamma beta c", positive=True)


def verdict(values: str):
    """The flow's verdict at the symmetric equilibrium."""
    return stability(two_state_actor_critic(values=values), at=two_state_equilibrium(values=values))


def margin(condition) -> sp.Expr:
    """left - right of the condition with sigmoid(c/beta) = (1 + t)/2, divided by beta."""
    t, x = sp.symbols("t x", positive=True)
    strict = condition.gts - condition.lts
    return sp.expand(strict.subs(sigmoid(REWARD / BETA), (1 + t) / 2).subs(REWARD, x * BETA) / BETA)


def prove() -> Proof:
    """The theorem with its evidence."""
    plain, soft = verdict("plain"), verdict("soft")
    t, x = sp.symbols("t x", positive=True)
    claimed = 1 - GAMMA * (t + x * (1 - t**2) / 2)
    game, at = two_state_actor_critic(values="soft"), two_state_equilibrium(values="soft")
    block = game.jacobian(of="critic", wrt="actor").subs(at)
    numbers = {BETA: 1, REWARD: sp.Rational(3, 2), GAMMA: sp.Rational(99, 100)}
    unstable = stability(
        two_state_actor_critic(discount=numbers[GAMMA], entropy_weight=1, stay_reward=numbers[REWARD]),
        at=two_state_equilibrium(discount=numbers[GAMMA], entropy_weight=1, stay_reward=numbers[REWARD]),
    )
    claims = (
        states(
            "The bonus the actor's alone: stable iff gamma (t + x (1 - t^2)/2) < 1.",
            sp.expand(margin(plain.condition) - claimed) == 0,
            note=f"the engine's condition: {plain.condition}",
        ),
        states(
            "At c/beta = 3/2 and gamma = 99/100 the equilibrium is unstable.",
            unstable.verdict == "unstable",
            note=f"known: {unstable.known}; characteristic polynomial {unstable.characteristic_polynomial}",
        ),
        states(
            "Soft values: the critic's gradient does not move with the policy at the equilibrium, ...",
            all(sp.cancel(sp.together(entry)) == 0 for entry in block),
            note="the block of the critic's rows and the actor's columns is zero",
        ),
        states("... and the flow is stable at every discount below 1.", soft.verdict == "stable", note=str(soft)),
    )
    return Proof(70, "An entropy bonus the critic does not see", __doc__ or "", "derived here", claims)
