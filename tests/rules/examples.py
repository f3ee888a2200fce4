"""What the tests of the rules share: an example of every rule, and random games with a fixed point at the origin."""

from __future__ import annotations

import itertools
import random
from typing import Any

import sympy as sp

from bilevel import rules as R
from bilevel.game import Game, minimize

Q = sp.Rational


def examples() -> dict[str, list[Any]]:
    """Every rule of the catalogue at exact parameters; games have players called p0, p1, ..."""
    s = Q(1, 5)
    base = R.simultaneous(s)
    return {
        "flow": [R.flow(), R.flow(3)],
        "simultaneous": [R.simultaneous(s)],
        "alternating": [R.alternating(s), R.alternating(s, repeats=2)],
        "two_time_scale": [R.two_time_scale(s, 3), R.two_time_scale(s, 3, slow="p1", alternating=True)],
        "heavy_ball": [R.heavy_ball(s, Q(-1, 3)), R.heavy_ball(s, Q(-1, 3), alternating=True)],
        "nesterov": [R.nesterov(s, Q(1, 2)), R.nesterov(s, Q(1, 2), alternating=True)],
        "extragradient": [
            R.extragradient(s),
            R.extragradient(s, Q(1, 3), extrapolations=2),
            R.extragradient(s, Q(1, 3), alternating=True),
        ],
        "optimistic": [R.optimistic(s), R.optimistic(alpha=s, beta=Q(1, 7)), R.optimistic(s, alternating=True)],
        "past_extragradient": [R.past_extragradient(s)],
        "proximal_point": [R.proximal_point(s)],
        "competitive": [R.competitive(s)],
        "chambolle_pock": [R.chambolle_pock(s), R.chambolle_pock(s, Q(1, 2), order=["p1", "p0"])],
        "runge_kutta": [
            R.runge_kutta(s, 2),
            R.runge_kutta(s, 2, variant="heun"),
            R.runge_kutta(s, 3),
            R.runge_kutta(s, 4),
        ],
        "hamiltonian": [R.hamiltonian(s)],
        "consensus": [R.consensus(s, Q(1, 3))],
        "symplectic": [R.symplectic(s, Q(1, 3))],
        "jare": [R.jare(s, Q(1, 3))],
        "look_ahead": [R.look_ahead(s), R.look_ahead(s, Q(1, 3))],
        "lola": [R.lola(s), R.lola(s, Q(1, 3))],
        "lola_exact": [R.lola_exact(s), R.lola_exact(s, Q(1, 3)), R.lola_exact(s, Q(1, 3), 2)],
        "unrolling": [R.unrolling(s), R.unrolling(s, 2, Q(1, 3), leader="p1")],
        "sos": [R.sos(s, Q(1, 3))],
        "stackelberg": [R.stackelberg(s), R.stackelberg(s, leader="p1")],
        "follow_the_ridge": [R.follow_the_ridge(s), R.follow_the_ridge(s, leader="p1")],
        "lead": [R.lead(s, Q(1, 4), Q(1, 3))],
        "symplectic_surgery": [R.symplectic_surgery(s)],
        "rmsprop": [R.rmsprop(s, Q(1, 2), Q(1, 4)), R.rmsprop(s, epsilon=0, frozen=4)],
        "adam": [R.adam(s, Q(1, 2), Q(3, 4), Q(1, 9)), R.adam(s, Q(1, 2), epsilon=0, frozen=4)],
        "averaged": [R.averaged(base, 3, Q(1, 2)), R.averaged(R.heavy_ball(s, Q(1, 2)), 2, Q(1, 3))],
        "trailing": [R.trailing(base, Q(1, 3))],
        "target_copies": [R.target_copies(s, Q(1, 3)), R.target_copies(s, Q(1, 3), copied=["p1"], alternating=True)],
        "historical": [R.historical(s, Q(1, 2), rate=Q(1, 3)), R.historical(s, Q(1, 2), window=2)],
        "anchored": [R.anchored(s, Q(1, 4))],
        "magnetic": [R.magnetic(s, Q(1, 4), {"p0": 0})],
        "along": [R.along(R.heavy_ball(s, Q(1, 2)), R.consensus(1, Q(1, 3))), R.along(R.alternating(s), R.lola(s))],
        "continuous": [R.continuous(R.consensus(s, Q(1, 3))), R.continuous(R.extragradient(s))],
        "taking_turns": [R.taking_turns(R.consensus(s, Q(1, 3))), R.taking_turns(R.lead(s, Q(1, 4)))],
        "projected": [R.projected(base, -1, {"p0": 2}), R.projected(R.heavy_ball(s, Q(1, 2)), upper=1)],
        "followed": [
            R.followed(base, Q(1, 3), ["p1"]),
            R.followed(R.heavy_ball(s, Q(1, 2)), 1, ["p1"], every=2, first=True),
        ],
        "delayed": [R.delayed(base, ["p1"]), R.delayed(R.heavy_ball(s, Q(1, 2)), ["p0"], 3)],
        "replying": [R.replying(base, ["p1"]), R.taking_turns(R.replying(R.heavy_ball(s, Q(1, 2)), ["p0"]))],
        "each": [],  # needs the players' names: see test_composition
    }


TWO_PLAYERS = {"chambolle_pock", "symplectic_surgery"}


def random_game(shape: tuple[int, ...], seed: int, degree: int = 3, linear: bool = False) -> Game:
    """Players with `shape` variables each and random polynomial costs, all of whose gradients vanish at the origin."""
    rng = random.Random(seed)
    names = [f"x{i}" for i in range(sum(shape))]
    variables = sp.symbols(names, real=True)
    monomials = [
        sp.Mul(*chosen)
        for d in range(1 if linear else 2, degree + 1)
        for chosen in itertools.combinations_with_replacement(variables, d)
    ]
    supply = iter(variables)
    players = {}
    for index, size in enumerate(shape):
        own = [next(supply) for _ in range(size)]
        cost = sp.Add(
            *(
                Q(rng.randint(-4, 4), rng.choice([1, 2, 3])) * m
                for m in monomials
                if rng.random() < 0.7 or m.as_poly(*own)
            )
        )
        cost += sum((Q(rng.randint(5, 9), 1) * v**2 for v in own), sp.S.Zero)
        players[f"p{index}"] = minimize(cost, *own)
    return Game(players)


def origin(game: Game) -> dict[Any, Any]:
    """The origin of a game's space."""
    return dict.fromkeys(game.variables, sp.S.Zero)
