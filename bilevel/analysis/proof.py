"""Theorems as data: a statement, its source, and claims that carry their own evidence.

Main definitions: `Proof`, `Claim`, `Corresponds`, `shows`, `refutes`, `checks`, `by_rewrite`, `states`.

A file in `proofs/` holds one theorem: a module docstring with the statement and the source, and a function `prove()`
that returns a `Proof`. Nothing else is needed: the tests and the report read the folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bilevel.language.equality import equal


@dataclass(frozen=True)
class Claim:
    """One sentence of a theorem and how it is known.

    Math: `holds` is True when the sentence was proved, False when it was refuted, None when neither; `known` says how;
        `trace` holds the steps, `equation` the two sides where the sentence is an equation. Where the sentence holds
        under assumptions, `numbers` says how numbers that satisfy them are drawn (choices of `realise`), and
        `instances` are cases of it.

    Reference: the source of the theorem it belongs to.

    Examples:
        >>> Claim("one is positive", True).holds
        True
    """

    text: str
    holds: bool | None
    known: str = "exact"
    trace: tuple[Any, ...] = ()
    equation: tuple[Any, Any] | None = None
    counterexample: Any = None
    note: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    instances: tuple[Any, ...] = ()
    certificates: tuple[Any, ...] = ()

    def __str__(self) -> str:
        mark = {True: "proved", False: "NOT PROVED", None: "unknown"}[self.holds]
        return f"[{mark}, {self.known}] {self.text}" + (f" ({self.note})" if self.note else "")


@dataclass(frozen=True)
class Corresponds:
    """What a theorem that relates two formulations says: which two, in what sense, and under which conditions.

    Math: a file in `proofs/` that holds one under the name CORRESPONDS is listed by `bilevel correspondences`.

    Reference: the source of the theorem.

    Examples:
        >>> Corresponds("a method", "another", "the same step").relation
        'the same step'
    """

    first: str
    second: str
    relation: str
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """A theorem with its evidence.

    Math: it stands when every claim was proved.

    Reference: `source`.

    Examples:
        >>> Proof(0, "Nothing", "nothing", "nobody", ()).stands
        True
    """

    number: int
    title: str
    statement: str
    source: str
    claims: tuple[Claim, ...]

    @property
    def stands(self) -> bool:
        """Whether every claim was proved."""
        return all(claim.holds for claim in self.claims)

    def __str__(self) -> str:
        return "\n".join([f"{self.number}. {self.title}", *(f"   {claim}" for claim in self.claims)])


def shows(text: str, left: Any, right: Any, *, numbers: Mapping[str, Any] | None = None, **options: Any) -> Claim:
    """The claim that two expressions are equal, decided by `equal`.

    Math: left = right.

    Reference: bilevel.language.normal_form.

    Examples:
        >>> import sympy as sp
        >>> x = sp.Symbol("x", real=True)
        >>> shows("a square", (x + 1)**2, x**2 + 2*x + 1).holds
        True
    """
    answer = equal(left, right, **options)
    return _equation(text, answer.answer, answer, (left, right), numbers, options)


def refutes(text: str, left: Any, right: Any, *, numbers: Mapping[str, Any] | None = None, **options: Any) -> Claim:
    """The claim that two expressions are not equal in general: it holds when a counterexample was found.

    Math: left != right at the instance and point in `counterexample`.

    Reference: bilevel.language.equality.

    Examples:
        >>> import sympy as sp
        >>> x = sp.Symbol("x", real=True)
        >>> refutes("a wrong sign", x, -x).holds
        True
    """
    answer = equal(left, right, **options)
    holds = None if answer.answer is None else not answer.answer
    return _equation(text, holds, answer, (left, right), numbers, options)


def _equation(
    text: str, holds: bool | None, answer: Any, sides: tuple[Any, Any], numbers: Any, options: Mapping[str, Any]
) -> Claim:
    seen, cases = answer.counterexample, tuple(options.get("instances", ()))
    return Claim(text, holds, answer.known, answer.trace, sides, seen, answer.reason or "", numbers or {}, cases)


def checks(text: str, correspondence: Any, relation: str, *, holds: bool = True) -> Claim:
    """The claim that a relation between two games holds (or, with `holds=False`, fails).

    Math: see `bilevel.analysis.correspondence.RELATIONS`.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945.

    Examples:
        >>> from bilevel.analysis.correspondence import correspond
        >>> from bilevel.models import gan
        >>> checks("a game is itself", correspond(gan(), gan()), "identical").holds
        True
    """
    found = correspondence[relation]
    verdict = None if found.holds is None else found.holds == holds
    return Claim(text, verdict, found.known, tuple(found.trace), None, found.counterexample, found.reason)


def by_rewrite(text: str, rewrite: Any, left: Any, right: Any) -> Claim:
    """The claim that two expressions are equal by a named rewrite, whose conditions become the claim's note.

    Math: left = rewrite.before = rewrite.after = right; the outer equalities are decided by `equal`.

    Reference: bilevel.language.rewrites.

    Examples:
        >>> from bilevel.language import data, density, random, vector
        >>> from bilevel.language.rewrites import score_is_centred
        >>> a = random("a", density("pi", "k", vector("theta", "p")))
        >>> centred = score_is_centred(a.law, a, vector("theta", "p"))
        >>> by_rewrite("the score has mean zero", centred, centred.before, centred.after).holds
        True
    """
    entry, exit_ = equal(left, rewrite.before), equal(rewrite.after, right)
    holds = True if entry.answer and exit_.answer else None
    trace = (*entry.trace, rewrite.step, *exit_.trace)
    return Claim(
        text,
        holds,
        "exact" if holds else "unknown",
        trace,
        (left, right),
        None,
        "where " + "; ".join(rewrite.conditions),
    )


def states(
    text: str,
    holds: bool | None,
    *,
    known: str = "exact",
    trace: tuple[Any, ...] = (),
    note: str = "",
    certificates: tuple[Any, ...] = (),
) -> Claim:
    """A claim whose evidence is a finding of another analysis: a verdict, a best response, an isomorphism.

    Math: `holds` is computed by the caller from that finding, never written down; `certificates` say it again as data
        for the checker.

    Reference: the analysis it comes from.

    Examples:
        >>> states("two is even", 2 % 2 == 0).holds
        True
    """
    decided = None if holds is None else bool(holds)
    return Claim(text, decided, known, tuple(trace), None, None, note, certificates=tuple(certificates))
