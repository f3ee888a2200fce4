"""Stability where a learner switches its rate: the return map of a planar flow, never a derivative across the switch.

Main definitions: `switching`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.verdict import Verdict, unknown


def switching(flow: Any) -> Verdict:
    """Whether a flow that switches between quadrants spirals in, from the exact map of one turn.

    Math: where M = [[0, p], [q, 0]] with p q < 0, q z_1^2 - p z_2^2 is conserved, so a quadrant entered at distance d
        on one axis is left at d sqrt(-q/p) (from z_1 to z_2) or d sqrt(-p/q). If all four turn the same way the axes
        are crossed (both fields point the same way across each), and one turn multiplies every distance by the product
        of the four. The verdict is on that factor, per turn; asymptotic stability, exponential in turns.

    Shapes: a `SwitchingFlow`: its four matrices.

    Reference: Bowling and Veloso (2002), doi 10.1016/S0004-3702(02)00121-2, lemmas 3 and 4.

    Examples:
        >>> from bilevel.models import wolf_iga
        >>> switching(wolf_iga()).condition
        l_min < l_max
    """
    matrices, blank = flow.matrices, sp.zeros(1)
    if any(M[0, 0] != 0 or M[1, 1] != 0 for M in matrices):
        return unknown("a quadrant's flow is no centre, so it is not left after a known ratio", blank, "discrete")
    # d z_2/dt = q z_1 on the axis z_2 = 0, so q > 0 turns anticlockwise, and p < 0 with it.
    turns = [(M[0, 1], M[1, 0]) for M in matrices]
    anticlockwise = all(q.is_positive and p.is_negative for p, q in turns)
    clockwise = all(q.is_negative and p.is_positive for p, q in turns)
    if not (anticlockwise or clockwise):
        reason = "the quadrants are not known to turn the same way, so no turn returns; give parameters their signs"
        return unknown(reason, blank, "discrete")
    squared = sp.S.One
    for place, (p, q) in enumerate(turns):
        from_first = (place % 2 == 0) == anticlockwise  # quadrants 1 and 3 are entered on the first axis
        squared *= -q / p if from_first else -p / q
    # The factor of one turn is sqrt(squared): below 1 exactly when squared is.
    return analyse(sp.Matrix([[sp.cancel(squared)]]), time="discrete")
