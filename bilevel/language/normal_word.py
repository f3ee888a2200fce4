"""Words of tensor factors: products and contractions of vectors, matrices and partials, in one canonical form.

Main definitions: `Word` (a contraction graph with ordered open indices), `assemble` (one word from raw factors).

A matrix product, a transpose and an inner product are all contractions of indices, so reassociation, `(A B)^T = B^T
A^T` and `<u, M v> = <M^T u, v>` hold by construction: a graph has no direction. Graphs are numbered canonically by
colour refinement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

from bilevel.language.normal_atom import Atom, Names
from bilevel.language.normal_copies import copied, spread
from bilevel.language.normal_ratio import Ratio

Factor = tuple[Atom, tuple[Any, ...]]


class Word:
    """Tensor factors with indices; `0 .. rank-1` are open, the rest stand exactly twice. Built only by `assemble`."""

    def __init__(self, factors: tuple[Factor, ...] = (), rank: int = 0) -> None:
        self.factors, self.rank = factors, rank

    @cached_property
    def key(self) -> str:
        """Canonical text."""
        return f"{self.rank}<" + " ".join(f"{a.key}@{','.join(map(str, i))}" for a, i in self.factors) + ">"

    @cached_property
    def free(self) -> frozenset[str]:
        """Random variables that stand free in it."""
        return frozenset().union(*(a.free for a, _ in self.factors))

    @cached_property
    def height(self) -> int:
        """Nesting depth of expectations."""
        return max((a.height for a, _ in self.factors), default=0)

    def rename(self, names: Names) -> Word:
        """Rename free random variables; renumbered canonically."""
        if not self.free & names.keys():
            return self
        if self.rank == 0:  # a closed word lives inside its contraction atom
            return canonical(upright((a.rename(names), i) for a, i in self.factors), 0)
        return assemble([(a.rename(names), i) for a, i in self.factors], range(self.rank))[1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Word) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return self.key


EMPTY = Word()
REAL_FACTORS = ("vector", "matrix", "random", "call", "copy", "selection")


def labels(atom: Atom) -> tuple[Any, ...]:
    """One label per index; indices with equal labels may be exchanged (repeated derivatives, symmetric matrices)."""
    return atom.slots or tuple(range(atom.rank))


def identity(dimension: str) -> Atom:
    """The identity matrix as a factor: it joins two indices."""
    return Atom("identity", (dimension,), rank=2, slots=(0, 0))


def closed(word: Word) -> Atom:
    """A contraction without open indices as a scalar atom; a squared norm is known not to be negative."""
    real = all(a.kind in REAL_FACTORS or a.kind.startswith("partial") for a, _ in word.factors)
    square = real and len(word.factors) == 2 and word.factors[0] == word.factors[1]
    return Atom("contraction", (word,), range="nonnegative" if square else "real")


def join(factors: list[Factor], opens: Sequence[Any]) -> tuple[list[Factor], Ratio]:
    """Contract identity matrices away; a closed loop of them is the dimension."""
    work, scale = list(factors), Ratio.number(1)
    for factor in [f for f in work if f[0].kind == "identity"]:
        place = next(p for p, f in enumerate(work) if f is factor or f == factor)
        i, j = work[place][1]
        if i == j:
            scale = scale * dimension_of(work.pop(place)[0].parts[0])
            continue
        gone, kept = (i, j) if i not in opens else (j, i)
        if gone in opens:
            continue
        work.pop(place)
        work = [(a, tuple(kept if k == gone else k for k in idx)) for a, idx in work]
    return work, scale


def dimension_of(text: str) -> Ratio:
    """A dimension as a coefficient."""
    return Ratio.number(int(text)) if text.isdigit() else Ratio.of(Atom("dimension", name=text, range="positive"))


def upright(factors: Iterable[Factor]) -> list[Factor]:
    """Factors in their canonical orientation."""
    result = []
    for atom, idx in factors:
        held, turn = atom.oriented()
        result.append((held, tuple(idx[t] for t in turn)))
    return result


def components(factors: list[Factor], opens: Sequence[Any]) -> list[list[Factor]]:
    """Connected parts of the contraction graph."""
    groups: list[tuple[set[Any], list[Factor]]] = []
    for factor in factors:
        touching = [g for g in groups if g[0] & set(factor[1])]
        merged = (set(factor[1]).union(*(g[0] for g in touching)), [f for g in touching for f in g[1]] + [factor])
        groups = [g for g in groups if not any(g is t for t in touching)] + [merged]
    return [members for _, members in groups]


def assemble(factors: Iterable[Factor], opens: Iterable[Any]) -> tuple[Ratio, Word]:
    """Canonical word of raw factors, closed parts taken out as scalar atoms; indices may be any hashable names."""
    order = list(opens)
    work, scale = join(upright(factors), order)
    while copied(work) and (step := spread(work)) is not None:
        work, more = join(upright(step[0]), order)
        scale = scale * more if step[1] is None else scale * more * dimension_of(step[1])
    number = {index: place for place, index in enumerate(order)}
    kept: list[Factor] = []
    for part in components(work, order):
        named = [(a, tuple(number.get(i, ("inner", i)) for i in idx)) for a, idx in part]
        touched = sorted(i for _, idx in named for i in idx if isinstance(i, int))
        if touched:
            kept += named
        else:
            scale = scale * Ratio.of(closed(canonical(named, 0)))
    return scale, canonical(kept, len(order))


def canonical(factors: Sequence[Factor], rank: int) -> Word:
    """The word numbered canonically: the least text over the orders that colour refinement leaves open."""
    parts = components(list(factors), ())
    if len(parts) > 1:  # an outer product: each part by itself, in the order of its first open index
        done: list[tuple[list[int], Word]] = []
        for part in parts:
            outer = sorted(i for _, idx in part for i in idx if isinstance(i, int) and i < rank)
            local = {i: p for p, i in enumerate(outer)}
            word = canonical([(a, tuple(local.get(i, ("inner", i)) for i in idx)) for a, idx in part], len(outer))
            done.append((outer, word))
        return _beside(sorted(done, key=lambda pair: pair[0]), rank)
    if not factors:
        return Word((), rank)
    return min((_numbered(list(factors), list(o), rank) for o in _orders(list(factors), rank)), key=lambda w: w.key)


def _beside(parts: list[tuple[list[int], Word]], rank: int) -> Word:
    factors: list[Factor] = []
    following = rank
    for outer, word in parts:
        inner = sorted({i for _, idx in word.factors for i in idx if i >= word.rank})
        place = {**dict(enumerate(outer)), **{i: following + p for p, i in enumerate(inner)}}
        following += len(inner)
        factors += [(a, tuple(place[i] for i in idx)) for a, idx in word.factors]
    return Word(tuple(factors), rank)


def _neighbours(factors: list[Factor], rank: int) -> list[list[tuple[Any, int, Any]]]:
    """For every slot of every factor: ("open", i) or the other end (place, label)."""
    ends: dict[Any, list[tuple[int, int]]] = {}
    for place, (_, idx) in enumerate(factors):
        for slot, i in enumerate(idx):
            ends.setdefault(i, []).append((place, slot))
    table: list[list[tuple[Any, int, Any]]] = []
    for place, (_, idx) in enumerate(factors):
        row: list[tuple[Any, int, Any]] = []
        for slot, i in enumerate(idx):
            if isinstance(i, int) and i < rank:
                row.append(("open", i, ""))
            else:
                other = next(end for end in reversed(ends[i]) if end != (place, slot))
                row.append(("inner", other[0], labels(factors[other[0]][0])[other[1]]))
        table.append(row)
    return table


def _orders(factors: list[Factor], rank: int) -> Iterator[tuple[int, ...]]:
    """Orders of the factors that colour refinement leaves possible."""
    table = _neighbours(factors, rank)

    def refine(colours: list[str]) -> list[int]:
        ranks = _ranks(colours)
        for _ in factors:
            signatures = []
            for place, (atom, _) in enumerate(factors):
                seen = sorted(
                    (repr(label), kind, n if kind == "open" else ranks[n], repr(there))
                    for label, (kind, n, there) in zip(labels(atom), table[place])
                )
                signatures.append(f"{ranks[place]:04d}|{seen}")
            new = _ranks(signatures)
            if new == ranks:
                break
            ranks = new
        return ranks

    def search(colours: list[str]) -> Iterator[tuple[int, ...]]:
        ranks = refine(colours)
        ties = [r for r in sorted(set(ranks)) if ranks.count(r) > 1]
        if not ties:
            yield tuple(sorted(range(len(factors)), key=ranks.__getitem__))
            return
        for chosen in (p for p, r in enumerate(ranks) if r == ties[0]):
            yield from search([f"{r:04d}{'' if p == chosen else '~'}" for p, r in enumerate(ranks)])

    yield from search([atom.key for atom, _ in factors])


def _ranks(texts: Sequence[str]) -> list[int]:
    place = {text: rank for rank, text in enumerate(sorted(set(texts)))}
    return [place[text] for text in texts]


def _numbered(factors: list[Factor], order: list[int], rank: int) -> Word:
    """The word for one order of factors: exchangeable slots sorted, inner indices numbered as they are met."""
    table, position = _neighbours(factors, rank), {p: n for n, p in enumerate(order)}
    number: dict[Any, int] = {}
    result: list[Factor] = []
    for place in order:
        atom, idx = factors[place]
        marks = labels(atom)
        view = [(kind, n if kind == "open" else position[n], repr(there)) for kind, n, there in table[place]]
        slots = list(range(len(idx)))
        for mark in dict.fromkeys(marks):
            same = [s for s in slots if marks[s] == mark]
            for target, source in zip(same, sorted(same, key=lambda s: (view[s], number.get(idx[s], 99)))):
                slots[target] = source
        named = []
        for s in slots:
            i = idx[s]
            named.append(i if isinstance(i, int) and i < rank else number.setdefault(i, rank + len(number)))
        result.append((atom, tuple(named)))
    return Word(tuple(result), rank)


def path(factors: tuple[Factor, ...], start: Any, end: Any) -> list[tuple[int, int, int]] | None:
    """Factors from one index to another as (place, slot entered, slot left); None if they are not connected."""

    def walk(index: Any, visited: frozenset[int]) -> list[tuple[int, int, int]] | None:
        for place, (_, idx) in enumerate(factors):
            if place in visited or index not in idx:
                continue
            entry = idx.index(index)
            for slot, leaving in enumerate(idx):
                if slot == entry:
                    continue
                rest = [] if leaving == end else walk(leaving, visited | {place})
                if rest is not None:
                    return [(place, entry, slot), *rest]
        return None

    return walk(start, frozenset())


def cycle(factors: tuple[Factor, ...]) -> list[tuple[int, int, int]] | None:
    """A closed loop of factors, or None for a tree."""
    for place, (_, idx) in enumerate(factors):
        for slot, index in enumerate(idx):
            if index in idx[slot + 1 :]:
                return [(place, slot, idx.index(index, slot + 1))]
            others = tuple((a, i if p != place else ()) for p, (a, i) in enumerate(factors))
            for back in range(slot + 1, len(idx)):
                way = path(others, index, idx[back])
                if way is not None:
                    return [(place, back, slot), *way]
    return None
