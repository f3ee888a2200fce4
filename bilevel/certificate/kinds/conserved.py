"""Kind `conserved`: a quantity keeps its value under a map (V(T(z)) = V(z)) or along a flow (grad V . f = 0).

Main definitions: `check`.
"""

from __future__ import annotations

from typing import Any

from bilevel.certificate.atoms import Field
from bilevel.certificate.errors import Result
from bilevel.certificate.evaluate import Dual, evaluate, setting, value
from bilevel.certificate.games import names, standing, trees
from bilevel.certificate.spectra import time_of
from bilevel.certificate.trees import validate

KIND = "conserved"
FIELDS = {
    "symbols": True,
    "assume": False,
    "example": False,
    "time": True,
    "order": True,
    "functions": True,
    "quantity": True,
}


def check(certificate: dict[str, Any]) -> Result:
    """The quantity is not constant, and its change is zero as an identity."""
    time, order = time_of(certificate), names(certificate["order"])
    functions, quantity = trees(certificate["functions"], len(order)), certificate["quantity"]
    validate(quantity)

    def wrong(field: Field) -> str:
        here = evaluate(quantity, field, standing(field, order), len(order))
        if all(slope.is_zero() for slope in here.slopes):
            return "the quantity is constant in every variable, which says nothing"
        after = [value(tree, field) for tree in functions]
        if time == "discrete":
            moved = evaluate(quantity, field, {n: Dual(v) for n, v in zip(order, after)}, 0).value
            change = moved - here.value
        else:
            change = sum((s * v for s, v in zip(here.slopes, after)), field.zero)
        return "" if change.is_zero() else "the quantity could not be shown to be conserved"

    why = setting(certificate, wrong)
    return Result(not why, KIND, why)
