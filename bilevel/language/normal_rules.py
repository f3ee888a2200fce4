"""Equations between words, used as rewriting rules: assumed products, and an inverse beside what it inverts.

Main definitions: `Rule`, `relation`, `resolvents`, `on_ones`, `rewritten`.

A rule replaces one word by a tensor wherever the word is part of a contraction graph. For M = c W + R with a word W,
M^{-1} W = (I - M^{-1} R)/c and W M^{-1} = (I - R M^{-1})/c: with M = I - gamma P these are the resolvent identities.
Rules only replace equals by equals, so a difference that becomes zero was zero; no claim is made that every equality
is found this way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from bilevel.language.errors import UnknownAnswer
from bilevel.language.normal_atom import Atom
from bilevel.language.normal_copies import copy
from bilevel.language.normal_ratio import Ratio
from bilevel.language.normal_tensor import Tensor, contract, total
from bilevel.language.normal_word import Word, assemble, identity, labels

MOST_STEPS = 2000


@dataclass(frozen=True)
class Rule:
    """pattern = value, read from left to right."""

    name: str
    what: str
    pattern: Word
    value: Tensor

    @property
    def before(self) -> Tensor:
        """The left side as a tensor."""
        return Tensor(self.pattern.rank, {self.pattern: Ratio.number(1)})


def relation(left: Tensor, right: Tensor) -> Rule | None:
    """An assumed equation, read towards the longest of the terms on its left; None if it says nothing."""
    gap = left - right
    if not gap or not left:
        return None
    if left.rank == 0 and (atom := left.ratio.atom) is not None and atom.kind == "contraction":
        return Rule("relation", "assumed equal", atom.parts[0], right)
    lead = max((word for word in left.terms if word in gap.terms), key=_length, default=None)
    if lead is None or not lead.factors:
        return None
    rest = Tensor(left.rank, {word: c for word, c in gap.terms.items() if word != lead})
    return Rule("relation", "assumed equal", lead, rest.scaled(Ratio.number(-1) / gap.terms[lead]))


def _length(word: Word) -> tuple[int, str]:
    return len(word.factors), word.key


def resolvents(tensor: Tensor) -> tuple[Rule, ...]:
    """For every inverse that stands in the words of a tensor: the inverse beside the longest of the terms inverted."""
    return tuple(rule for inverse in _inverses(tensor) for rule in _beside(inverse))


def _inverses(tensor: Tensor) -> list[Atom]:
    found = {
        atom.key: atom
        for word, c in tensor.terms.items()
        for held in (word, *(a.parts[0] for a in c.atoms if a.kind == "contraction"))
        for atom, _ in held.factors
        if atom.kind == "inverse" and atom.parts[0]
    }
    return [found[key] for key in sorted(found)]


def _beside(inverse: Atom) -> Iterator[Rule]:
    inside: Tensor = inverse.parts[0]
    unit = next(iter(Tensor.factor(identity(inverse.name)).terms))
    lead = max((word for word in inside.terms if word != unit), key=_length, default=None)
    if lead is None:
        return
    rest = Tensor(2, {word: c for word, c in inside.terms.items() if word != lead})
    whole, scale = Tensor.factor(inverse), Ratio.number(1) / inside.terms[lead]
    alone = Tensor(2, {lead: Ratio.number(1)})
    one = Tensor.factor(identity(inverse.name))
    for first, second, third in ((whole, alone, rest), (alone, whole, rest)):
        product = contract([(first, (0, "inner")), (second, ("inner", 1))], (0, 1))
        if len(product.terms) != 1:
            continue
        sides = (whole, third) if first is whole else (third, whole)
        left = contract([(sides[0], (0, "inner")), (sides[1], ("inner", 1))], (0, 1))
        ((word, c),) = product.terms.items()
        if len(word.factors) < 2:  # the inverse alone would be replaced by more of itself, without an end
            continue
        value = (one - left).scaled(scale / c)
        yield Rule("inverse", "an inverse times what it inverts is the identity, where it exists", word, value)


def on_ones(tensor: Tensor, rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """For every inverse M^{-1} with M 1 = c 1 by the rules (as where M holds a stochastic matrix): M^{-1} 1 = 1/c."""
    found = []
    for inverse in _inverses(tensor):
        ones = Tensor.factor(copy(inverse.name, 1))
        for order in (("row", "inner"), ("inner", "row")):  # the inverse may stand as its transpose
            image, _ = rewritten(contract([(inverse.parts[0], order), (ones, ("inner",))], ("row",)), rules)
            held = contract([(Tensor.factor(inverse), order), (ones, ("inner",))], ("row",))
            if image.terms.keys() == ones.terms.keys() and len(held.terms) == 1:
                ((word, c),), (scale,) = held.terms.items(), image.terms.values()
                found.append(
                    Rule("inverse", "M 1 = c 1, so M^-1 1 = 1/c", word, ones.scaled(Ratio.number(1) / (scale * c)))
                )
    return tuple(found)


def rewritten(tensor: Tensor, rules: Sequence[Rule]) -> tuple[Tensor, tuple[Rule, ...]]:
    """The tensor with every rule used until none applies, and the rules that were used."""
    used: dict[int, Rule] = {}
    waiting = list(tensor.terms.items())
    done: list[tuple[Word, Ratio]] = []

    def once(word: Word) -> Tensor | None:
        for place, rule in enumerate(rules):
            match = next(_matches(rule.pattern, word), None)
            if match is not None:
                used[place] = rule
                return _replaced(word, rule, *match)
        return None

    def closed(atom: Atom) -> Ratio:
        new = once(atom.parts[0]) if atom.kind == "contraction" else None
        return Ratio.of(atom) if new is None else new.ratio

    for _ in range(MOST_STEPS):
        if not waiting:
            return total(tensor.rank, done), tuple(used[place] for place in sorted(used))
        word, c = waiting.pop()
        new, scale = once(word), c.map(closed)
        if new is not None:
            waiting += [(w, scale * k) for w, k in new.terms.items()]
        else:
            (done if scale == c else waiting).append((word, scale))
    raise UnknownAnswer(f"the assumed equations were used {MOST_STEPS} times without an end")


def _replaced(word: Word, rule: Rule, places: Iterable[int], table: dict[int, Any]) -> Tensor:
    rest = [factor for place, factor in enumerate(word.factors) if place not in set(places)]
    terms = []
    for new, c in rule.value.terms.items():
        inner = [(atom, tuple(table[i] if i < new.rank else ("rule", i) for i in legs)) for atom, legs in new.factors]
        scale, result = assemble([*rest, *inner], range(word.rank))
        terms.append((result, scale * c))
    return total(word.rank, terms)


def _matches(pattern: Word, word: Word) -> Iterator[tuple[tuple[int, ...], dict[int, Any]]]:
    """Every way to find the pattern in a word: the places of its factors, and which index each index of it is."""
    wanted = list(pattern.factors)
    if len(wanted) > len(word.factors) or not {a.key for a, _ in wanted} <= {a.key for a, _ in word.factors}:
        return

    def search(taken: tuple[int, ...], table: dict[int, Any]) -> Iterator[tuple[tuple[int, ...], dict[int, Any]]]:
        if len(taken) == len(wanted):
            yield taken, table
            return
        atom, legs = wanted[len(taken)]
        for place, (other, found) in enumerate(word.factors):
            if place not in taken and other.key == atom.key:
                for order in _orders(atom):
                    bound = _bound(legs, [found[slot] for slot in order], table)
                    if bound is not None:
                        yield from search((*taken, place), bound)

    yield from search((), {})


def _orders(atom: Atom) -> Iterator[tuple[int, ...]]:
    """The exchanges of indices that leave a factor as it is."""
    marks = labels(atom)
    if len(set(marks)) == len(marks):
        yield tuple(range(atom.rank))
        return
    for order in permutations(range(atom.rank)):
        if all(marks[slot] == marks[place] for place, slot in enumerate(order)):
            yield order


def _bound(legs: Sequence[int], found: Sequence[Any], table: dict[int, Any]) -> dict[int, Any] | None:
    result = dict(table)
    for leg, index in zip(legs, found, strict=True):
        if result.setdefault(leg, index) != index:
            return None
    return result
