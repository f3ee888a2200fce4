"""Kind `lyapunov`: a quadratic form V(z) = z' P z proves a linear flow or map exponentially stable.

Math: P > 0 with P A + A' P < 0 (flow) or A' P A - P < 0 (map), entries rational or expressions in parameters. With a
    "rate" s the claim is Re(eigenvalues) < -s for a flow (A + s I is used), |eigenvalues| < s for a map (A / s).
Main definitions: `check`.
"""

from __future__ import annotations

from typing import Any

from bilevel.certificate.atoms import Element, Field
from bilevel.certificate.definite import definite, symmetric
from bilevel.certificate.errors import CertificateError, Result
from bilevel.certificate.evaluate import setting, value
from bilevel.certificate.games import MAX_VARIABLES, rows
from bilevel.certificate.signs import POSITIVE
from bilevel.certificate.spectra import time_of
from bilevel.certificate.trees import Tree, validate

KIND = "lyapunov"
FIELDS = {"symbols": False, "assume": False, "example": False, "time": True, "matrix": True, "P": True, "rate": False}


def check(certificate: dict[str, Any]) -> Result:
    """P and the decrease are positive definite: exact pivots, their signs evident under the assumptions."""
    time, n = time_of(certificate), len(certificate["matrix"])
    if not 0 < n <= MAX_VARIABLES:
        raise CertificateError(f"the matrix has 1 to {MAX_VARIABLES} rows")
    a, p = rows(certificate["matrix"], n, n), rows(certificate["P"], n, n)
    rate: Tree = certificate.get("rate")
    if rate is not None:
        validate(rate)

    def wrong(field: Field) -> str:
        big_a = [[value(t, field) for t in row] for row in a]
        big_p = [[value(t, field) for t in row] for row in p]
        if rate is not None:
            speed = value(rate, field)
            if time == "discrete" and field.sign(speed) != POSITIVE:
                return "the rate of a map must be positive"
            big_a = [[_shift(x, speed, i == j, time) for j, x in enumerate(row)] for i, row in enumerate(big_a)]
        if not symmetric(big_p) or not definite(big_p, field):
            return "P could not be shown symmetric and positive definite"
        if not definite(_decrease(big_a, big_p, field, time), field):
            return "the decrease of V could not be shown positive definite"
        return ""

    why = setting({"symbols": {}, **certificate}, wrong)
    return Result(not why, KIND, why)


def _shift(entry: Element, speed: Element, diagonal: bool, time: str) -> Element:
    if time == "discrete":
        return entry / speed
    return entry + speed if diagonal else entry


def _decrease(a: list[list[Element]], p: list[list[Element]], field: Field, time: str) -> list[list[Element]]:
    size = range(len(a))
    pa = [[sum((p[i][k] * a[k][j] for k in size), field.zero) for j in size] for i in size]
    if time == "continuous":
        return [[-(pa[i][j] + pa[j][i]) for j in size] for i in size]
    return [[p[i][j] - sum((a[k][i] * pa[k][j] for k in size), field.zero) for j in size] for i in size]
