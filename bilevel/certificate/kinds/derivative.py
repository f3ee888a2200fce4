"""Kind `derivative`: one expression is the partial derivative of another, wherever that one is differentiable.

Main definitions: `check`.
"""

from __future__ import annotations

from typing import Any

from bilevel.certificate.atoms import Field
from bilevel.certificate.errors import CertificateError, Result
from bilevel.certificate.evaluate import gradient, setting, value
from bilevel.certificate.trees import is_name, validate

KIND = "derivative"
FIELDS = {"symbols": True, "assume": False, "example": False, "of": True, "in": True, "is": True}


def check(certificate: dict[str, Any]) -> Result:
    """Differentiate again by the rules of a first course, and compare."""
    function, variable, claim = certificate["of"], certificate["in"], certificate["is"]
    validate(function)
    validate(claim)
    if not is_name(variable):
        raise CertificateError(f'"in" names the symbol differentiated in; came {variable!r}')

    def same(field: Field) -> bool:
        return gradient(function, field, [variable])[0].equals(value(claim, field))

    if setting(certificate, same, defined=(function, claim)):
        return Result(True, KIND)
    return Result(False, KIND, f"the derivative in {variable} could not be shown equal to the expression claimed")
