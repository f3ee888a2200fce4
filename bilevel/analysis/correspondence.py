"""Whether two games are the same problem, in which sense, and with what proof.

Main definitions: `correspond`, `Correspondence`, `Relation`, `RELATIONS`.

Relations from strong to weak, a partial order: identical losses; equal fields; fields equal up to one positive
constant; up to a positive constant per player; up to a positive function of the variables per player; and below these
the same fixed points. Beside them stands proportionality sample by sample, which implies neither collinear steps nor
equal fixed points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bilevel.analysis.relations import PROVERS, Compared
from bilevel.analysis.translation import matched, translate
from bilevel.game import Game
from bilevel.language.errors import GameError

#: Every relation with the ones it implies directly.
RELATIONS: Mapping[str, tuple[str, ...]] = {
    "identical": ("equal-fields",),
    "equal-fields": ("constant", "per-sample"),
    "constant": ("constant-per-player",),
    "constant-per-player": ("function",),
    "function": ("fixed-points",),
    "per-sample": (),
    "fixed-points": (),
    "information-structure": (),
}


@dataclass(frozen=True)
class Relation:
    """One relation between two games: whether it holds (True, False, None for unknown), with proof or counterexample.

    Math: see `RELATIONS`; `factor` is the positive factor from the second game's field to the first's, where there is
        one.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.3, for the correspondence that motivates these.

    Examples:
        >>> Relation("constant", True, factor=2).holds
        True
    """

    name: str
    holds: bool | None
    known: str = "exact"
    factor: Any = None
    trace: tuple[Any, ...] = ()
    counterexample: Any = None
    reason: str = ""

    def __str__(self) -> str:
        word = {True: "holds", False: "fails", None: "unknown"}[self.holds]
        return f"{self.name}: {word}{self._factors()}" + (f" ({self.reason})" if self.reason else "")

    def _factors(self) -> str:
        if self.factor is None or self.factor == 1 or self.name == "per-sample":  # there the reason lists them
            return ""
        if isinstance(self.factor, Mapping):
            return ", factors " + ", ".join(f"{player}: {factor}" for player, factor in self.factor.items())
        return f", factor {self.factor}"


@dataclass(frozen=True)
class Correspondence:
    """Every relation asked for, between two games.

    Math: `maximal` are the relations proved that no other proved relation implies.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945.

    Examples:
        >>> from bilevel.models import gan
        >>> [r.name for r in correspond(gan(), gan()).maximal]
        ['identical', 'information-structure']
    """

    first: Game
    second: Game
    relations: tuple[Relation, ...]
    players: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Relation:
        for relation in self.relations:
            if relation.name == name:
                return relation
        raise GameError(
            f"the relation {name!r} was not examined; examined: {', '.join(r.name for r in self.relations)}"
        )

    @property
    def proved(self) -> tuple[Relation, ...]:
        """The relations that hold."""
        return tuple(r for r in self.relations if r.holds)

    @property
    def maximal(self) -> tuple[Relation, ...]:
        """The relations that hold and are implied by no other that holds."""
        implied = {weaker for r in self.proved for weaker in weaker_than(r.name)}
        return tuple(r for r in self.proved if r.name not in implied)

    @property
    def answer(self) -> bool | None:
        """For a single claim: whether it holds."""
        verdicts = [r.holds for r in self.relations]
        return True if all(verdicts) else (False if False in verdicts else None)

    def __str__(self) -> str:
        return "\n".join(map(str, self.relations))


def weaker_than(name: str) -> set[str]:
    """Every relation a relation implies."""
    found: set[str] = set()
    for weaker in RELATIONS[name]:
        found |= {weaker} | weaker_than(weaker)
    return found


def correspond(a: Game, b: Game, *, claim: str | None = None, map: Mapping[Any, Any] | None = None) -> Correspondence:
    """In which senses two games are the same problem: all relations, or the one claimed, each with proof or
    counterexample.

    Math: `map` gives variables (and networks) of the first game in those of the second; it is substituted into the
        first game's losses, which are then differentiated in the second's variables. A relation that holds comes with
        the steps that prove it; one that fails, with an instance and a point of difference; otherwise the answer is
        None.

    Raises: GameError for an unknown claim, or a map that does not fit the games.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.3.

    Examples:
        >>> from bilevel.models import blind_actor_critic, gan
        >>> same = correspond(blind_actor_critic(scaled=True), gan(), claim="constant")
        >>> same.answer, same["constant"].factor
        (True, 1/2)
    """
    if claim is not None and claim not in RELATIONS:
        raise GameError(f"there is no relation {claim!r}; the relations are {', '.join(RELATIONS)}")
    moved = translate(a, b, map)
    compared = Compared(moved, b, matched(moved, b), a)
    done: dict[str, Relation] = {}
    for name in RELATIONS:
        implied_by = next((r for r in done.values() if r.holds and name in weaker_than(r.name)), None)
        if claim is not None and name != claim:
            continue
        if implied_by is not None:
            done[name] = Relation(
                name, True, implied_by.known, implied_by.factor, reason=f"implied by {implied_by.name}"
            )
        else:
            done[name] = Relation(name, **PROVERS[name](compared))
    return Correspondence(a, b, tuple(done.values()), compared.players)
