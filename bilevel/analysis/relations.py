"""How each relation between two games is proved or refuted.

Main definitions: `Compared`, `PROVERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from bilevel.analysis.proportion import constant_factors, function_factor, is_positive, sample_factors
from bilevel.game import Game
from bilevel.language.equality import Equality, equal
from bilevel.language.latex import plain

Finding = dict[str, Any]


@dataclass(frozen=True)
class Compared:
    """Two games in the same variables, and which player answers to which."""

    first: Game
    second: Game
    players: Mapping[str, str]
    original: Game

    @cached_property
    def fields(self) -> dict[str, list[tuple[Any, Any, Any]]]:
        """For each player of the first game: (variable, its F there, its F in the second game)."""
        mine, theirs = self.first.field(), self.second.field()
        return {name: [(v, mine[v], theirs[v]) for v in self.first[name].moves] for name in self.players}

    @cached_property
    def constants(self) -> dict[str, tuple[Any, tuple[Any, ...]] | None]:
        """For each player a proved nonzero constant k with F_first = k F_second, and the proof; None where none was
        found."""
        moved = frozenset(self.second.variables)
        return {name: _constant(rows, moved) for name, rows in self.fields.items()}

    @cached_property
    def vanishing(self) -> dict[str, Equality]:
        """For each player whether its field in the second game is identically zero (all components)."""
        found = {}
        for name, rows in self.fields.items():
            answers = [equal(theirs, 0 * theirs) for _, _, theirs in rows]
            found[name] = next((a for a in answers if a.answer is not True), answers[0])
        return found


def _constant(rows: list[tuple[Any, Any, Any]], moved: frozenset[Any]) -> tuple[Any, tuple[Any, ...]] | None:
    for candidate in constant_factors(rows[0][1], rows[0][2]):
        if candidate.free_symbols & moved:
            continue
        proofs = [equal(mine, candidate * theirs) for _, mine, theirs in rows]
        if candidate != 0 and all(proof.answer for proof in proofs):
            return candidate, tuple(step for proof in proofs for step in proof.trace)
    return None


def _all_equal(pairs: list[tuple[str, Any, Any]], **options: Any) -> Finding:
    trace: list[Any] = []
    verdicts = []
    for what, mine, theirs in pairs:
        answer = equal(mine, theirs, **options)
        if answer.answer is False:
            return {
                "holds": False,
                "known": answer.known,
                "counterexample": answer.counterexample,
                "reason": f"{what} differ",
                "trace": answer.trace,
            }
        verdicts.append((what, answer))
        trace += answer.trace
    open_ones = [f"{what}: {answer.reason}" for what, answer in verdicts if answer.answer is None]
    if open_ones:
        return {"holds": None, "known": "unknown", "reason": "; ".join(open_ones)}
    return {"holds": True, "factor": sp.S.One, "trace": tuple(trace)}


def identical(compared: Compared) -> Finding:
    """Every loss the same function, differentiated through the same replies."""
    for mine, theirs in compared.players.items():
        here = {(compared.players.get(other, other), how) for other, how in compared.first[mine].through}
        if here != set(compared.second[theirs].through):
            return {"holds": False, "reason": f"{mine} and {theirs} differentiate through different replies"}
    pairs = [
        (f"the losses of {mine} and {theirs}", compared.first.cost(mine), compared.second.cost(theirs))
        for mine, theirs in compared.players.items()
    ]
    return _all_equal(pairs, values=False)


def equal_fields(compared: Compared) -> Finding:
    """Every player's gradient the same."""
    return _all_equal([(f"the gradients in {v}", a, b) for rows in compared.fields.values() for v, a, b in rows])


def one_constant(compared: Compared) -> Finding:
    """F_first = k F_second with one k > 0."""
    found = constant_per_player(compared)
    if not found["holds"]:
        return found
    moving = {name: k for name, k in found["factor"].items() if compared.vanishing[name].answer is not True}
    values = list(moving.values()) or [sp.S.One]
    if all(sp.cancel(k - values[0]) == 0 for k in values):
        return {**found, "factor": values[0]}
    if any(compared.vanishing[name].answer is None for name in moving):
        return {"holds": None, "known": "unknown", "reason": "a player's field could not be shown to be nonzero"}
    shown = ", ".join(f"{name}: {k}" for name, k in moving.items())
    return {
        "holds": False,
        "reason": f"the players' constants differ ({shown}) and their fields do not vanish identically",
    }


def constant_per_player(compared: Compared) -> Finding:
    """F_first = k_i F_second for player i, k_i > 0."""
    trace: list[Any] = []
    factors: dict[str, Any] = {}
    for name, found in compared.constants.items():
        if found is None:
            return _no_constant(compared, name)
        k, steps = found
        if not is_positive(k):
            if is_positive(-k) and compared.vanishing[name].answer is False:
                return {"holds": False, "reason": f"the factor of {name} is {k}, which is negative", "trace": steps}
            return {"holds": None, "known": "unknown", "reason": f"the sign of the factor {k} of {name} is not known"}
        factors[name] = k
        trace += steps
    return {"holds": True, "factor": factors, "trace": tuple(trace)}


