"""Shared by the kinds `schur`, `hurwitz` and `spectrum`: a rational matrix and where its eigenvalues lie.

Main definitions: `verdict_of`.
"""

from __future__ import annotations

from typing import Any

from flint import fmpq_mat

from bilevel.certificate.errors import CertificateError, Result
from bilevel.certificate.spectra import characteristic_polynomial, count, semisimple
from bilevel.certificate.trees import rational

VERDICTS = ("stable", "marginal", "unstable")
FIELDS = {"matrix": True, "claim": True, "characteristic_polynomial": False, "boundary": False}


def polynomial_differs(certificate: dict[str, Any], a: fmpq_mat) -> str:
    """Why the characteristic polynomial claimed (highest power first) is wrong; empty when right or not claimed."""
    if "characteristic_polynomial" not in certificate:
        return ""
    claimed = certificate["characteristic_polynomial"]
    if not isinstance(claimed, list):
        raise CertificateError('"characteristic_polynomial" is a list of rationals, highest power first')
    p = characteristic_polynomial(a)
    found = [p[k] for k in range(p.degree(), -1, -1)]
    return "" if [rational(c) for c in claimed] == found else "the characteristic polynomial is another one"


def verdict_of(kind: str, certificate: dict[str, Any], a: fmpq_mat, shifted: fmpq_mat, time: str) -> Result:
    """Compare the claim about a matrix (shifted or scaled so that the boundary is the usual one) with the truth."""
    claim, boundary = certificate["claim"], certificate.get("boundary")
    if claim not in VERDICTS:
        raise CertificateError(f'"claim" is one of {", ".join(VERDICTS)}; came {claim!r}')
    if boundary not in (None, "semisimple", "jordan"):
        raise CertificateError(f'"boundary" is "semisimple" or "jordan"; came {boundary!r}')
    wrong = polynomial_differs(certificate, a)
    if wrong:
        return Result(False, kind, wrong)
    p = characteristic_polynomial(shifted)
    counts = count(p, time)
    if counts.verdict != claim:
        return Result(False, kind, f"the matrix is {counts.verdict}: {counts}")
    if boundary is not None:
        found = "none" if not counts.on else "semisimple" if semisimple(shifted, p, time) else "jordan"
        if found != boundary:
            return Result(False, kind, f"the eigenvalues on the boundary are of another sort: {found}")
    return Result(True, kind)
