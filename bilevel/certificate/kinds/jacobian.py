"""Kind `jacobian`: the matrix of partial derivatives of a map or field, at a stated point or where it stands.

With "time" the point is also shown to be an equilibrium: T(z) = z in discrete time, f(z) = 0 in continuous time.
Main definitions: `check`.
"""

from __future__ import annotations

from typing import Any

from bilevel.certificate.atoms import Field
from bilevel.certificate.errors import CertificateError, Result
from bilevel.certificate.evaluate import evaluate, setting, value
from bilevel.certificate.games import names, point, rows, standing, trees
from bilevel.certificate.spectra import time_of

KIND = "jacobian"
FIELDS = {
    "symbols": True,
    "assume": False,
    "example": False,
    "order": True,
    "functions": True,
    "rows": True,
    "at": False,
    "time": False,
}


def check(certificate: dict[str, Any]) -> Result:
    """Differentiate every function again and compare entry by entry."""
    order = names(certificate["order"])
    functions = trees(certificate["functions"], len(certificate["functions"]))
    claimed = rows(certificate["rows"], len(functions), len(order))
    at = point(certificate.get("at", {}), order)
    time = time_of(certificate) if "time" in certificate else None
    if time and len(functions) != len(order):
        raise CertificateError("an equilibrium needs as many functions as variables")

    def wrong(field: Field) -> str:
        place = standing(field, order, at)
        for i, function in enumerate(functions):
            here = evaluate(function, field, place, len(order))
            target = place[order[i]].value if time == "discrete" else field.zero
            if time and not here.value.equals(target):
                return f"the point could not be shown to be an equilibrium (function {i + 1})"
            for j, slope in enumerate(here.slopes):
                if not slope.equals(value(claimed[i][j], field)):
                    return f"the entry in row {i + 1}, column {j + 1} could not be shown equal to the derivative"
        return ""

    why = setting(certificate, wrong)
    return Result(not why, KIND, why)