def _no_constant(compared: Compared, name: str) -> Finding:
    from bilevel.analysis.refutation import refute_constant

    refuted = refute_constant(compared.fields[name])
    if refuted is not None:
        return {
            "holds": False,
            "known": refuted.known,
            "counterexample": refuted,
            "reason": f"no constant serves {name}: {refuted}",
        }
    return {
        "holds": None,
        "known": "unknown",
        "reason": f"no constant factor was found for {name}, and none was ruled out",
    }


def positive_function(compared: Compared) -> Finding:
    """F_first = k_i(z) F_second with k_i a positive function of the variables."""
    factors: dict[str, Any] = {}
    trace: list[Any] = []
    for name, rows in compared.fields.items():
        constant = compared.constants[name]
        if constant is not None and is_positive(constant[0]):
            factors[name], steps = constant
            trace += steps
            continue
        found = [function_factor(mine, theirs) for _, mine, theirs in rows]
        ratios = [ratio for ratio in found if ratio is not None]
        if len(ratios) < len(rows) or any(sp.cancel(sp.together(r - ratios[0])) != 0 for r in ratios):
            return _no_direction(compared, name)
        if not is_positive(ratios[0]):
            return _no_direction(
                compared, name, f"the factor {ratios[0]} of {name} is not known to be positive everywhere"
            )
        proofs = [equal(mine, ratios[0] * theirs) for _, mine, theirs in rows]
        if not all(proof.answer for proof in proofs):
            return {
                "holds": None,
                "known": "unknown",
                "reason": f"the factor {ratios[0]} of {name} could not be proved",
            }
        factors[name] = ratios[0]
        trace += [step for proof in proofs for step in proof.trace]
    return {"holds": True, "factor": factors, "trace": tuple(trace)}


def _no_direction(compared: Compared, name: str, why: str = "") -> Finding:
    from bilevel.analysis.refutation import refute_direction

    refuted = refute_direction(compared.fields[name])
    if refuted is not None:
        return {
            "holds": False,
            "known": refuted.known,
            "counterexample": refuted,
            "reason": f"the steps of {name} part: {refuted}",
        }
    return {
        "holds": None,
        "known": "unknown",
        "reason": why or f"no common factor of {name}'s gradients was found or ruled out",
    }


def per_sample(compared: Compared) -> Finding:
    """Every integrand the same up to a positive factor, law by law."""
    factors: dict[str, Any] = {}
    for name, rows in compared.fields.items():
        for variable, mine, theirs in rows:
            found = sample_factors(mine, theirs)
            if found is None:
                return {
                    "holds": None,
                    "known": "unknown",
                    "reason": f"no positive factor per sample was found in the gradient in {variable}",
                }
            factors[name] = found
    shown = "; ".join(f"{name}: {_listed(found)}" for name, found in factors.items())
    return {"holds": True, "factor": factors, "reason": f"factors {shown}"}


def _listed(factors: list[tuple[tuple[Any, ...], Any]]) -> str:
    """Each law's factor once, as text."""
    return ", ".join(dict.fromkeys(plain(factor) for _, factor in factors)) or "none"


def fixed_points(compared: Compared) -> Finding:
    """The same zeros of the field."""
    if all(found is not None for found in compared.constants.values()):
        for name, found in compared.constants.items():
            if found and not (found[0].is_nonzero and found[0].is_finite):
                reason = f"the factor {found[0]} of {name} is not known to be finite and nonzero"
                return {"holds": None, "known": "unknown", "reason": reason}
        steps = tuple(step for found in compared.constants.values() if found for step in found[1])
        return {"holds": True, "trace": steps, "reason": "each player's field is a nonzero constant multiple"}
    from bilevel.analysis.refutation import compare_zeros

    return compare_zeros(compared.first, compared.second)


def information_structure(compared: Compared) -> Finding:
    """Isomorphic diagrams of who sees what and whose gradient passes through whom."""
    from bilevel.analysis.information import information_structure as structure_of

    mine, theirs = structure_of(compared.original), structure_of(compared.second)
    found = mine.isomorphism(theirs)
    if found is not None:
        return {
            "holds": True,
            "factor": None,
            "counterexample": None,
            "reason": ", ".join(f"{a} ~ {b}" for a, b in found.items()) or "no networks: both diagrams are empty",
        }
    return {
        "holds": False,
        "reason": "no bijection of the nodes keeps both kinds of edges",
        "counterexample": (mine, theirs),
    }


PROVERS: Mapping[str, Callable[[Compared], Finding]] = {
    "identical": identical,
    "equal-fields": equal_fields,
    "constant": one_constant,
    "constant-per-player": constant_per_player,
    "function": positive_function,
    "per-sample": per_sample,
    "fixed-points": fixed_points,
    "information-structure": information_structure,
}
