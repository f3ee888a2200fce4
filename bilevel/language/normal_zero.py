"""Is a normal form zero? Expectations over the same variables are put over one denominator and compared term by term.

Main definitions: `is_zero`, `settled`, `moments`.

Over variables of one law, E is linear and the integrands form a vector space over what is free of the variables.
Writing every integrand over the common denominator L in the basis m/L (m a monomial) makes equal expectations equal
sums; the one relation left, E[L/L] = 1, is used to eliminate one basis element. Integrands over several variables
of one law are symmetrised.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from itertools import permutations, product
from math import factorial, floor

from bilevel.language.normal_atom import Atom
from bilevel.language.normal_block import Binder, Block, turned
from bilevel.language.normal_ratio import ONE, Flint, Monomial, Polynomial, Ratio, times
from bilevel.language.normal_tensor import Tensor, contract, total
from bilevel.language.normal_word import EMPTY, Word, identity

MOST_SWAPS = 24


def is_zero(tensor: Tensor) -> bool:
    """True if the tensor is proved to vanish; False means only that it was not."""
    if not tensor:
        return True
    if _vanishes(tensor, coefficients=False):
        return True
    blocks = blocks_of(tensor)
    below = {atom for block in blocks for m in block.parts[1].den for atom, _ in m}
    return any(block in below for block in blocks) and _vanishes(tensor, coefficients=True)


def _vanishes(tensor: Tensor, coefficients: bool) -> bool:
    try:
        return not any(whole_roots(c) for c in settled(tensor, coefficients).terms.values())
    except ValueError:  # a root of an expectation that became a sum: compared as it stands
        return False


def settled(tensor: Tensor, coefficients: bool = False) -> Tensor:
    """The tensor with all expectations over like variables written over a common denominator.

    An expectation may stand in that denominator itself, as in E[1/(x + E[x])]. Then it is a coefficient of the basis,
    and rewriting it as well leaves the relation E[L/L] = 1 with two faces: with `coefficients` it stays as it is.
    """
    groups: dict[str, list[Block]] = {}
    for block in blocks_of(tensor):
        groups.setdefault(law_text(block.binders), []).append(block)
    images: dict[Atom, Tensor] = {}
    for text, blocks in groups.items():
        if _needs_work(blocks):
            images.update(_images(text, blocks, coefficients))
    return replaced(tensor, images) if images else tensor


def blocks_of(tensor: Tensor) -> list[Block]:
    """The expectations that stand in a tensor, not those nested in functions."""
    found: dict[str, Block] = {}

    def visit(atom: Atom) -> None:
        if isinstance(atom, Block) and atom.kind == "block":
            found[atom.key] = atom
        elif atom.kind == "contraction":
            for inner, _ in atom.parts[0].factors:
                visit(inner)

    for word, c in tensor.terms.items():
        for atom in (*c.atoms, *(a for a, _ in word.factors)):
            visit(atom)
    return list(found.values())


def law_text(binders: Sequence[Binder]) -> str:
    """The laws bound, whatever the variables are called."""
    names = {b.variable.name: f"?{place}" for place, b in enumerate(binders)}
    return ";".join(b.law.rename(names).key for b in binders)


def _needs_work(blocks: list[Block]) -> bool:
    laws = [b.law.key for b in blocks[0].binders]
    return (
        len(set(laws)) < len(laws)
        or any(len(b.parts[1].den) > 1 for b in blocks)
        or len({str(b.parts[1].den) for b in blocks}) > 1
    )


def _images(text: str, blocks: list[Block], coefficients: bool) -> dict[Atom, Tensor]:
    """Each block as a combination of basis elements E[m/L w]; with `coefficients` not those that stand in L."""
    count = len(blocks[0].binders)
    own = frozenset(f"?{place}" for place in range(count))
    opened: list[tuple[Block, Ratio, Word]] = []
    for block in blocks:
        names = {b.variable.name: f"?{place}" for place, b in enumerate(block.binders)}
        opened.append((block, block.parts[1].rename(names), block.parts[2].rename(names)))
    swaps = _swaps(blocks[0].binders)
    common = reduce(lowest_common, (r.rename(s).den for _, r, _ in opened for s in swaps), {ONE: Fraction(1)})
    relation = _relation(text, common, own)
    images: dict[Atom, Tensor] = {}
    kept = {a for m in common for a, _ in m} if coefficients else set()
    for block, ratio, word in opened:
        if block in kept:
            continue
        terms: list[tuple[Word, Ratio]] = []
        for swap in swaps:
            numerator = ratio.rename(swap) * Ratio(common)
            for m, c in numerator.num.items():
                inner, outer = _parted(m, own)
                part = _basis(text, inner, word.rename(swap), relation).scaled(
                    outer * Ratio.number(c / len(swaps)) / Ratio(numerator.den)
                )
                terms += part.terms.items()
        images[block] = total(word.rank, terms)
    return images


def _swaps(binders: Sequence[Binder]) -> list[dict[str, str]]:
    """Exchanges of variables of one law (their laws depend on no other variable)."""
    groups: dict[str, list[int]] = {}
    for place, b in enumerate(binders):
        groups.setdefault(b.law.key, []).append(place)
    size = reduce(lambda a, g: a * factorial(len(g)), groups.values(), 1)
    if size == 1 or size > MOST_SWAPS or any(b.law.free for b in binders):
        return [{}]
    result = []
    for choice in product(*(permutations(g) for g in groups.values())):
        result.append(
            {
                f"?{old}": f"?{new}"
                for group, image in zip(groups.values(), choice, strict=True)
                for old, new in zip(group, image, strict=True)
            }
        )
    return result


def lowest_common(left: Polynomial, right: Polynomial) -> Polynomial:
    """Least common multiple."""
    if left == right or set(right) == {ONE}:
        return left
    space = Flint(left, right)
    a, b = space.enter(left), space.enter(right)
    return times(left, space.leave(b / a.gcd(b)))


def _parted(m: Monomial, own: frozenset[str]) -> tuple[Monomial, Ratio]:
    inner = tuple(pair for pair in m if pair[0].free & own)
    outer = tuple(pair for pair in m if not pair[0].free & own)
    return inner, Ratio({outer: Fraction(1)})


def _relation(text: str, common: Polynomial, own: frozenset[str]) -> tuple[Monomial, Ratio] | None:
    """E[L/L] = 1 solved for one basis element, if L has several."""
    gathered: dict[Monomial, Ratio] = {}
    for m, number in common.items():
        inner, outer = _parted(m, own)
        gathered[inner] = gathered.get(inner, Ratio.number(0)) + outer * Ratio.number(number)
    gone = min(gathered, key=str)
    rest = Ratio.number(1)
    for m, c in gathered.items():
        if m != gone:
            rest = rest - c * Ratio.of(_element(text, m, EMPTY))
    return gone, rest / gathered[gone]


def _element(text: str, m: Monomial, word: Word) -> Atom:
    upright = (
        word if word.rank < 2 else min((turned(word, t) for t in permutations(range(word.rank))), key=lambda w: w.key)
    )
    return Atom("basis", (text, Ratio({m: Fraction(1)}), upright), rank=word.rank)


def _basis(text: str, m: Monomial, word: Word, relation: tuple[Monomial, Ratio] | None) -> Tensor:
    if word.rank == 0:
        if relation is not None and relation[0] == m:
            return Tensor.scalar(relation[1])
        return Tensor.scalar(Ratio.of(_element(text, m, word)))
    turns = list(permutations(range(word.rank)))
    best = min(turns, key=lambda t: turned(word, t).key)
    symmetric = word.rank == 2 and turned(word, (0, 1)) == turned(word, (1, 0))
    element = _element(text, m, word)
    if symmetric:
        element = Atom("basis", element.parts, rank=2, slots=(0, 0))
    return Tensor.factor(element).permuted([best.index(p) for p in range(word.rank)])


def replaced(tensor: Tensor, images: dict[Atom, Tensor]) -> Tensor:
    """The tensor with atoms replaced by tensors, inside contractions too."""

    def scalar(atom: Atom) -> Ratio:
        if atom in images:
            return images[atom].ratio
        if atom.kind == "contraction" and any(a in images for a, _ in atom.parts[0].factors):
            return spliced(atom.parts[0], 0).ratio
        return Ratio.of(atom)

    def spliced(word: Word, rank: int) -> Tensor:
        return contract([(images.get(a) or Tensor.factor(a), idx) for a, idx in word.factors], tuple(range(rank)))

    terms: list[tuple[Word, Ratio]] = []
    for word, c in tensor.terms.items():
        terms += spliced(word, word.rank).scaled(c.map(scalar)).terms.items()
    return total(tensor.rank, terms)


def whole_roots(ratio: Ratio) -> Ratio:
    """The numerator with whole powers of roots multiplied out: a root stands for its inside to a fractional power."""
    result = Ratio.number(0)
    if not any(a.kind == "root" for a in ratio.atoms):
        return ratio
    for m, c in ratio.num.items():
        term = Ratio.number(c)
        for a, e in m:
            whole = floor(e) if a.kind == "root" else 0
            term = term * Ratio.of(a, e - whole) * (a.parts[0] ** whole if whole else Ratio.number(1))
        result = result + term
    return result if not result else Ratio(result.num)


def moments(block: Block) -> Tensor | None:
    """Moments of standard laws that are known in closed form: powers of one variable, a normal vector once or twice."""
    if len(block.binders) != 1 or block.parts[3]:
        return None
    (variable, law), ratio, word = block.binders[0], block.parts[1], block.parts[2]
    if law.name.startswith("normal") and variable.rank == 1:
        return _normal_vector(variable, law.parts[0], ratio, word)
    if word.factors or set(ratio.den) != {ONE} or ratio.atoms != {variable}:
        return None
    ((m, c),) = ratio.num.items()
    power = m[0][1]
    if power.denominator != 1 or power < 0:
        return None
    k = int(power)
    if law.name.startswith("normal"):
        odd = reduce(lambda a, b: a * b, range(1, k, 2), 1)
        return Tensor.scalar(Ratio.number(c * odd if k % 2 == 0 else 0))
    return Tensor.scalar(Ratio.number(c / (k + 1))) if law.name == "uniform" else None


def _normal_vector(variable: Atom, size: str, ratio: Ratio, word: Word) -> Tensor | None:
    """E[z] = 0, E[z z^T] = 1, E|z|^2 = m."""
    if word.rank and (ratio.constant is None or any(a != variable for a, _ in word.factors)):
        return None
    if word.rank == 1:
        return Tensor(1, {})
    if word.rank == 2:
        return Tensor.factor(identity(size)).scaled(ratio)
    if word.rank == 0 and ratio.atom is not None and ratio.atom.kind == "contraction":
        factors = ratio.atom.parts[0].factors
        if [a for a, _ in factors] == [variable, variable]:
            return contract([(Tensor.factor(identity(size)), ("i", "i"))], ())
    return None


__all__ = ["blocks_of", "is_zero", "moments", "replaced", "settled"]
