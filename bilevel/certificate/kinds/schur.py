"""Kind `schur`: a rational matrix, read as a map z -> A z, is stable, marginal or unstable.

The boundary is the unit circle, or the circle of the stated "radius" (so a rate of convergence can be certified).
Main definitions: `check`.
"""

from __future__ import annotations

from typing import Any

from bilevel.certificate.errors import CertificateError, Result
from bilevel.certificate.kinds._stability import FIELDS as STABILITY_FIELDS
from bilevel.certificate.kinds._stability import verdict_of
from bilevel.certificate.spectra import matrix
from bilevel.certificate.trees import rational

KIND = "schur"
FIELDS = {**STABILITY_FIELDS, "radius": False}


def check(certificate: dict[str, Any]) -> Result:
    """Count the eigenvalues inside, on and outside the circle exactly."""
    a, radius = matrix(certificate["matrix"]), rational(certificate.get("radius", "1"))
    if radius <= 0:
        raise CertificateError(f'"radius" is a positive rational; came {certificate["radius"]}')
    return verdict_of(KIND, certificate, a, a / radius, "discrete")
