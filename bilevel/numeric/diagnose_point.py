"""What kind of point of a game this is, by residuals and second-order tests on products.

Main definitions: `point_finding`, `second_order`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bilevel.language.errors import UnknownAnswer
from bilevel.numeric.diagnosis import Finding
from bilevel.numeric.effort import Effort
from bilevel.numeric.spectra import Ritz, eigenvalues, several_ends
from bilevel.numeric.spectra_operator import Operator
from bilevel.numeric.spectra_solvers import TOLERANCE, Search


@dataclass(frozen=True)
class Residual:
    """The field at the point: its norm per player, and how small it is for its curvature."""

    norms: dict[str, float]
    relative: float
    rounding: float
    tolerance: float

    @property
    def zero(self) -> bool:
        """Zero as far as rounding can tell."""
        return self.relative <= self.rounding

    @property
    def near(self) -> bool:
        """Small enough for the linear picture to hold."""
        return self.relative <= max(self.tolerance, self.rounding)


def residual(J: Operator, value: np.ndarray, where: np.ndarray, norm: float, tolerance: float) -> Residual:
    """|F| per player, and |F| / (|J| max(|z|, 1)): the relative distance at which a zero may lie, to first order."""
    norms = {name: float(np.linalg.norm(value[J.slice_of(name)])) for name in J.blocks}
    whole, size = float(np.linalg.norm(value)), max(float(np.linalg.norm(where)), 1.0)
    relative = whole / (norm * size) if norm else float(whole > 0)
    return Residual(norms, relative, 100 * float(np.finfo(J.dtype).eps), tolerance)


def point_finding(found: Residual, kinds: list[str]) -> Finding:
    """Whether the field vanishes, and what the second-order tests then make of the point."""
    shown = ", ".join(f"{name} {norm:.2e}" for name, norm in found.norms.items())
    numbers = {**{f"|F_{name}|": norm for name, norm in found.norms.items()}, "relative": found.relative}
    why = f"gradient norms: {shown}; relative to curvature and parameters {found.relative:.1e}"
    if not found.near:
        words = "not a stationary point: the field does not vanish, so what follows describes the motion near here"
        return Finding(words, "float", why, numbers)
    where = "a zero of the field to rounding" if found.zero else "near a stationary point"
    return Finding(f"{where}: {'; '.join(kinds) or 'no kind decided'}", "float", why, numbers)


def second_order(J: Operator, seed: int, count: int, effort: Effort) -> tuple[list[str], list[Finding]]:
    """The kinds the second-order tests support, and the tests themselves.

    A direction of negative curvature that was found is there, whatever was not found; that there is none is as sure
    as Lanczos' method is: it looks from inside.
    """
    tests, lowest = [], {}
    for name in J.blocks:
        try:
            lowest[name], test = _own(J, name, seed, count, effort)
        except UnknownAnswer as stop:
            lowest[name], test = "?", Finding(f"{name}'s own Hessian: not looked at", "unknown", str(stop))
        tests.append(test)
    signs = list(lowest.values())
    kinds = []
    if all(sign == "+" for sign in signs):
        kinds.append("differential Nash (strict)")
    kinds += [f"no Nash point: {name} has a direction of descent" for name, sign in lowest.items() if sign == "-"]
    if not kinds:
        flat = ", ".join(name for name, sign in lowest.items() if sign == "0")
        kinds += [f"flat directions of {flat}: Nash (strict) not shown, Nash not excluded"] if flat else []
    if len(J.blocks) == 2 and _zero_sum(J, seed):
        for leader, follower in (list(J.blocks), list(J.blocks)[::-1]):
            more, further = _minimax(J, leader, follower, lowest[follower], seed, effort.part(1 / 2))
            kinds += more
            tests += further
    return kinds, tests


def _own(J: Operator, name: str, seed: int, count: int, effort: Effort) -> tuple[str, Finding]:
    """Both ends of a player's own block, from one basis, and the sign of the lower one."""
    effort.check()
    own = J.own(name)
    search = Search(seed, TOLERANCE[J.dtype], effort.run(), left=own.kind != "symmetric", floor=0.0)
    low, high = several_ends(own, ("smallest real part", "largest real part"), count=min(count, 2), search=search)
    hessian = own.kind == "symmetric"
    sign = _sign(low.leading) if hessian else "?"
    return sign, (_ends if hessian else _real_parts)(name, low.leading, high.leading, low.method)


