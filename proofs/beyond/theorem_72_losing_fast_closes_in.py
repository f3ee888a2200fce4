"""Learning fast when losing closes in on the equilibrium, whatever the payoffs.

Gradient ascent in a 2 x 2 game with a mixed equilibrium and u v < 0 circles forever: along each orbit v a^2 - u b^2 is
conserved. With the rate l_min when winning and l_max when losing, each quarter turn conserves v l a^2 - u l' b^2 with
its own rates, and one turn multiplies every distance by (l_min/l_max)^2: it closes in iff l_min < l_max, and stays on
closed orbits iff they are equal. The rates jump on the axes, so the argument is the return map; nothing is
differentiated there.

Source: Bowling and Veloso (2002), doi 10.1016/S0004-3702(02)00121-2, theorem 6; Singh, Kearns, Mansour (2000).
"""

import sympy as sp

from bilevel.analysis import Proof, states, switching
from bilevel.models import SwitchingFlow, wolf_iga

SLOW, FAST = sp.symbols("l_min l_max", positive=True)
U, V = sp.symbols("u v", positive=True)


def general() -> SwitchingFlow:
    """The same flow for every u > 0 and payoffs of the other player with slope -v < 0."""
    rates = [(SLOW, FAST), (FAST, SLOW)] * 2
    return SwitchingFlow({}, tuple(sp.Matrix([[0, row * U], [-column * V, 0]]) for row, column in rates))


def conserved(matrix: sp.Matrix) -> bool:
    """Whether q a^2 - p b^2 is constant along a' = p b, b' = q a."""
    a, b = sp.symbols("a b", real=True)
    p, q = matrix[0, 1], matrix[1, 0]
    return sp.expand(2 * q * a * (p * b) - 2 * p * b * (q * a)) == 0


def prove() -> Proof:
    """The theorem with its evidence."""
    flow, pennies = general(), wolf_iga()
    verdict = switching(flow)
    factor = verdict.jacobian[0]
    claims = (
        states(
            "In each quadrant q a^2 - p b^2 is conserved.", all(map(conserved, flow.matrices)), note=str(flow.matrices)
        ),
        states(
            "One turn multiplies squared distances by (l_min/l_max)^4, for every u and v.",
            sp.cancel(factor - (SLOW / FAST) ** 4) == 0,
            note=f"the product of the four quarters: {factor}",
        ),
        states(
            "It closes in iff l_min < l_max, ...",
            verdict.condition == sp.StrictLessThan(SLOW, FAST),
            note=str(verdict.condition),
        ),
        states(
            "... and with equal rates (gradient ascent) every orbit is closed.",
            switching(wolf_iga(winning=1, losing=1)).verdict == "marginal",
            note="the factor is 1",
        ),
        states(
            "Matching pennies is the case u = 4, v = -4.",
            all(
                sp.Matrix(made).subs({U: 4, V: 4}) == sp.Matrix(given)
                for made, given in zip(flow.matrices, pennies.matrices, strict=True)
            ),
            note=str(pennies.matrices[0]),
        ),
    )
    return Proof(72, "Losing fast closes in", __doc__ or "", "Bowling and Veloso 2002", claims)
