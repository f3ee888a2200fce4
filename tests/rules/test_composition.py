"""Rules, replies and games compose: what is put together reads the same in symbols and as a matrix."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from bilevel import rules as R
from bilevel.game import minimize
from bilevel.response import anticipated, best_response, unrolled
from tests.rules.examples import Q, origin, random_game
from tests.rules.test_readings import differentiated

S, W = Q(1, 5), Q(1, 3)
RULES = [
    R.heavy_ball(S, W, alternating=True),
    R.averaged(R.taking_turns(R.each({"p0": R.simultaneous(S), "p1": R.heavy_ball(S, W)})), 2),
    R.trailing(R.along(R.optimistic(S), R.symplectic(1, W)), W),
    R.projected(R.averaged(R.along(R.nesterov(S, W), R.look_ahead(1, W)), 2), -1, 1),
    R.each({"p0": R.adam(S, W, W, 1), "p1": R.target_copies(S, W)}),
    R.taking_turns(R.historical(S, W, window=2), order=["p1", "p0"]),
    R.continuous(R.along(R.extragradient(S), R.competitive(W))),
]
REPLIES = [None, unrolled(2, W), anticipated(W), best_response()]


@pytest.mark.parametrize("reply", REPLIES, ids=str)
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_replies_inside_rules_of_rules(rule: Any, reply: Any):
    game = random_game((1, 1), 61, degree=2 if isinstance(reply, type(best_response())) else 3)
    if reply is not None:
        leader = game["p0"]
        game = game.with_players(p0=minimize(leader.loss, *leader.moves, through={"p1": reply}))
    found = sp.Matrix(R.linearise(game, rule, origin(game)).matrix)
    assert (differentiated(game, rule) - found).applyfunc(sp.cancel) == sp.zeros(found.rows)


def test_each_keeps_memories_apart():
    rule = R.each({"p0": R.heavy_ball(S, W), "p1": R.adam(S, W, W, 1)})
    assert [name for name, _ in rule.memory] == ["p0_previous", "p1_mean", "p1_square"]
    game = random_game((1, 1), 62)
    assert R.linearise(game, rule, origin(game)).order == (
        "x0",
        "x1",
        *(f"{v}@{part}" for part, _ in rule.memory for v in ("x0", "x1")),
    )
