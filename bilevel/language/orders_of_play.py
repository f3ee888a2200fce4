"""Orders of play in function space: who moves first, what the other answers, and the value.

The objective is ``E_p a(D) + E_q b(D)``: a critic moves D, a generator moves the law q. Main definitions:
`orders_of_play`, `OrdersOfPlay`, `law_best_reply`, `LawReply`, `critic_leads_value`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.function_space import BestResponse, densities, pointwise_best_response
from bilevel.language.scalars import scalar
from bilevel.language.signs import box, sign

__all__ = ["LawReply", "LeaderValue", "OrdersOfPlay", "critic_leads_value", "law_best_reply", "orders_of_play"]

Expr = Any


@dataclass(frozen=True)
class LawReply:
    """All best replies of a player that moves a law, on a finite space: the laws carried by ``carrier``.

    Math: ``argmax_q sum_i q_i s_i`` over the simplex is the face spanned by ``argmax_i s_i``.

    Reference: Pfau, Vinyals 2016, arXiv:1610.01945, section 2.1 (orders of play).

    Examples:
        >>> law_best_reply([1, 3, 3]).carrier
        (1, 2)
    """

    carrier: tuple[int, ...]
    value: Expr
    size: int
    known: str = "exact"

    @property
    def vertices(self) -> tuple[tuple[int, ...], ...]:
        """The extreme best replies: all mass on one outcome of the carrier (collapse)."""
        return tuple(tuple(int(i == j) for i in range(self.size)) for j in self.carrier)

    @property
    def unique(self) -> bool:
        """Whether there is exactly one best reply."""
        return len(self.carrier) == 1

    def contains(self, law: Sequence[Expr]) -> bool:
        """Whether a law is a best reply: nonnegative, of mass one, zero off the carrier."""
        weights = [scalar(w) for w in law]
        proper = (
            len(weights) == self.size and all(w.is_nonnegative for w in weights) and sp.expand(sum(weights) - 1) == 0
        )
        return proper and all(w == 0 for i, w in enumerate(weights) if i not in self.carrier)


def law_best_reply(scores: Sequence[Expr], *, sense: str = "max") -> LawReply:
    """The best replies of a law to scores on a finite space, as a face of the simplex.

    Math: a linear function on the simplex is optimal exactly on the face spanned by its optimal vertices.

    Raises:
        GameError: no scores, or a sense that has no meaning.
        UnknownAnswer: two scores cannot be compared exactly.

    Reference: Pfau, Vinyals 2016, arXiv:1610.01945, section 2.1.

    Examples:
        >>> law_best_reply([sp.log(2), 0], sense="min").value
        0
    """
    values = [scalar(s) for s in scores]
    if not values or sense not in ("min", "max"):
        raise GameError(
            f"a reply needs at least one score and the sense 'min' or 'max'; came {len(values)} scores and {sense!r}"
        )
    best, carrier = values[0], [0]
    for i, value in enumerate(values[1:], start=1):
        gap = sp.expand((value - best) * (1 if sense == "max" else -1))
        if gap.is_positive:
            best, carrier = value, [i]
        elif gap.is_zero:
            carrier.append(i)
        elif not gap.is_negative:
            raise UnknownAnswer(
                f"the scores {value} and {best} could not be compared", next_step="give rational numbers"
            )
    return LawReply(tuple(carrier), best, len(values))


@dataclass(frozen=True)
class OrdersOfPlay:
    """Both orders of play and the simultaneous field of ``max_D min_q`` and ``min_q max_D``, proved.

    Math: ``level`` is the best constant critic m; ``value = a(m) + b(m)`` in both orders. Generator leads: q = p.
    Critic leads: D = m on the support of p and D <= m elsewhere; any law carried by {D = m} is a best reply there.

    Reference: Goodfellow et al. 2014, arXiv:1406.2661, Theorem 1; Pfau, Vinyals 2016, arXiv:1610.01945, equations 1
    and 2.

    Examples:
        >>> D = sp.Symbol("D")
        >>> both = orders_of_play(sp.log(D), sp.log(1 - D), D, range="probability")
        >>> both.level, both.value
        (1/2, -2*log(2))
    """

    level: Expr
    value: Expr
    follower_critic: BestResponse
    matching_is_unique: bool
    field: tuple[Expr, Expr]
    known: str = "exact"
    generator_leads: tuple[str, ...] = ()
    critic_leads: tuple[str, ...] = ()

    @property
    def trace(self) -> tuple[str, ...]:
        """Both proofs, one after the other."""
        return (*self.generator_leads, *self.critic_leads)


def orders_of_play(real: Expr, fake: Expr, critic: Expr, *, range: Any = "probability") -> OrdersOfPlay:
    """The values of both orders of play for ``V(D, q) = E_p real(D) + E_q fake(D)``, critic maximising, generator
    minimising.

    Math: needs ``real`` strictly increasing and ``fake`` strictly decreasing in D, and a unique constant m that
    maximises their sum. Then ``min_q max_D V = max_D min_q V = real(m) + fake(m)``. ``field`` is the derivative of V
    in D(w), and V's slope in q(w).

    Raises:
        UnknownAnswer: monotonicity or the best constant is not proved.

    Reference: Goodfellow et al. 2014, arXiv:1406.2661, Theorem 1; Pfau, Vinyals 2016, arXiv:1610.01945, equations 1
    and 2.

    Examples:
        >>> D = sp.Symbol("D")
        >>> orders_of_play(sp.log(D), sp.log(1 - D), D).matching_is_unique
        True
    """
    p, q = densities("p q")
    integrand = p * real + q * fake
    reply = pointwise_best_response(integrand, critic, sense="max", range=range)
    constant = pointwise_best_response(real + fake, critic, sense="max", range=range)
    region = box(()).with_side(critic, sp.Interval.open(reply.range.start, reply.range.end))
    if (
        sign(sp.diff(real, critic), region) != 1
        or sign(sp.diff(fake, critic), region) != -1
        or constant.kind != "interior"
    ):
        raise UnknownAnswer(
            f"needs {real} rising and {fake} falling in {critic}, with a unique best constant inside the range",
            reached=f"best constant: {constant.value}",
            next_step="use losses with a proper interior optimum, such as logarithmic or least-squares ones",
        )
    m, value = constant.value, sp.expand(sp.expand_log(constant.value_at_best_response, force=True))
    slope = sp.diff(reply.value, q) if reply.kind == "interior" else sp.S.Zero
    unique = sign(slope, box((p, q))) in (1, -1)
    return OrdersOfPlay(
        m,
        value,
        reply,
        unique,
        (sp.diff(integrand, critic), fake),
        "exact",
        _generator_first(m, value, reply, unique),
        _critic_first(m, value, real, fake),
    )


def _generator_first(m: Expr, value: Expr, reply: BestResponse, unique: bool) -> tuple[str, ...]:
    tail = (
        f"equality forces the best critic {reply.value} to be {m} almost everywhere; it is strictly monotone in "
        "q, so q = p"
        if unique
        else ""
    )
    lines = (
        "generator leads, min_q max_D:",
        f"for every q the constant critic {m} is allowed, so max_D V(D, q) >= {value}",
        f"at q = p the integrand is p * (real + fake), whose pointwise maximum is at D = {m}: max_D V(D, p) = {value}",
    )
    return (*lines, tail) if tail else lines


def _critic_first(m: Expr, value: Expr, real: Expr, fake: Expr) -> tuple[str, ...]:
    return (
        "critic leads, max_D min_q:",
        (
            f"fake part {fake} falls in D, so the replies to D are the laws carried by argmax D, with s = sup D "
            "(approached where not attained)"
        ),
        "min_q V(D, q) = E_p[real(D)] + fake(s) <= real(s) + fake(s), as real rises and D <= s",
        f"real(s) + fake(s) <= {value}, with equality only at s = {m}",
        (
            f"equality throughout exactly when s = {m} and D = {m} almost everywhere on the support of p: D <= {m} "
            "elsewhere"
        ),
        f"there every law carried by {{D = {m}}} is a best reply, one outcome alone included (collapse is allowed)",
    )


@dataclass(frozen=True)
class LeaderValue:
    """What a leading critic obtains on a finite space, and the exact comparison with -log 4.

    Math: ``value = sum_i p_i log D_i + log(1 - max D)``; ``margin`` is the rational ``4^-N / (prod D_i^{n_i} (1 - max
    D)^N)`` with ``p_i = n_i/N``, so ``value <= -log 4`` exactly when ``margin >= 1``.

    Reference: Goodfellow et al. 2014, arXiv:1406.2661; Pfau, Vinyals 2016, arXiv:1610.01945.

    Examples:
        >>> half = sp.Rational(1, 2)
        >>> critic_leads_value([half, half, 0], [half, half, sp.Rational(1, 3)]).optimal
        True
    """

    value: Expr
    reply: LawReply
    margin: Expr
    known: str = "exact"

    @property
    def optimal(self) -> bool:
        """Whether the critic attains -log 4."""
        return self.margin == 1


def critic_leads_value(data: Sequence[Expr], critic: Sequence[Expr]) -> LeaderValue:
    """The GAN's value when the critic moves first with given rational values on a finite space.

    Math: the generator answers with a law carried by argmax D; the bound -log 4 is compared in exact rational
    arithmetic.

    Raises:
        GameError: the data are no rational law, or a critic's value lies outside (0, 1).

    Reference: Pfau, Vinyals 2016, arXiv:1610.01945, equations 1 and 2.

    Examples:
        >>> critic_leads_value([1, 0], [sp.Rational(1, 4), sp.Rational(1, 2)]).margin
        2
    """
    weights, levels = [scalar(w) for w in data], [scalar(d) for d in critic]
    if not all(w.is_Rational and w >= 0 for w in weights) or sum(weights) != 1 or len(weights) != len(levels):
        raise GameError(
            f"data must be a rational law with one weight per critic value; came {weights} for {len(levels)} values"
        )
    if not all(d.is_Rational and 0 < d < 1 for d in levels):
        raise GameError(f"a critic's value is a rational number in (0, 1); came {levels}")
    reply = law_best_reply(levels)
    scale = sp.ilcm(1, *(w.q for w in weights))
    product = sp.prod([d ** (w * scale) for d, w in zip(levels, weights, strict=True)]) * (1 - reply.value) ** scale
    value = sum(w * sp.log(d) for d, w in zip(levels, weights, strict=True)) + sp.log(1 - reply.value)
    return LeaderValue(value, reply, sp.Integer(4) ** -scale / product)
