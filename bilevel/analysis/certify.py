"""Certificates of verdicts: small data that state the claim again in full, for the independent checker.

Main definitions: `certificate_of`.

A certificate is handed out only after the checker has accepted it; what it rests on (z3, for conditions that were
dropped without a positivity identity) stands in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy as sp

from bilevel.certificate import CertificateError, check
from bilevel.language.errors import BilevelError
from bilevel.language.tree import symbol_table, to_tree

if TYPE_CHECKING:
    from bilevel.analysis.verdict import Verdict

LARGEST = 8


def certificate_of(verdict: Verdict) -> dict[str, Any] | None:
    """A checked certificate of an exact verdict, or None where the format has no words for it.

    Math: numbers: the spectrum of a rational matrix (kinds "schur", "hurwitz"); parameters: the region of stability,
        proved from the Jacobian by the checker's own Hurwitz or Jury list (kind "region").

    Shapes: parametric matrices up to 8 x 8.

    Reference: Jury (1962), doi 10.1109/JRPROC.1962.288193; Lienard and Chipart (1914).

    Examples:
        >>> from bilevel.analysis.analyse import analyse
        >>> h = sp.Symbol("h", positive=True)
        >>> certificate_of(analyse(sp.Matrix([[1 - h]]), time="discrete"))["claim"]
        [['<', 'h', '2']]
    """
    if verdict.known != "exact" or verdict.condition is None:
        return None
    try:
        candidates = _numeric(verdict) if not verdict.jacobian.free_symbols else _parametric(verdict)
        return next((found for found in candidates if _accepted(found)), None)
    except BilevelError:
        return None


def _accepted(certificate: dict[str, Any]) -> bool:
    try:
        return bool(check(certificate))
    except CertificateError:
        return False


def _numeric(verdict: Verdict) -> list[dict[str, Any]]:
    if not all(entry.is_Rational for entry in verdict.jacobian):
        return []
    kind = "schur" if verdict.time == "discrete" else "hurwitz"
    rows = [[str(entry) for entry in verdict.jacobian.row(i)] for i in range(verdict.jacobian.rows)]
    return [{"kind": kind, "matrix": rows, "claim": verdict.verdict}]


def _parametric(verdict: Verdict) -> list[dict[str, Any]]:
    matrix, condition = verdict.jacobian, verdict.condition
    if matrix.rows > LARGEST or condition.has(sp.Or, sp.Not):
        return []
    if condition in (sp.true, sp.false):
        claim: Any = [] if condition == sp.true else "false"
    else:
        claim = [to_tree(part) for part in sp.And.make_args(condition)]
    assumed = [part for fact in verdict.assuming for part in sp.And.make_args(fact)]
    symbols = matrix.free_symbols | condition.free_symbols | {s for part in assumed for s in part.free_symbols}
    plain: dict[str, Any] = {
        "kind": "region",
        "symbols": symbol_table(symbols),
        "time": verdict.time,
        "jacobian": [[to_tree(entry) for entry in matrix.row(i)] for i in range(matrix.rows)],
        "claim": claim,
    }
    if assumed:
        plain["assume"] = [to_tree(part) for part in assumed]
    strict = [c for c, _ in verdict.reduction if isinstance(c, sp.StrictLessThan | sp.StrictGreaterThan)]
    dropped = [c for c in dict.fromkeys(strict) if c.free_symbols <= symbols]
    trusted = [{"condition": to_tree(c), "because": "z3"} for c in dropped]
    squares = [{"condition": to_tree(c), "because": to_tree(w)} for c in dropped for w in _squares(c.gts - c.lts)]
    return [plain, *({**plain, "steps": steps} for steps in (squares, squares + trusted) if steps)]


def _squares(p: Any) -> list[Any]:
    """a x^2 + b x + c as ((2 a x + b)^2 + 4 a c - b^2)/(4 a): a sum of positive terms where it has no root."""
    found = []
    for x in sorted(p.free_symbols, key=str):
        if p.is_polynomial(x) and sp.degree(p, x) == 2:
            a, b, c = sp.Poly(p, x).all_coeffs()
            found.append(((2 * a * x + b) ** 2 + sp.factor(4 * a * c - b**2)) / (4 * a))
    return found
