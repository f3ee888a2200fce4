"""What a diagnosis says, in words and numbers.

Main definitions: `Diagnosis`, `Finding`, `Remedy`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bilevel.numeric.path_angle import PathAngle
from bilevel.numeric.spectra import Spectrum

WIDTH = 112


@dataclass(frozen=True)
class Finding:
    """One answer: the claim in words, how it is known and why, and its numbers.

    Math: `known` is `exact`, `enclosed`, `float` or `unknown`; `numbers` hold what the words state, unrounded.

    Reference: the formulas stand with `bilevel.numeric.diagnose`.

    Examples:
        >>> print(Finding("a fixed point", "exact", "the field vanishes"))
        a fixed point [exact: the field vanishes]
    """

    claim: str
    known: str
    why: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.claim} [{self.known}{': ' if self.why else ''}{self.why}]"


@dataclass(frozen=True)
class Remedy:
    """A change of rule or losses, and the leading modulus it would have here.

    Math: `modulus` is the leading modulus of the changed map on the linearised game, modes that no rule moves (field
        eigenvalue zero) set aside; `turning` that of its complex modes (nan if it has none). On a large game both are
        first predicted on the game restricted to the leading modes; `measured` is then the leading modulus of the
        whole changed map, where it was computed. `parameter` is the best of the values tried.

    Shapes: per step.

    Reference: Mescheder, Nowozin, Geiger (2017), arXiv:1705.10461, for judging methods by the leading modulus.

    Examples:
        >>> Remedy("taking turns", None, 0.99, 0.98).best
        0.99
    """

    change: str
    parameter: float | None
    modulus: float
    turning: float
    measured: float | None = None
    converges: bool | None = None
    known: str = "float"
    rule: Any = field(default=None, repr=False, compare=False)

    @property
    def best(self) -> float:
        """The measured modulus where there is one, else the predicted one."""
        return self.modulus if self.measured is None else self.measured

    def __str__(self) -> str:
        shown = f"{self.modulus:.5f}" + ("" if self.measured is None else f", measured {self.measured:.5f}")
        if self.converges is not None and self.known == "exact":
            shown += f"; {'converges' if self.converges else 'does not converge'}"
        turning = "" if np.isnan(self.turning) else f" (turning modes {self.turning:.5f})"
        return f"{self.change}: leading modulus {shown}{turning} [{self.known}]"


@dataclass(frozen=True)
class Diagnosis:
    """What kind of point it is, whether the rule rotates, which steps it tolerates, and what would help.

    Math: each part is a `Finding`; `point` is followed by the second-order `tests`, `remedies` come best first.
        `converges_below` and `grows_above` bound the scale by which all steps of the rule may be multiplied: below
        the first every mode shrinks (or no rule moves it), above the second some mode grows; None where none was
        found. `map` is the leading spectrum of the rule, `field` that of the game.

    Shapes: `products` Jacobian-vector products were taken, of about `limit` allowed (None: no limit), in precision
        `dtype`, from vectors drawn by `seed`.

    Reference: see `diagnose`.

    Examples:
        >>> from bilevel.numeric import diagnose
        >>> from bilevel.rules import simultaneous
        >>> f = lambda z: z["x"] * z["y"]
        >>> found = diagnose({"x": f, "y": f}, {"x": 0.0, "y": 0.0}, simultaneous("1/10"), maximizing=("y",))
        >>> found.converges_below is None, found.remedies[0].modulus < 1
        (True, True)
    """

    rule: str
    players: Mapping[str, int]
    point: Finding
    tests: tuple[Finding, ...]
    rotation: Finding
    step: Finding
    converges_below: Any
    grows_above: Any
    remedies: tuple[Remedy, ...]
    map: Spectrum
    field: Spectrum
    path: PathAngle | None
    products: int
    seed: int
    dtype: str
    limit: int | None = None

    def __str__(self) -> str:
        sizes = ", ".join(f"{name} ({count:,})" for name, count in self.players.items())
        lines = [f"Diagnosis of {self.rule} on {sizes}"]
        lines += _paragraph("Point", [self.point, *self.tests])
        lines += _paragraph("Rotation", [self.rotation, *([self.path] if self.path else [])])
        lines += _paragraph("Step", [self.step])
        now = next((f" (leading modulus now {r.best:.5f})" for r in self.remedies if r.change == "as it is"), "")
        lines += _paragraph(f"What would help{now}", self.remedies[:6] or ["nothing was tried"])
        limit = "" if self.limit is None else f" of {self.limit:,} allowed,"
        effort = f"{self.products:,} Jacobian-vector products{limit} in {self.dtype}, seed {self.seed}"
        return "\n".join([*lines, f"  {effort}"])

    def data(self) -> dict[str, Any]:
        """Everything as numbers, strings, lists and tables, ready for JSON."""
        return {
            "rule": self.rule,
            "players": dict(self.players),
            "point": _plain(self.point),
            "tests": [_plain(test) for test in self.tests],
            "rotation": _plain(self.rotation),
            "step": _plain(self.step),
            "converges_below": None if self.converges_below is None else str(self.converges_below),
            "grows_above": None if self.grows_above is None else str(self.grows_above),
            "remedies": [
                {key: getattr(remedy, key) for key in ("change", "parameter", "modulus", "measured", "known")}
                for remedy in self.remedies
            ],
            "map": [[ritz.value.real, ritz.value.imag] for ritz in self.map.values],
            "field": [[ritz.value.real, ritz.value.imag] for ritz in self.field.values],
            "products": self.products,
            "limit": self.limit,
            "seed": self.seed,
            "dtype": self.dtype,
        }


def _plain(finding: Finding) -> dict[str, Any]:
    numbers = {key: _number(value) for key, value in finding.numbers.items()}
    return {"claim": finding.claim, "known": finding.known, "why": finding.why, "numbers": numbers}


def _number(value: Any) -> Any:
    if isinstance(value, complex):
        return [value.real, value.imag]
    return value if isinstance(value, int | float | str | bool | type(None)) else str(value)


def _paragraph(title: str, parts: Any) -> list[str]:
    lines = [f"  {title}"]
    for part in parts:
        lines += textwrap.wrap(str(part), WIDTH, initial_indent="    - ", subsequent_indent="      ")
    return lines
