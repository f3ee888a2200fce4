"""Expectations as atoms: bound variables with their laws, and canonical names for them.

Main definitions: `Binder` (a bound variable and its law), `Block` (an expectation as an atom), `named`.

Bound variables are named by nesting height and place, so that names never collide; among variables of one law the
naming with the least text is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import permutations, product
from typing import NamedTuple

from bilevel.language.normal_atom import Atom, Names
from bilevel.language.normal_functions import is_real, sign_of
from bilevel.language.normal_ratio import Ratio
from bilevel.language.normal_word import Word, assemble

MOST_NAMINGS = 24


class Binder(NamedTuple):
    """A bound random variable (an atom of kind `random`) and the atom of its law."""

    variable: Atom
    law: Atom

    @property
    def key(self) -> str:
        """Canonical text."""
        return f"{self.variable.name}~{self.law.key}"

    def rename(self, names: Names) -> Binder:
        """Rename the variable and what its law depends on."""
        return Binder(self.variable.rename(names), self.law.rename(names))


class Block(Atom):
    """An expectation: parts (binders, coefficient, word, given); its indices are the open indices of the word.

    `given` is empty, or (event, at): what is observed of the bound variables, and the value at which it is read
    (outside).
    """

    def __init__(
        self, binders: tuple[Binder, ...], ratio: Ratio, word: Word, given: tuple = (), slots: tuple = ()
    ) -> None:
        kind = "conditional" if given else "block"
        inside = (
            ratio.atom.range
            if ratio.atom
            else "positive"
            if sign_of(ratio) > 0
            else "real"
            if is_real(ratio)
            else "complex"
        )
        super().__init__(
            kind, (binders, ratio, word, given), rank=word.rank, slots=slots, range="real" if word.rank else inside
        )

    @property
    def binders(self) -> tuple[Binder, ...]:
        """Bound variables with their laws."""
        return self.parts[0]

    @cached_property
    def key(self) -> str:
        """Canonical text."""
        given = "".join("|" + part.key for part in self.parts[3])
        return f"E[{';'.join(b.key for b in self.binders)}|{self.parts[1].key}|{self.parts[2].key}{given}]"

    @cached_property
    def free(self) -> frozenset[str]:
        """Random variables free in it: those of the inside but the bound ones."""
        _, ratio, word, given = self.parts
        inside = (ratio.free | word.free).union(*(b.law.free for b in self.binders), *(part.free for part in given[:1]))
        return (inside - {b.variable.name for b in self.binders}).union(*(part.free for part in given[1:]))

    @cached_property
    def height(self) -> int:
        """One more than the deepest expectation inside."""
        return height_above(*self.parts)

    def rename(self, names: Names) -> Atom:
        """Rename free variables; bound names are lower in height, so nothing is captured."""
        if not self.free & names.keys():
            return self
        binders, ratio, word, given = self.parts
        moved = tuple(part.rename(names) for part in given)
        return named(tuple(b.rename(names) for b in binders), ratio.rename(names), word.rename(names), moved)

    def oriented(self) -> tuple[Atom, tuple[int, ...]]:
        """Open indices in the order of least text."""
        if self.rank < 2:
            return self, tuple(range(self.rank))
        binders, ratio, word, given = self.parts
        turns = {turn: named(binders, ratio, turned(word, turn), given) for turn in permutations(range(self.rank))}
        best = min(turns, key=lambda turn: turns[turn].key)
        symmetric = self.rank == 2 and turns[(0, 1)].key == turns[(1, 0)].key
        held = turns[best]
        return Block(held.binders, held.parts[1], held.parts[2], given, (0, 0) if symmetric else ()), best


def turned(word: Word, turn: Sequence[int]) -> Word:
    """The word whose p-th open index is the old turn[p]-th."""
    return assemble(word.factors, turn)[1]


def renamings(binders: tuple[Binder, ...], height: int) -> Iterator[tuple[tuple[Binder, ...], dict[str, str]]]:
    """Orders of the variables with their canonical names: all exchanges of variables of one law, up to a bound."""
    blank = {b.variable.name: "?" for b in binders}

    def shape(b: Binder) -> str:
        return b.law.rename(blank).key

    ordered = sorted(binders, key=shape)
    groups: dict[str, list[Binder]] = {}
    for b in ordered:
        groups.setdefault(shape(b), []).append(b)
    choices = product(*(permutations(group) for group in groups.values()))
    for _, choice in zip(range(MOST_NAMINGS), choices):
        line = tuple(b for group in choice for b in group)
        yield line, {b.variable.name: f"{height}.{place}" for place, b in enumerate(line)}


def height_above(binders: tuple[Binder, ...], ratio: Ratio, word: Word, given: tuple) -> int:
    """Height of a block with these parts."""
    return 1 + max(ratio.height, word.height, *(b.law.height for b in binders), *(part.height for part in given))


def named(binders: tuple[Binder, ...], ratio: Ratio, word: Word, given: tuple = ()) -> Block:
    """The block with canonical bound names."""
    options = []
    for line, names in renamings(binders, height_above(binders, ratio, word, given)):
        known = tuple(part.rename(names) for part in given[:1]) + given[1:]
        options.append(Block(tuple(b.rename(names) for b in line), ratio.rename(names), word.rename(names), known))
    return min(options, key=lambda block: block.key)
