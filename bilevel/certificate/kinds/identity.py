"""Kind `identity`: two expressions are equal wherever both are defined and the assumptions hold.

Main definitions: `check`.
"""

from __future__ import annotations

from typing import Any

from bilevel.certificate.atoms import Field
from bilevel.certificate.errors import Result
from bilevel.certificate.evaluate import setting, value
from bilevel.certificate.trees import validate

KIND = "identity"
FIELDS = {"symbols": True, "assume": False, "example": False, "left": True, "right": True}


def check(certificate: dict[str, Any]) -> Result:
    """Both sides, as fractions over atoms, have the same normal form."""
    left, right = certificate["left"], certificate["right"]
    validate(left)
    validate(right)

    def same(field: Field) -> bool:
        return value(left, field).equals(value(right, field))

    if setting(certificate, same, defined=(left, right)):
        return Result(True, KIND)
    return Result(False, KIND, "the two sides could not be shown equal")
