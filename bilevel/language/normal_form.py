r"""The normal form of model-level expressions: it decides equality, and its trace is the proof.

Main definitions: `NormalForm`, `Step`, `normal_form`.

A scalar is a rational function of atoms (applied networks, logarithms, expectations, closed contractions); a vector
or matrix is a sum of coefficient times word. Expectations are linear; finite laws are summed over; variables of
which the body is free are dropped; independent factors are split; nested expectations over independent variables
are flattened; bound variables carry canonical names. Two expressions with one normal form are equal wherever both
are defined and the integrals exist.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from bilevel.language.algebra import is_scalar, plus
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.latex import latex, plain
from bilevel.language.nodes import Dot, scale
from bilevel.language.normal_read import Reader, Shaped
from bilevel.language.normal_rules import on_ones, relation, resolvents, rewritten
from bilevel.language.normal_tensor import Tensor
from bilevel.language.normal_write import write_tensor
from bilevel.language.normal_zero import is_zero, moments
from bilevel.language.sampling import average as node
from bilevel.language.substitute import free_variables, substitute

__all__ = ["NormalForm", "Step", "normal_form"]

RULES = (
    ("outcomes", "the finite law is summed over its outcomes"),
    ("pushforward", "the pushforward is written in the variables it is made from"),
    ("drop", "variables of which the body is free are dropped, since E[1] = 1"),
    ("flatten", "an expectation inside an expectation, linear there, is taken over all variables at once"),
    ("split", "independent factors are averaged separately, E[f g] = E[f] E[g]"),
    ("score", "the score of a density in its parameters has mean zero, as derivatives pass under the integral"),
    ("moment", "known moments of standard laws are put in"),
)


@dataclass(frozen=True)
class Step:
    """One step of a proof: the rule, what it did, and the expression before and after.

    Math: before = after, by the rule.
    Reference: bilevel.language.normal_form, where each rule is stated.
    Examples:
        >>> print(Step("drop", "x does not occur", sp.Symbol("a"), sp.Symbol("a")))
        drop: x does not occur
            a
          = a
    """

    rule: str
    what: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}\n    {_text(self.before)}\n  = {_text(self.after)}"

    def latex(self) -> str:
        """The equation of the step in LaTeX; texts stay texts."""
        return f"{_tex(self.before)} = {_tex(self.after)}"


@dataclass(frozen=True)
class NormalForm:
    """A normal form: the canonical text, the expression people read, and the steps that led there.

    Math: two expressions with the same `key` are equal.
    Reference: bilevel.language.normal_form.
    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> normal_form((x + 1)**2 - x**2 - 2*x - 1).is_zero
        True
    """

    key: str
    expression: Any
    is_zero: bool
    trace: tuple[Step, ...] = ()
    tensor: Tensor | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return _text(self.expression)


def normal_form(expr: Any, *, values: bool = True, assuming: Iterable[Any] = ()) -> NormalForm:
    """Normal form of a scalar, vector or matrix expression of the model level.

    Math: sum of coefficient x word under expectations with canonical bound variables. With `values` a stopped
    gradient is its value; without, sg(x) stays apart from x, so that equal forms have equal derivatives too.
    `assuming` takes relations: `x > 0`, `x < 1` for symbols and scalar nodes, `Eq(a, b)` or a pair (a, b), by which
    a is replaced by b everywhere; where a is a product of matrices, wherever its factors stand together.
    Shapes: as the expression.
    Raises: UnknownAnswer for a node outside the language; GameError for an assumption that is no relation.
    Reference: Baader, Nipkow (1998), Term Rewriting and All That, for the method; Pfau, Vinyals (2016), arXiv
    1610.01945, for the use.
    Examples:
        >>> from bilevel.language.expectation import E
        >>> from bilevel.language.laws import bernoulli, data, normal, random
        >>> from bilevel.language.networks import network
        >>> from bilevel.language.nodes import vector
        >>> D, G, phi = network("D"), network("G", out="n"), vector("phi", "q")
        >>> x, z = random("x", data("p", "n")), random("z", normal("m"))
        >>> y = random("y", bernoulli(sp.Rational(1, 2)))
        >>> form = normal_form(E(D(y*x + (1 - y)*G(z), phi), x, y, z))
        >>> print(form)
        E_z[D(G(z), phi)/2] + E_x[D(x, phi)/2]
        >>> [step.rule for step in form.trace]
        ['outcomes', 'expectation', 'normal form']
    """
    reader = TracingReader(values, assuming)
    try:
        shaped = reader.read(expr)
    except ZeroDivisionError as error:
        raise UnknownAnswer(str(error), next_step="look for a quantity that vanishes identically") from None
    if reader.products:
        shaped = shaped._replace(tensor=reader.reduced(shaped.tensor))
    expression = written(shaped, expr)
    steps = (
        *reader.steps,
        Step(
            "normal form",
            "coefficients are quotients in lowest terms, words are numbered canonically",
            expr,
            expression,
        ),
    )
    return NormalForm(shaped.tensor.key, expression, is_zero(shaped.tensor), steps, shaped.tensor)


class TracingReader(Reader):
    """A reader that records what it did to each expectation."""

    def __init__(self, values: bool = True, assuming: Iterable[Any] = ()) -> None:
        self.steps: list[Step] = []
        self.rules: list[tuple[str, str]] = []
        self.current: tuple[Any, tuple[Any, ...]] = (None, ())
        super().__init__(values=values, note=self._noted, moments=moments)
        self.products: list[tuple[Any, Any]] = []
        for told in assuming:
            self._assume(told)

    def assumed(self, expr: Any) -> Any:
        """What an assumption puts in place of an expression, recorded."""
        new = self.equalities[expr]
        step = Step("assumption", "assumed equal", expr, new)
        if step not in self.steps:
            self.steps.append(step)
        return new

    def reduced(self, tensor: Tensor) -> Tensor:
        """The tensor with assumed products replaced, and inverses multiplied out; the equations used are recorded."""
        told = [relation(*(self.read_in(side, {}).tensor for side in pair)) for pair in self.products]
        while True:  # a rule may bring in other inverses
            known = [rule for rule in told if rule]
            after, used = rewritten(tensor, (*resolvents(tensor), *on_ones(tensor, known), *known))
            for rule in used:
                step = Step(rule.name, rule.what, _told(rule.before), _told(rule.value))
                self.steps += [] if step in self.steps else [step]
            if after == tensor:
                return after
            tensor = after

    def _assume(self, told: Any) -> None:
        if isinstance(told, sp.Eq) or (isinstance(told, (tuple, sp.Tuple)) and len(told) == 2):
            old, new = told.args if isinstance(told, sp.Eq) else (sp.sympify(side, strict=True) for side in told)
            if new.has(old):
                raise GameError(f"an assumed equality replaces {old} by {new}, which holds it again; turn it round")
            if isinstance(old, (sp.MatMul, sp.MatAdd, Dot)):
                self.products.append((old, new))
            else:
                self.equalities[old] = new
            return
        if told in (True, sp.true):
            return
        if not isinstance(told, Relational):
            raise GameError(f"an assumption is a relation such as x > 0, or a pair (a, b) meaning a = b; got {told!r}")
        low, high = (told.lts, told.gts) if hasattr(told, "gts") else (sp.S.NaN, sp.S.NaN)
        if low == 0 and isinstance(told, (sp.StrictGreaterThan, sp.StrictLessThan)):
            self.ranges[high] = "probability" if self.ranges.get(high) == "below one" else "positive"
        elif high == 1 and isinstance(told, (sp.StrictGreaterThan, sp.StrictLessThan)):
            self.ranges[low] = "probability" if self.ranges.get(low) == "positive" or low.is_positive else "below one"

    def _noted(self, rule: str, about: Any) -> None:
        names = ", ".join(dict.fromkeys(getattr(a, "name", None) or a.variable.payload.name for a in about))
        if (rule, names) not in self.rules:
            self.rules.append((rule, names))

    def summing(self, variable: Any) -> None:
        """Record the sum over the outcomes of the first finite law of an expectation."""
        body, variables = self.current
        if variable not in variables or any(v.law.atoms_of is not None for v in variables[: variables.index(variable)]):
            return
        place = variables.index(variable)
        before, after = variables[:place], variables[place + 1 :]
        sums = []
        for value, weight in variable.law.atoms_of:
            inner = substitute(node(body, after), {variable: value})
            bare, later = (inner.body, inner.variables) if after and hasattr(inner, "variables") else (inner, ())
            fixed = not free_variables(weight) & set(before)
            sums.append(
                scale(weight, node(bare, before + later)) if fixed else node(scale(weight, bare), before + later)
            )
        outcomes = ", ".join(
            f"{_text(value)} with probability {_text(weight)}" for value, weight in variable.law.atoms_of
        )
        total = sp.Add(*sums) if is_scalar(body) else plus(*sums)
        step = Step("outcomes", f"{variable.name} is {outcomes}", node(body, variables), total)
        if step not in self.steps:
            self.steps.append(step)

    def average(self, body: Any, variables: Any, env: Any) -> Shaped:
        """Expectation of a body, with a step recorded if a rule was used."""
        outer, above = self.rules, self.current
        self.rules, self.current = [], (body, tuple(variables))
        result = super().average(body, variables, env)
        used, self.rules, self.current = self.rules, outer, above
        told = dict(RULES)
        if used:
            expr = node(body, tuple(variables))
            what = "; ".join(f"{told[rule]} ({names})" for rule, names in used)
            rules = ", ".join(dict.fromkeys(rule for rule, _ in used))
            self.steps.append(Step("expectation" if rules == "outcomes" else rules, what, expr, written(result, expr)))
        return result


def written(shaped: Shaped, like: Any) -> Any:
    """The expression of a tensor, or its canonical text where the language has no node for it."""
    dims = getattr(like, "shape", (1, 1))
    try:
        return write_tensor(shaped.tensor, shaped.rows, shaped.columns, dims)
    except (UnknownAnswer, GameError):
        return shaped.tensor.key


def _told(tensor: Tensor) -> Any:
    """An equation's side for people to read."""
    return written(Shaped(tensor, True, tensor.rank == 2), sp.ZeroMatrix(1, 1)) if tensor else sp.S.Zero


def _text(value: Any) -> str:
    return value if isinstance(value, str) else plain(value)


def _tex(value: Any) -> str:
    return rf"\text{{{value}}}" if isinstance(value, str) else latex(value)
