"""What an analysis returns: `Verdict`, a claim with the exact set on which it holds and how it is known.

Main definition: `Verdict`. `condition`, `unstable_on` and `marginal_on` are disjoint and cover `exists_on`, all four
understood inside the assumptions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sympy as sp

from bilevel.analysis.writing import shown
from bilevel.language.latex import latex
from bilevel.language.source import python_function


@dataclass(frozen=True)
class Verdict:
    """Whether an equilibrium attracts exponentially: the claim, its exact region, how it is known.

    Math: `condition` is the set of parameters where every eigenvalue of `jacobian` lies strictly on the stable side
        (inside the unit circle for a map, time "discrete"; in the left half plane for a flow, time "continuous");
        `unstable_on` where some eigenvalue lies strictly on the other side; `marginal_on` the rest, with
        `marginal_why`. `reduction` holds the conditions that were dropped because the others imply them, each with
        what shows it.
    Shapes: `jacobian` is square, that of the update: per step for a map, per unit time for a flow.
    Reference: Lienard and Chipart 1914; Schur 1917; Cohn 1922; Jury 1962.
    Examples:
        >>> import sympy as sp
        >>> from bilevel.analysis.analyse import analyse
        >>> h, gamma = sp.symbols("h gamma", positive=True)
        >>> verdict = analyse(sp.Matrix([[1, -h/2], [h/2, 1 - h*gamma - h**2/4]]), time="discrete")
        >>> verdict.condition
        2*gamma*h + h**2/4 < 4
        >>> verdict.solve(h)
        h < -4*gamma + 4*sqrt(gamma**2 + 1)
    """

    verdict: str
    condition: Any
    unstable_on: Any
    marginal_on: Any
    marginal_why: str | None
    known: str
    time: str
    jacobian: Any
    characteristic_polynomial: Any
    exists_on: Any = sp.true
    reason: str | None = None
    eigenvalues: tuple[tuple[Any, int], ...] | None = None
    nonlinear: Any = None
    transverse: Any = None
    reduction: tuple[tuple[Any, str], ...] = field(default=(), repr=False)
    assuming: tuple[Any, ...] = ()
    boundaries: tuple[tuple[Any, str], ...] = field(default=(), repr=False)

    def solve(self, parameter: Any) -> Any:
        """The condition solved for one parameter, as a Boolean (`UnknownAnswer` where no closed form is found)."""
        from bilevel.analysis.solve import solve

        return solve(self._known_condition(), parameter, self.assuming)

    def for_small(self, parameter: Any) -> Any:
        """Where the equilibrium is stable for every small enough positive value of one parameter."""
        from bilevel.analysis.limits import for_small

        return for_small(self._known_condition(), parameter, self.assuming)

    def for_large(self, parameter: Any) -> Any:
        """Where the equilibrium is stable for every large enough value of one parameter."""
        from bilevel.analysis.limits import for_large

        return for_large(self._known_condition(), parameter, self.assuming)

    def _known_condition(self) -> Any:
        from bilevel.language.errors import UnknownAnswer

        if self.condition is None:
            raise UnknownAnswer(f"there is no condition to work on: {self.reason}", next_step="fix some parameters")
        return self.condition

    @cached_property
    def certificate(self) -> dict[str, Any] | None:
        """Data that state the claim again in full, accepted by the independent checker; None where there is none."""
        from bilevel.analysis.certify import certificate_of

        return certificate_of(self)

    @property
    def rate(self) -> Any:
        """Spectral radius per step (map) or spectral abscissa per unit time (flow) as an expression, None where it
        is not short."""
        if not self.eigenvalues:
            return None
        measure = sp.Abs if self.time == "discrete" else sp.re
        return sp.Max(*(measure(value) for value, _ in self.eigenvalues))

    def latex(self) -> str:
        """The condition, and where the equilibrium is unstable or marginal, as an aligned LaTeX block."""
        sets = [("stable", self.condition), ("unstable", self.unstable_on), ("marginal", self.marginal_on)]
        words = {sp.true: r"\text{everywhere}", sp.false: r"\text{nowhere}", None: r"\text{not known}"}
        rows = [rf"\text{{{name}: }} & {words[s] if s in words else latex(s)}" for name, s in sets]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def python(self, name: str = "stable") -> str:
        """Source of a plain Python function of the parameters, by name: whether the equilibrium is stable there."""
        return python_function(self._known_condition(), name)

    def __str__(self) -> str:
        lines = [f"{self.verdict} ({self.known})"]
        if self.reason:
            lines.append(f"  reason: {self.reason}")
        if self.verdict == "conditional":
            lines.append(f"  stable iff {shown(self.condition)}" if self.condition != sp.false else "  stable nowhere")
            lines += [f"  unstable where {shown(self.unstable_on)}"] if self.unstable_on not in (None, sp.false) else []
            lines += [f"  marginal where {shown(self.marginal_on)}"] if self.marginal_on not in (None, sp.false) else []
        if self.marginal_why:
            lines.append(f"  marginal because: {self.marginal_why}")
        if self.exists_on != sp.true:
            lines.append(f"  exists where {shown(self.exists_on)}")
        return "\n".join(lines)

    def _repr_latex_(self) -> str:
        if self.verdict != "conditional":
            return rf"$\text{{{self.verdict}}}$"
        return rf"$\text{{stable iff }} {sp.latex(self.condition)}$"


def unknown(
    reason: str, jacobian: Any, time: str, *, characteristic_polynomial: Any = None, known: str = "unknown"
) -> Verdict:
    """The verdict that says why there is none."""
    return Verdict("unknown", None, None, None, None, known, time, jacobian, characteristic_polynomial, reason=reason)


def certain(claim: str, jacobian: Any, time: str, **rest: Any) -> Verdict:
    """A verdict that holds everywhere: one of the three sets is everything."""
    sets = [sp.true if claim == name else sp.false for name in ("stable", "unstable", "marginal")]
    return Verdict(
        claim,
        sets[0],
        sets[1],
        sets[2],
        time=time,
        jacobian=jacobian,
        **{"marginal_why": None, "known": "exact"} | rest,
    )
