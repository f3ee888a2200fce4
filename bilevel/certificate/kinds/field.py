"""Kind `field`: the field of a game is, variable by variable, the derivative of its owner's cost.

Main definitions: `check`.
"""

from __future__ import annotations

from typing import Any

from bilevel.certificate.atoms import Field
from bilevel.certificate.errors import CertificateError, Result
from bilevel.certificate.evaluate import setting, value
from bilevel.certificate.games import cost_slopes, order_of, players, standing
from bilevel.certificate.trees import validate

KIND = "field"
FIELDS = {"symbols": True, "assume": False, "example": False, "players": True, "field": True}


def check(certificate: dict[str, Any]) -> Result:
    """Differentiate each player's cost again and compare with the field claimed."""
    game, claimed = players(certificate["players"]), certificate["field"]
    order = order_of(game)
    if not isinstance(claimed, dict) or set(claimed) != set(order):
        raise CertificateError(f'"field" gives one expression to each of {", ".join(order)}')
    for tree in claimed.values():
        validate(tree)

    def wrong(field: Field) -> list[str]:
        slopes = cost_slopes(game, field, standing(field, order), order)
        return [name for name in order if not slopes[name].equals(value(claimed[name], field))]

    bad = setting(certificate, wrong)
    return Result(
        not bad, KIND, f"the derivative in {bad[0]} could not be shown equal to the one claimed" if bad else ""
    )
