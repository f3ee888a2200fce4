"""Hypothesis strategies for what this package is about: games, points, rules, networks, decision processes.

Main definitions: `quadratic_games`, `zero_sum_games`, `points`, `rules`, `networks`, `processes`.

Everything drawn is exact (small integers and halves) and shrinks towards zero and towards fewer players, so a failing
example is one that can be worked by hand. Hypothesis is imported when a strategy is first made; it comes with
`pip install hypothesis`.
"""

from __future__ import annotations

import importlib
from typing import Any

import sympy as sp

from bilevel import rules as catalogue
from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.language.functions import sigmoid, softplus
from bilevel.models.finite_processes import FiniteMDP

__all__ = ["networks", "points", "processes", "quadratic_games", "rules", "zero_sum_games"]


def _hypothesis() -> Any:
    try:
        return importlib.import_module("hypothesis.strategies")
    except ImportError:
        raise GameError("strategies need Hypothesis: pip install hypothesis") from None


def _halves(largest: int) -> Any:
    return _hypothesis().integers(-2 * largest, 2 * largest).map(lambda k: sp.Rational(k, 2))


def quadratic_games(*, players: int = 3, size: int = 2, largest: int = 3) -> Any:
    """Games whose costs are quadratic forms with small coefficients; 0 is a fixed point.

    Math: c_i = x_i^T A_i x_i / 2 + x_i^T sum_j B_ij x_j, A_i symmetric, entries integers and halves up to `largest`;
        the last player may maximise.

    Shapes: one to `players` players with one to `size` variables each.

    Reference: MacIver, Hatfield-Dodds et al. (2019), Hypothesis, JOSS 4(43), 1891.

    Examples:
        >>> from hypothesis import given, settings
        >>> @settings(max_examples=5, deadline=None)
        ... @given(quadratic_games(players=2))
        ... def zero_is_a_fixed_point(game):
        ...     assert all(f.subs(dict.fromkeys(game.variables, 0)) == 0 for f in game.field().values())
        >>> zero_is_a_fixed_point()
    """
    st = _hypothesis()

    @st.composite
    def drawn(draw: Any) -> Game:
        sizes = draw(st.lists(st.integers(1, size), min_size=1, max_size=players))
        blocks = [
            [sp.Symbol(f"x{i + 1}" if n == 1 else f"x{i + 1}_{k + 1}", real=True) for k in range(n)]
            for i, n in enumerate(sizes)
        ]
        entry, made = _halves(largest), {}
        for i, mine in enumerate(blocks):
            others = [v for j, block in enumerate(blocks) if j != i for v in block]
            square = sum(draw(entry) * v * w for k, v in enumerate(mine) for w in mine[k:])
            cross = sum(draw(entry) * v * w for v in mine for w in others)
            # Every variable a player moves stands in its loss, so that the loss is one.
            loss = square + cross + sum(v**2 for v in mine if v not in (square + cross).free_symbols)
            sense = maximize if i == len(blocks) - 1 and draw(st.booleans()) else minimize
            made[f"p{i + 1}"] = sense(loss, *mine)
        return Game(made)

    return drawn()


def zero_sum_games(*, largest: int = 3) -> Any:
    """Games of two players with one variable each and one function: min over x, max over y.

    Math: a x^2/2 + b x y - c y^2/2 + d x^2 y, with b not 0 and the others integers and halves up to `largest`.

    Reference: MacIver, Hatfield-Dodds et al. (2019), Hypothesis, JOSS 4(43), 1891.

    Examples:
        >>> from hypothesis import find
        >>> game = find(zero_sum_games(), lambda game: True)
        >>> game.field()
        {x: y/2, y: -x/2}
    """
    st = _hypothesis()
    x, y = sp.symbols("x y", real=True)
    entry = _halves(largest)

    def built(a: Any, b: Any, c: Any, d: Any) -> Game:
        value = a * x**2 / 2 + b * x * y - c * y**2 / 2 + d * x**2 * y
        return Game(first=minimize(value, x), second=maximize(value, y))

    nonzero = st.integers(1, 2 * largest).flatmap(lambda k: st.sampled_from([sp.Rational(k, 2), sp.Rational(-k, 2)]))
    return st.builds(built, entry, nonzero, entry, entry)


