"""Rules that are the same rule: limits, special cases, and compositions that must agree."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from bilevel import rules as R
from bilevel.game import Game, maximize, minimize
from bilevel.response import anticipated, best_response, unrolled
from tests.rules.examples import Q, examples, origin, random_game

S = Q(1, 5)
W = Q(1, 3)


def matrix(game: Game, rule: Any) -> sp.Matrix:
    return sp.Matrix(R.linearise(game, rule, origin(game)).matrix)


def composed(game: Game, rule: Any) -> list[Any]:
    return [sp.expand(value) for value in R.derive(game, rule).composed().values()]


GAMES = [random_game((1, 1), 21), random_game((1, 2), 22), random_game((1, 1, 1), 23)]
SAME = [
    (R.taking_turns(R.simultaneous(S)), R.alternating(S)),
    (R.taking_turns(R.extragradient(S)), R.extragradient(S, alternating=True)),
    (R.taking_turns(R.heavy_ball(S, W)), R.heavy_ball(S, W, alternating=True)),
    (R.along(R.simultaneous(S), R.consensus(1, W)), R.consensus(S, W)),
    (R.along(R.simultaneous(S), R.consensus("7", W)), R.consensus(S, W)),
    (R.along(R.heavy_ball(S, W), R.simultaneous(1)), R.heavy_ball(S, W)),
    (R.along(R.heavy_ball(S, W), R.flow()), R.heavy_ball(S, W)),
    (R.continuous(R.simultaneous(S)), R.flow()),
    (R.continuous(R.simultaneous({"p0": S, "p1": W, "p2": 1})), R.flow()),
    (R.averaged(R.simultaneous(S), 1, 1), R.simultaneous(S)),
    (R.averaged(R.extragradient(S), 1, W), R.extragradient(S * W, S)),
    (R.extragradient(S, 0), R.simultaneous(S)),
    (R.runge_kutta(S, 2), R.extragradient(S, S / 2)),
    (R.nesterov(S, 0), R.heavy_ball(S, 0)),
    (R.optimistic(S), R.optimistic(alpha=2 * S, beta=S)),
    (R.consensus(S, 0), R.simultaneous(S)),
    (R.look_ahead(S, 0), R.simultaneous(S)),
    (R.anchored(S, 0, {"p0": 3}), R.simultaneous(S)),
    (R.magnetic(S, 0, {"x1": 3}), R.simultaneous(S)),
    (R.rmsprop(S, epsilon=0, frozen=4), R.simultaneous(S / 2)),
    (R.two_time_scale(S, 1), R.simultaneous(S)),
    (R.two_time_scale(S, 3), R.simultaneous({"p0": S, "p1": 3 * S, "p2": 3 * S})),
]


@pytest.mark.parametrize("one, other", SAME, ids=str)
def test_the_same_rule(one: Any, other: Any):
    for game in GAMES:
        assert matrix(game, one) == matrix(game, other)
    assert composed(GAMES[0], one) == composed(GAMES[0], other)


def with_replies(game: Game, reply: Any) -> Game:
    everyone = list(game.players)
    return Game(
        {
            name: minimize(p.loss, *p.moves, through={other: reply for other in everyone if other != name})
            for name, p in game.players.items()
        }
    )


@pytest.mark.parametrize("index", [0, 1, 2])
def test_exact_lola_is_a_game_of_unrolled_replies(index: int):
    game = GAMES[index]
    found = matrix(game, R.lola_exact(S, W))
    # Player by player: the others' replies are naive, so only one player at a time may look through them.
    for name, player in game.players.items():
        seeing = {other: unrolled(1, W) for other in game.players if other != name}
        one = game.with_players(**{name: minimize(player.loss, *player.moves, through=seeing)})
        rows = [game.variables.index(v) for v in player.moves]
        assert found[rows, :] == matrix(one, R.simultaneous(S))[rows, :]


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_unrolling_is_a_game_with_an_unrolled_reply(steps: int):
    game = random_game((1, 1), 26, degree=2 if steps > 2 else 3)
    seeing = minimize(game["p0"].loss, *game["p0"].moves, through={"p1": unrolled(steps, W)})
    assert matrix(game, R.unrolling(S, steps, W)) == matrix(game.with_players(p0=seeing), R.simultaneous(S))
    both = with_replies(game, unrolled(steps, W))
    assert matrix(game, R.lola_exact(S, W, steps)) == matrix(both, R.simultaneous(S))


def test_look_ahead_is_first_order_in_anticipated_replies():
    weight = sp.Symbol("weight")
    game = random_game((1, 1), 24)
    ahead = composed(game, R.look_ahead(S, weight))
    exact = composed(with_replies(game, anticipated(weight)), R.simultaneous(S))
    for one, other in zip(ahead, exact):
        gap = one - other
        assert sp.expand(gap.subs(weight, 0)) == 0
        assert sp.expand(sp.diff(gap, weight).subs(weight, 0)) == 0


def test_lola_is_first_order_in_its_exact_form():
    weight = sp.Symbol("weight")
    game = random_game((1, 1), 25)
    for one, other in zip(composed(game, R.lola(S, weight)), composed(game, R.lola_exact(S, weight))):
        assert sp.expand(sp.diff(one - other, weight).subs(weight, 0)) == 0 == sp.expand((one - other).subs(weight, 0))


def test_stackelberg_is_a_game_with_a_best_response():
    for game in GAMES[:2]:
        followed = Game(
            {
                n: minimize(p.loss, *p.moves, through={"p1": best_response()} if n == "p0" else None)
                for n, p in game.players.items()
            }
        )
        assert (matrix(game, R.stackelberg(S)) - matrix(followed, R.simultaneous(S))).applyfunc(sp.cancel) == sp.zeros(
            len(game.variables)
        )


def test_chambolle_pock_as_printed_in_the_paper():
    # min_x max_y a x^2/2 + k x y - b y^2/2: prox of tau a x^2/2 is v/(1 + tau a).
    x, y, a, b, k, tau, sig, t = sp.symbols("x y a b k tau sigma theta", positive=True)
    f = a * x**2 / 2 + k * x * y - b * y**2 / 2
    found = R.derive(Game(p=minimize(f, x), d=maximize(f, y)), R.chambolle_pock({"p": tau, "d": sig}, t)).composed()
    new_x = (x - tau * k * y) / (1 + tau * a)
    new_y = (y + sig * k * (new_x + t * (new_x - x))) / (1 + sig * b)
    assert sp.cancel(found[x] - new_x) == 0 == sp.cancel(found[y] - new_y)


def test_averaging_moves_every_eigenvalue_the_same_way():
    game, every, weight = GAMES[1], 3, Q(2, 7)
    base = matrix(game, R.simultaneous(S))
    assert matrix(game, R.averaged(R.simultaneous(S), every, weight)) == sp.eye(3) + weight * (base**every - sp.eye(3))


def test_copies_that_follow_at_once_change_nothing():
    for game in GAMES:
        n = len(game.variables)
        found = matrix(game, R.target_copies(S, 1))
        assert (
            found.charpoly().as_expr() - sp.Symbol("lambda") ** n * matrix(game, R.simultaneous(S)).charpoly().as_expr()
        ).expand() == 0


def test_many_extrapolations_tend_to_the_proximal_point():
    game = GAMES[0]
    step = Q(1, 100)
    near = matrix(game, R.extragradient(step, extrapolations=12))
    assert max(abs(entry) for entry in near - matrix(game, R.proximal_point(step))) < Q(1, 10**6)


def test_momentum_along_consensus_by_hand():
    x, y, h, b, w = sp.symbols("x y h b w", real=True)
    game = Game(a=minimize(x * y, x), b=maximize(x * y, y))
    found = R.derive(game, R.along(R.heavy_ball(h, b), R.consensus(1, w))).composed()
    before = sp.Symbol("x_previous", real=True)
    assert sp.expand(found[x] - (x - h * (y + w * x) + b * (x - before))) == 0


def test_each_with_one_rule_is_that_rule():
    for name in ("heavy_ball", "consensus", "adam"):
        rule = examples()[name][0]
        game = GAMES[0]
        each = R.each({"p0": rule, "p1": rule})
        plain, mixed = matrix(game, rule), matrix(game, each)
        assert mixed[:2, :2] == plain[:2, :2]
        lam = sp.Symbol("lambda")
        assert sp.rem(mixed.charpoly(lam).as_expr(), plain.charpoly(lam).as_expr(), lam) == 0


def test_local_symplectic_surgery_keeps_the_symmetric_part():
    for game in GAMES[:2]:
        symmetric = game.symmetric_part().subs(origin(game))
        assert matrix(game, R.symplectic_surgery(S)) == sp.eye(symmetric.rows) - S * symmetric


def test_historical_window_and_exponential_average():
    game = GAMES[0]
    lam = sp.Symbol("lambda")
    # One past point and an average that follows at once are the same average, one step apart in bookkeeping.
    windowed = matrix(game, R.historical(S, W, window=1)).charpoly(lam).as_expr()
    assert sp.expand(windowed - matrix(game, R.heavy_ball(S, -S * W)).charpoly(lam).as_expr()) == 0
