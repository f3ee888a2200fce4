"""Kind `spectrum`: how many eigenvalues of a rational matrix lie inside, on and outside the stability boundary.

Main definitions: `check`.
"""

from __future__ import annotations

from typing import Any

from bilevel.certificate.errors import CertificateError, Result
from bilevel.certificate.kinds._stability import polynomial_differs
from bilevel.certificate.spectra import Counts, characteristic_polynomial, count, matrix, semisimple, time_of

KIND = "spectrum"
FIELDS = {
    "time": True,
    "matrix": True,
    "inside": True,
    "on": True,
    "outside": True,
    "semisimple": False,
    "characteristic_polynomial": False,
}


def check(certificate: dict[str, Any]) -> Result:
    """Count again; "semisimple" says whether the eigenvalues on the boundary have full sets of eigenvectors."""
    time, a = time_of(certificate), matrix(certificate["matrix"])
    claimed = [certificate[name] for name in ("inside", "on", "outside")]
    if any(type(k) is not int for k in claimed) or type(certificate.get("semisimple", True)) is not bool:
        raise CertificateError('"inside", "on", "outside" are whole numbers and "semisimple" is true or false')
    wrong = polynomial_differs(certificate, a)
    if wrong:
        return Result(False, KIND, wrong)
    p = characteristic_polynomial(a)
    counts = count(p, time)
    if counts != Counts(*claimed):
        return Result(False, KIND, f"there are {counts}")
    if "semisimple" in certificate and semisimple(a, p, time) != certificate["semisimple"]:
        return Result(False, KIND, "the Jordan blocks on the boundary are not as claimed")
    return Result(True, KIND)
