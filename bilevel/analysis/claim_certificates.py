"""Certificates of a theorem's equations, for the independent checker.

Main definitions: `certificate_of_proof`, `identities`.

An equation in coordinates is certified as it stands. One of the model level is certified in a case: the instances that
its claim names, or else all spaces of dimension one, networks as functions without a formula, unspecified laws with two
outcomes. The proof for every dimension is the normal form's trace; the certificate says the same of the case, with none
of our other code. What the format cannot hold (an average over a normal law of an unspecified function) is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from bilevel.certificate import CertificateError, check
from bilevel.language.algebra import is_scalar
from bilevel.language.coordinates import Coordinates
from bilevel.language.errors import BilevelError
from bilevel.language.instance import Instance
from bilevel.language.law_kinds import Data
from bilevel.language.networks import Applied, AppliedVector
from bilevel.language.tree import symbol_table, to_tree

LARGEST = 200  # identities in one certificate, the format's own limit
NOTE = (
    "equations in coordinates as they stand; those of the model level in a case: what the theorem names, else "
    "dimension one with functions without a formula and two outcomes"
)


def certificate_of_proof(proof: Any) -> dict[str, Any] | None:
    """One certificate for all claims of a theorem that can be certified; None where there are none.

    Math: kind "correspondence" with parts, each accepted by the checker; every claim that is an equation and was proved
        contributes one identity a component, every other claim the certificates it brings.

    Reference: bilevel.certificate.

    Examples:
        >>> from bilevel.analysis.proof import Proof, shows
        >>> x = sp.Symbol("x", real=True)
        >>> made = certificate_of_proof(Proof(0, "A square", "", "", (shows("It is.", (x + 1)**2, x**2 + 2*x + 1),)))
        >>> made["statement"], [part["kind"] for part in made["parts"]], bool(check(made))
        ('A square', ['identity'], True)
    """
    parts = [part for claim in proof.claims for part in identities(claim)][:LARGEST]
    if not parts:
        return None
    return {"kind": "correspondence", "statement": proof.title, "source": proof.source, "note": NOTE, "parts": parts}


def identities(claim: Any) -> list[dict[str, Any]]:
    """A proved claim as certificates: those it brings, or its equation's, one a component; empty without words for it.

    Math: left = right in a case (see the module).

    Reference: bilevel.certificate.

    Examples:
        >>> from bilevel.analysis.proof import shows
        >>> from bilevel.language import dot, gradient, vector
        >>> v = vector("v", "n")
        >>> identities(shows("The slope of a square.", gradient(dot(v, v), v), 2*v))[0]["left"]
        ['*', '2', 'v']
    """
    if claim.holds and claim.certificates:
        return list(claim.certificates) if all(map(_accepted, claim.certificates)) else []
    if not claim.holds or claim.equation is None or claim.counterexample is not None:
        return []
    try:
        cases = claim.instances or (_in_one_dimension(claim.equation),)
        made = [_identity(left, right) for case in cases for left, right in _components(claim.equation, case)]
        return made if all(_accepted(certificate) for certificate in made) else []
    except (BilevelError, ValueError, TypeError, NotImplementedError):  # no words for it
        return []


def _components(sides: tuple[Any, Any], case: Instance) -> Iterator[tuple[Any, Any]]:
    at = Coordinates(case, values=True)
    left, right = (at.scalar(side, {}) if is_scalar(side) else at.matrix(side, {}) for side in sides)
    yield from [(left, right)] if is_scalar(sides[0]) else zip(left, right, strict=True)


def _identity(left: Any, right: Any) -> dict[str, Any]:
    symbols = symbol_table(left.free_symbols | right.free_symbols)
    return {"kind": "identity", "symbols": symbols, "left": to_tree(left), "right": to_tree(right)}


def _accepted(certificate: dict[str, Any]) -> bool:
    try:
        return bool(check(certificate))
    except CertificateError:
        return False


def _in_one_dimension(sides: tuple[Any, Any]) -> Instance:
    whole = sp.Tuple(*sides)
    sizes = {s.name: 1 for s in whole.atoms(sp.Symbol) if s.is_integer and s.is_positive}
    networks = {call.network.name: _unspecified(call.network) for call in whole.atoms(Applied, AppliedVector)}
    return Instance(sizes, networks, {law.name: _two_outcomes(law) for law in whole.atoms(Data)})


def _unspecified(network: Any) -> Any:
    function = sp.Function(network.name, real=True)

    def called(*arguments: Any) -> Any:
        flat = [x for a in arguments for x in (a if isinstance(a, (list, tuple)) else [a])]
        return function(*flat) if network.out is None else [function(*flat)]

    return called


def _two_outcomes(law: Any) -> Any:
    first, second = sp.symbols(f"{law.name}_1 {law.name}_2", real=True)
    share = sp.Symbol(f"{law.name}_share", positive=True)
    values = [first, second] if law.dim is None else [[first], [second]]
    return values, [share, 1 - share]