def points(game: Game, *, largest: int = 3) -> Any:
    """Points of a game: an integer or a half for each variable.

    Math: z in {-largest, ..., -1/2, 0, 1/2, ..., largest}^n; positive variables get positive numbers.

    Reference: MacIver, Hatfield-Dodds et al. (2019), Hypothesis, JOSS 4(43), 1891.

    Examples:
        >>> from hypothesis import find
        >>> from bilevel.models import bilinear_game
        >>> find(points(bilinear_game()), lambda z: True)
        {x: 0, y: 0}
    """
    st = _hypothesis()
    positive = st.integers(1, 2 * largest).map(lambda k: sp.Rational(k, 2))
    return st.fixed_dictionaries({v: positive if v.is_positive else _halves(largest) for v in game.variables})


def rules(*, memory: bool = True) -> Any:
    """Discrete learning rules that any game can be given, with step sizes 1/2, 1/4, ...

    Math: simultaneous, alternating, extragradient, consensus, Hamiltonian; with `memory` also heavy ball, optimistic
        steps.

    Shapes: per step.

    Reference: MacIver, Hatfield-Dodds et al. (2019), Hypothesis, JOSS 4(43), 1891.

    Examples:
        >>> from hypothesis import find
        >>> str(find(rules(), lambda rule: True))
        'simultaneous(step=1/2)'
    """
    st = _hypothesis()
    makers = [
        catalogue.simultaneous,
        lambda step: catalogue.alternating(step),
        catalogue.extragradient,
        catalogue.hamiltonian,
        lambda step: catalogue.consensus(step, sp.Rational(1, 2)),
    ]
    if memory:
        makers += [lambda step: catalogue.heavy_ball(step, sp.Rational(1, 2)), lambda step: catalogue.optimistic(step)]
    steps = st.sampled_from([sp.Rational(1, 2**k) for k in range(1, 5)])
    return st.builds(lambda maker, step: maker(step), st.sampled_from(makers), steps)


def networks(inputs: Any, *, width: int = 2) -> Any:
    """Networks with one hidden layer as plain expressions: (expression, its weights).

    Math: sum_k c_k s(sum_i a_ki u_i + b_k), s the sigmoid or softplus, weights symbols w_1, w_2, ...

    Shapes: one to `width` hidden units over the inputs u; scalar-valued.

    Reference: MacIver, Hatfield-Dodds et al. (2019), Hypothesis, JOSS 4(43), 1891.

    Examples:
        >>> from hypothesis import find
        >>> u = sp.Symbol("u", real=True)
        >>> find(networks([u]), lambda net: True)
        (w_2*sigmoid(u*w_0 + w_1), (w_0, w_1, w_2))
    """
    st = _hypothesis()
    seen = tuple(inputs)

    def built(units: int, squash: Any) -> tuple[Any, tuple[Any, ...]]:
        names = iter(sp.symbols(f"w_0:{units * (len(seen) + 2)}", real=True))
        weights: list[Any] = []
        value = sp.S.Zero
        for _ in range(units):
            *slopes, bias, out = (next(names) for _ in range(len(seen) + 2))
            weights += [*slopes, bias, out]
            value += out * squash(sum(a * u for a, u in zip(slopes, seen, strict=True)) + bias)
        return value, tuple(weights)

    return st.builds(built, st.integers(1, width), st.sampled_from([sigmoid, softplus]))


def processes(*, states: int = 2, actions: int = 2) -> Any:
    """Finite Markov decision processes with small rational laws and rewards.

    Math: rows of P_a and the start law are k/sum(k) of positive integers; discounts 0, 1/2 or 9/10.

    Shapes: one to `states` states, one to `actions` actions.

    Reference: Puterman (1994), Markov Decision Processes, chapter 6.

    Examples:
        >>> from hypothesis import find
        >>> find(processes(), lambda mdp: True).rewards
        Matrix([[0]])
    """
    st = _hypothesis()

    @st.composite
    def drawn(draw: Any) -> FiniteMDP:
        n, m = draw(st.integers(1, states)), draw(st.integers(1, actions))

        def law() -> list[Any]:
            parts = draw(st.lists(st.integers(1, 3), min_size=n, max_size=n))
            return [sp.Rational(k, sum(parts)) for k in parts]

        transitions = tuple(sp.Matrix([law() for _ in range(n)]) for _ in range(m))
        rewards = sp.Matrix(n, m, [draw(st.integers(-2, 2)) for _ in range(n * m)])
        discount = draw(st.sampled_from([sp.S.Zero, sp.Rational(1, 2), sp.Rational(9, 10)]))
        return FiniteMDP(transitions, rewards, discount, tuple(law()))

    return drawn()
