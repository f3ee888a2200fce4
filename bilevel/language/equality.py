"""Are two model-level expressions equal? Proof by normal form, refutation by an instance, else an honest unknown.

Main definitions: `Equality`, `equal`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import sympy as sp

from bilevel.language.algebra import is_scalar, plus
from bilevel.language.counterexample import ATTEMPTS, Counterexample, search
from bilevel.language.errors import BilevelError, GameError, UnknownAnswer
from bilevel.language.instance import Instance
from bilevel.language.nodes import scale
from bilevel.language.normal_form import Step, TracingReader, written
from bilevel.language.normal_zero import is_zero

__all__ = ["Equality", "equal"]


@dataclass(frozen=True)
class Equality:
    """The answer to whether two expressions are equal, how it is known, and what shows it.

    Math: `answer` True comes with a proof (`trace`), False with a `counterexample`, None (unknown) with a `reason`.
    Reference: bilevel.language.equality.
    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> bool(equal((x + 1)**2, x**2 + 2*x + 1))
        True
    """

    answer: bool | None
    known: Literal["exact", "float", "unknown"]
    trace: tuple[Step, ...] = ()
    counterexample: Counterexample | None = None
    reason: str = ""

    def __bool__(self) -> bool:
        return self.answer is True

    def __str__(self) -> str:
        if self.answer:
            return "equal (exact)\n" + "\n".join(f"{n}. {step}" for n, step in enumerate(self.trace, 1))
        if self.answer is False:
            return f"not equal ({self.known}): {self.counterexample}"
        return f"unknown: {self.reason}"


def equal(
    left: Any,
    right: Any,
    *,
    values: bool = True,
    assuming: Iterable[Any] = (),
    attempts: int = ATTEMPTS,
    instances: Iterable[Instance] = (),
) -> Equality:
    """Whether two expressions are equal for all spaces, networks and laws that they leave unspecified.

    Math: left - right has normal form zero (a proof), or differs from zero at an instance (a refutation), else
    unknown. With `values` stopped gradients are compared by value; without, a proof also makes all derivatives
    equal, and only proofs count. Where the normal forms differ, assumed products of matrices are replaced, and an
    inverse beside what it inverts is taken away. `instances` are looked at for a counterexample before random ones:
    name some where random instances do not satisfy what is assumed.
    Shapes: both sides alike.
    Raises: GameError if one side is a scalar and the other is not, or the shapes differ.
    Reference: Schwartz (1980), doi 10.1145/322217.322225, on refuting identities at random points; proofs never
    rest on them.
    Examples:
        >>> from bilevel.language.nodes import dot, vector
        >>> u, w = vector("u", "n"), vector("w", "n")
        >>> equal(dot(u + w, u + w), dot(u, u) + 2*dot(u, w) + dot(w, w)).answer
        True
        >>> equal(dot(u + w, u + w), dot(u, u) + dot(u, w) + dot(w, w)).counterexample.dims
        {'n': 2}
    """
    left, right = sp.sympify(left, strict=True), sp.sympify(right, strict=True)
    if is_scalar(left) != is_scalar(right) or (not is_scalar(left) and left.shape != right.shape):
        raise GameError(f"two expressions of one shape are compared; got {left} and {right}")
    assuming, instances = tuple(assuming), tuple(instances)
    try:
        proof, reason = _proved(left, right, values, assuming)
    except (UnknownAnswer, ZeroDivisionError) as error:
        proof, reason = None, str(error)
    if proof is not None:
        return Equality(True, "exact", proof)
    if not values:
        by_value = equal(left, right, assuming=assuming, attempts=attempts, instances=instances)
        if by_value.answer is False:
            return by_value
        return Equality(
            None, "unknown", reason="no proof without stop_gradient being looked into; the values do not refute it"
        )
    found, why = search(left, right, assuming, attempts=attempts, instances=instances)
    if found is not None:
        return Equality(False, "exact" if found.known == "exact" else "float", counterexample=found)
    return Equality(None, "unknown", reason=f"{reason}; {why}")


def _proved(left: Any, right: Any, values: bool, assuming: tuple[Any, ...]) -> tuple[tuple[Step, ...] | None, str]:
    """The steps of a proof, or None and what is left of the difference."""
    reader = TracingReader(values, assuming)
    forms = [reader.read(side) for side in (left, right)]
    difference = forms[0].tensor - forms[1].tensor
    if not is_zero(difference) and (reader.products or "inverse" in difference.key):
        forms = [form._replace(tensor=reader.reduced(form.tensor)) for form in forms]
        difference = forms[0].tensor - forms[1].tensor
    steps = list(reader.steps)
    texts = [written(form, side) for form, side in zip(forms, (left, right), strict=True)]
    if not is_zero(difference):
        return None, f"the normal forms differ by {_difference(forms, left, right)}"
    for name, side, text in zip(("left", "right"), (left, right), texts, strict=True):
        steps.append(
            Step(f"normal form of the {name} side", "lowest terms, canonical bound variables and words", side, text)
        )
    if difference:
        steps.append(
            Step(
                "common denominator",
                "integrands over the same variables, over one denominator, agree term by term",
                *texts,
            )
        )
    else:
        steps.append(Step("equal", "both sides have the same normal form", left, right))
    return tuple(steps), ""


def _difference(forms: Any, left: Any, right: Any) -> str:
    try:
        gap = left - right if is_scalar(left) else plus(left, scale(sp.S.NegativeOne, right))
        text = str(written(forms[0]._replace(tensor=forms[0].tensor - forms[1].tensor), gap))
    except BilevelError:
        return "terms that no node writes"
    return text if len(text) < 400 else text[:400] + "..."