def _sign(ritz: Ritz | None) -> str:
    if ritz is None:
        return "?"
    low = ritz.value.real
    return "+" if low > ritz.backward_error else "-" if low < -ritz.backward_error else "0"


def _real_parts(name: str, low: Ritz | None, high: Ritz | None, method: str) -> Finding:
    """A block that is no Hessian, because a value held constant in the loss varies with the player's variables."""
    words = f"{name}'s own block is no Hessian: what its loss holds constant varies with it"
    if low is None or high is None:
        return Finding(f"{words}; its ends were not found", "unknown", "pass a larger products=...")
    span = f"real parts of its eigenvalues from {low.value.real:.3g} to {high.value.real:.3g}"
    off = max(low.backward_error, high.backward_error)
    return Finding(f"{words}; {span}", "float", f"{method}, backward error {off:.1e}", {"lowest": low.value.real})


def _ends(name: str, low: Ritz | None, high: Ritz | None, method: str) -> Finding:
    words = f"{name}'s own Hessian"
    if low is None or high is None:
        return Finding(f"{words}: its ends were not found", "unknown", "pass a larger products=...")
    sign = {"+": "positive definite", "-": "with negative curvature", "0": "with flat directions"}[_sign(low)]
    span = f"eigenvalues from {low.value.real:.3g} to {high.value.real:.3g}"
    bound = f"each end within {max(low.backward_error, high.backward_error):.1e} of an eigenvalue"
    inside = "" if method == "dense" else "; none further out is not proved"
    return Finding(
        f"{words}: {sign}, {span}", "float", bound + inside, {"lowest": low.value.real, "highest": high.value.real}
    )


def _zero_sum(J: Operator, seed: int) -> bool:
    """Whether J_12 = -J_21^T, on a random vector: then the costs are opposed up to terms without effect."""
    first, second = (J.slice_of(name) for name in J.blocks)
    v = np.zeros(J.size)
    v[first] = np.random.default_rng(seed + 2).standard_normal(first.stop - first.start)
    there, back = J.forward(v)[second], J.backward(v)[second]
    size = float(np.linalg.norm(there) + np.linalg.norm(back))
    return float(np.linalg.norm(there + back)) <= 1e3 * float(np.finfo(J.dtype).eps) * max(size, 1e-300)


def _minimax(
    J: Operator, leader: str, follower: str, below: str, seed: int, effort: Effort
) -> tuple[list[str], list[Finding]]:
    """The local minimax test for one order of play: the follower's Hessian, then the leader's Schur complement."""
    words = f"local minimax with {leader} first"
    if below == "-":
        return [f"no {words}"], []
    if below != "+":
        return [], []
    within = replace(J, forward=effort.checked(J.forward), backward=effort.checked(J.backward))
    try:
        effort.check()
        schur = replace(within.schur(leader), kind="symmetric")
        low = eigenvalues(schur, "smallest real part", count=1, seed=seed, budget=120)
    except UnknownAnswer as stop:
        return [], [Finding(f"{words}: undecided", "unknown", str(stop))]
    name = f"Schur complement of {leader}"
    if low.leading is None:
        return [], [Finding(f"{name}: its lowest end was not found", "unknown", "pass a larger products=...")]
    value: Any = low.leading.value.real
    test = Finding(
        f"{name}: lowest eigenvalue {value:.3g}", "float", f"within {low.leading.backward_error:.1e}", {"lowest": value}
    )
    sign = _sign(low.leading)
    return ([f"{words} (strict)"] if sign == "+" else [f"no {words}"] if sign == "-" else []), [test]
