"""Kind `correspondence`: two games are related through a substitution; or a list of certificates proves a statement.

Form 1, with "relation": the map gives each variable of the first game in those of the second; it is put into the first
game's losses, which are differentiated in the second's variables. Player by player, in the order listed,
`identical`: the costs are equal; `equal-fields`: their derivatives are equal; `constant`: those of the first are one
positive constant times those of the second; `constant-per-player`: one constant each; `function`: a positive function.
Form 2, with "parts": each is a certificate of its own (that together they mean the statement is for people to see).
Main definitions: `check`.
"""

from __future__ import annotations

from typing import Any

from bilevel.certificate.atoms import Field
from bilevel.certificate.errors import CertificateError, Result
from bilevel.certificate.evaluate import Dual, evaluate, setting, value
from bilevel.certificate.games import Player, order_of, players, standing
from bilevel.certificate.signs import POSITIVE
from bilevel.certificate.trees import Tree, validate

KIND = "correspondence"
FIELDS = {
    "symbols": False,
    "assume": False,
    "example": False,
    "relation": False,
    "first": False,
    "second": False,
    "map": False,
    "factors": False,
    "parts": False,
}
RELATIONS = ("identical", "equal-fields", "constant", "constant-per-player", "function")
MAX_PARTS = 200


def check(certificate: dict[str, Any]) -> Result:
    """Form 1: differentiate and compare again. Form 2: check every part."""
    if "parts" in certificate:
        if set(certificate) - {"kind", "parts", "statement", "source", "note"}:
            raise CertificateError(
                'a correspondence has either "parts" or "relation", "first", "second", "map", not both'
            )
        return _parts(certificate["parts"])
    for name in ("symbols", "relation", "first", "second", "map"):
        if name not in certificate:
            raise CertificateError(f"a correspondence of two games needs the field {name!r}")
    return _games(certificate)


def _parts(parts: Any) -> Result:
    from bilevel.certificate.checker import check as check_any  # the dispatcher loads this file, so not at the top

    if not isinstance(parts, list) or not 0 < len(parts) <= MAX_PARTS:
        raise CertificateError(f'"parts" is a list of 1 to {MAX_PARTS} certificates')
    rests: list[str] = []
    for number, part in enumerate(parts, 1):
        if isinstance(part, dict) and "parts" in part:
            raise CertificateError("parts are not nested")
        result = check_any(part)
        if not result.ok:
            return Result(False, KIND, f"part {number} ({result.kind}): {result.why}")
        rests.extend(f"part {number}: {text}" for text in result.rests_on)
    return Result(True, KIND, rests_on=tuple(rests))


def _games(certificate: dict[str, Any]) -> Result:
    first, second, relation = players(certificate["first"]), players(certificate["second"]), certificate["relation"]
    if relation not in RELATIONS:
        raise CertificateError(f'"relation" is one of {", ".join(RELATIONS)}; came {relation!r}')
    if len(first) != len(second):
        raise CertificateError("the games have different numbers of players")
    substitution, order = certificate["map"], order_of(second)
    if not isinstance(substitution, dict) or set(substitution) != set(order_of(first)):
        raise CertificateError(f'"map" gives one expression to each of {", ".join(order_of(first))}')
    for tree in substitution.values():
        validate(tree)
    factors = _factors(certificate, relation, second)

    def wrong(field: Field) -> str:
        place = standing(field, order)
        image = {name: evaluate(tree, field, place, len(order)) for name, tree in substitution.items()}
        why = _degenerate(image, field)
        for ours, theirs, factor in zip(first, second, factors):
            why = why or _compare(relation, ours, theirs, factor, field, place, image)
        return why

    why = setting(certificate, wrong)
    return Result(not why, KIND, why)


def _factors(certificate: dict[str, Any], relation: str, second: tuple[Player, ...]) -> list[Tree]:
    """One positive factor per player: a list for constant-per-player, else one expression for all."""
    given = certificate.get("factors")
    if (given is None) != (relation in ("identical", "equal-fields")):
        raise CertificateError('"factors" is given exactly for constant, constant-per-player and function')
    if relation != "constant-per-player":
        given = [given if given is not None else "1"] * len(second)
    if not isinstance(given, list) or len(given) != len(second):
        raise CertificateError('"factors" is one expression, or for constant-per-player one per player')
    for tree in given:
        validate(tree)
    return list(given)


def _degenerate(image: dict[str, Dual], field: Field) -> str:
    """The map must be invertible to first order: else it forgets variables, and any two games would correspond."""
    rows = [list(dual.slopes) for dual in image.values()]
    rank, width = 0, len(rows[0])
    for column in range(width):
        pivot = next((i for i in range(rank, len(rows)) if not rows[i][column].is_zero()), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for i in range(rank + 1, len(rows)):
            factor = rows[i][column] / rows[rank][column]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[rank])]
        rank += 1
    return "" if rank == len(rows) == width else "the map is not invertible"


def _compare(relation: str, ours: Player, theirs: Player, factor: Tree, field: Field, place: Any, image: Any) -> str:
    width = len(place)
    order = list(place)
    mine, other = evaluate(ours.cost, field, image, width), evaluate(theirs.cost, field, place, width)
    if relation == "identical":
        return (
            ""
            if mine.value.equals(other.value)
            else f"the costs of {ours.name} and {theirs.name} could not be shown equal"
        )
    size = evaluate(factor, field, place, width)
    if field.sign(size.value) != POSITIVE:
        return f"the factor of {theirs.name} could not be shown positive"
    if relation != "function" and any(not slope.is_zero() for slope in size.slopes):
        return f"the factor of {theirs.name} is not constant"
    for name in theirs.moves:
        k = order.index(name)
        if not mine.slopes[k].equals(value(factor, field, place) * other.slopes[k]):
            return f"the derivatives in {name} could not be shown to correspond"
    return ""
