"""What curvatures say of an equilibrium of gains, exactly or in balls.

Main definition: `kind_of`.
"""

from __future__ import annotations

from typing import Any

NASH, NO_NASH = "Nash (strict)", "critical, not Nash"


def kind_of(loop: Any) -> str:
    """What the curvatures say of an equilibrium."""
    answers = {_definite(loop.curvature(i)) for i in range(len(loop.B))}
    return NO_NASH if "negative" in answers else "undecided" if None in answers else NASH


def _definite(M: Any) -> str | None:
    """ "positive" definite, "negative" where an eigenvalue is, None where neither is proved.

    A symmetric matrix has real eigenvalues: all positive iff the coefficients of det(z - M) alternate strictly, and
    one is negative only if some coefficient has the other sign (Descartes).
    """
    coefficients = list(M.charpoly())
    n = len(coefficients) - 1
    signed = [c if (n - k) % 2 == 0 else -c for k, c in enumerate(coefficients)]
    if all(c > 0 for c in signed):
        return "positive"
    return "negative" if any(c < 0 for c in signed) else None
