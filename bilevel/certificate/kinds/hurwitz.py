"""Kind `hurwitz`: a rational matrix, read as a flow z' = A z, is stable, marginal or unstable.

The boundary is the imaginary axis, or the line Re = "abscissa" (so a rate of decay can be certified).
Main definitions: `check`.
"""

from __future__ import annotations

from typing import Any

from bilevel.certificate.errors import Result
from bilevel.certificate.kinds._stability import FIELDS as STABILITY_FIELDS
from bilevel.certificate.kinds._stability import verdict_of
from bilevel.certificate.spectra import identity, matrix
from bilevel.certificate.trees import rational

KIND = "hurwitz"
FIELDS = {**STABILITY_FIELDS, "abscissa": False}


def check(certificate: dict[str, Any]) -> Result:
    """Count the eigenvalues left of, on and right of the line exactly."""
    a, shift = matrix(certificate["matrix"]), rational(certificate.get("abscissa", "0"))
    return verdict_of(KIND, certificate, a, a - shift * identity(a.nrows()), "continuous")
