"""A search for counterexamples: claims about regions, tried at rational points with balls (arb).

It refutes and never proves. It shares no code with the field of atoms.
Main definitions: `ball`, `disagreement`, `meaningful`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flint import arb, arb_mat, fmpq

from bilevel.certificate.conditions import families
from bilevel.certificate.errors import CertificateError
from bilevel.certificate.signs import ASSUMPTIONS, RELATIONS, sign_of
from bilevel.certificate.trees import Tree, expand_defined, is_name, is_rational, rational

POINTS = 400
VALUES = tuple(
    fmpq(p, q)
    for p, q in ((1, 1), (1, 10), (3, 1), (1, 3), (7, 10), (2, 1), (21, 20), (9, 10), (5, 1), (1, 40), (3, 2), (20, 1))
    + ((1, 1000), (1, 2), (300, 1), (4, 1))
)


def ball(tree: Tree, point: Mapping[str, Any]) -> arb:
    """A ball around the value of a tree at a point."""
    if is_name(tree):
        return arb(point[tree]) if not isinstance(point[tree], list) else ball(point[tree], point)
    if is_rational(tree):
        return arb(rational(tree))
    tree = expand_defined(tree)
    op = tree[0]
    if op == "call":
        if "call" in point:
            return point["call"]
        raise CertificateError("an unknown function has no value")
    if op == "^" and isinstance(tree[2], int):
        return ball(tree[1], point) ** tree[2]
    parts = [ball(t, point) for t in tree[1:]]
    if op == "^":
        return (parts[1] * parts[0].log()).exp()
    if op == "-":
        return -parts[0] if len(parts) == 1 else parts[0] - parts[1]
    if op == "/":
        return parts[0] / parts[1]
    if op not in "+*":
        return getattr(parts[0], op)()
    total = parts[0]
    for part in parts[1:]:
        total = total + part if op == "+" else total * part
    return total


def _sign(x: arb) -> int | None:
    """The sign of a ball, or None when it is not certain."""
    return 1 if x > 0 else -1 if x < 0 else 0 if x == 0 else None


def points(certificate: Mapping[str, Any]) -> Iterator[dict[str, fmpq]]:
    """Rational points that certainly satisfy the assumptions, in a fixed order that mixes all coordinates."""
    symbols = certificate["symbols"]
    state = 12345
    for _ in range(POINTS):
        point = {}
        for name, assumption in symbols.items():
            state = (state * 1103515245 + 12345) % 2**31
            number = VALUES[(state >> 12) % len(VALUES)]
            if -1 in ASSUMPTIONS[assumption] and (1 not in ASSUMPTIONS[assumption] or (state >> 20) % 2):
                number = -number
            point[name] = number
        if all(_holds(relation, point) for relation in certificate.get("assume", [])):
            yield point


def _holds(relation: list[Any], point: Mapping[str, Any]) -> bool:
    op, left, right = relation
    if op == "==":  # only asked whether the claim is about anything: a third is no exact ball
        return bool((ball(left, point) - ball(right, point)).contains(0))
    return _sign(ball(left, point) - ball(right, point)) in RELATIONS[op]


def meaningful(certificate: Mapping[str, Any], trees: Sequence[Tree]) -> None:
    """Refuse a claim about nothing: find a point, or use the "example", where it has a meaning."""
    if "example" in certificate:
        table = certificate["example"]
        if not isinstance(table, dict) or set(table) != set(certificate["symbols"]):
            raise CertificateError('"example" gives a rational to every symbol')
        point = {name: rational(text) for name, text in table.items()}
        allowed = all(sign_of(x) in ASSUMPTIONS[certificate["symbols"][name]] for name, x in point.items())
        if not allowed or not all(_holds(relation, point) for relation in certificate.get("assume", [])):
            raise CertificateError('the "example" does not satisfy the assumptions')
        found: Iterator[dict[str, Any]] = iter([point])
    else:
        found = points(certificate)
    for point in found:
        stand_in = {**point, "call": arb(1) / 3}
        if all(ball(tree, stand_in).is_finite() for tree in trees):
            return
    raise CertificateError('the claim may be about nothing: give a point where it has a meaning as "example"')


def disagreement(
    certificate: Mapping[str, Any], jacobian: Any, named: Mapping[str, Tree], time: str, claim: Any
) -> str:
    """A point at which the claim is certainly wrong, as a sentence; empty when none was found."""
    try:
        for point in points(certificate):
            stable = _stable(jacobian, point, time)
            claimed = False if claim == "false" else _all_positive([ball(tree, {**point, **named}) for tree in claim])
            if stable is not None and claimed is not None and stable != claimed:
                where = ", ".join(f"{name} = {number}" for name, number in point.items())
                return f"the claim is wrong at {where}"
    except CertificateError:
        return ""
    return ""


def _stable(jacobian: list[list[Tree]], point: Mapping[str, Any], time: str) -> bool | None:
    size = len(jacobian)
    numbers = [ball(entry, point) for row in jacobian for entry in row]
    p = arb_mat(size, size, numbers).charpoly()
    _, conditions = next(families([p[k] for k in range(size - 1, -1, -1)], time, arb(1), first_only=True))
    return _all_positive(conditions)


def _all_positive(numbers: list[arb]) -> bool | None:
    signs = [_sign(x) for x in numbers]
    if any(s in (-1, 0) for s in signs):
        return False
    return True if all(s == 1 for s in signs) else None
