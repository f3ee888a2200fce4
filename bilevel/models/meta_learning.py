"""Learning to adapt: MAML as the literature writes it, as a game of adapting followers, and with implicit gradients.

Main definitions: `maml`, `adaptation_game`, `imaml`, and instances.

Notation: task t ~ p_tasks in R^k, training data x ~ train(t), test data x' ~ test(t) in R^n, loss l(x, w) of the
weights w in R^p, meta-parameters theta in R^p.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from bilevel.game import Game, Player, minimize
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.gradient import gradient
from bilevel.language.instance import Instance
from bilevel.language.laws import data, density, random
from bilevel.language.networks import network
from bilevel.language.nodes import norm2, vector
from bilevel.language.substitute import substitute
from bilevel.language.values import expression
from bilevel.response import best_response, unrolled

LOSS = network("l")


def _whole(steps: Any, meaning: str, least: int) -> int:
    if not isinstance(steps, int) or steps < least:
        raise GameError(f"{meaning} is a whole number, {least} or more; got {steps!r}")
    return steps


def maml(steps: int = 1, *, step: Any = None) -> Game:
    """Model-agnostic meta-learning: a starting point from which a few gradient steps on a task do well.

    Math: w_0 = theta, w_(k+1) = w_k - alpha E_{x ~ train(t)} grad l(x, w_k); meta: min_theta
        E_t E_{x' ~ test(t)} l(x', w_K), K = `steps`. One player: the adaptation is inside the loss.

    Shapes: theta in R^p, data in R^n, tasks in R^k, all symbolic; the loss nests K gradients.

    Raises: GameError unless `steps` is a whole number, 0 or more.

    Reference: Finn, Abbeel, Levine (2017), arXiv:1703.03400, equation 1.

    Examples:
        >>> print(maml().cost("meta"))
        E_{t, x_test}[l(x_test, theta - alpha E_x[d2 l(x, theta)])]
    """
    alpha = sp.Symbol("alpha", positive=True) if step is None else expression(step, "a step")
    theta, w = vector("theta", "p"), vector("w", "p")
    t = random("t", data("p_tasks", "k"))
    x, held = random("x", density("train", "n", t)), random("x_test", density("test", "n", t))
    slope, adapted = gradient(E(LOSS(x, w), x), w), theta
    for _ in range(_whole(steps, "steps", 0)):
        adapted = adapted - alpha * substitute(slope, {w: adapted})
    players = {"meta": minimize(E(LOSS(held, adapted), t, held), theta)}
    return Game(players, title="MAML", source="Finn, Abbeel, Levine 2017, arXiv:1703.03400")


def maml_instance() -> Instance:
    """MAML on two quadratic tasks with different curvatures.

    Math: tasks t = 1, 2 with equal odds, target x = t, l(x, w) = x (w - x)^2/2. Adaptation takes a part alpha t of the
        way, so theta minimises the sum of t (1 - alpha t)^2 (theta - t)^2/2.

    Shapes: one scalar, and the step alpha.

    Reference: Finn, Abbeel, Levine (2017), arXiv:1703.03400.

    Examples:
        >>> from bilevel.models import instance
        >>> game = instance("maml", step=0)
        >>> sp.solve(game.field()[game.variables[0]])
        [5/3]
    """
    return Instance(
        dims={"n": 1, "k": 1, "p": 1},
        networks={"l": lambda x, w: x[0] * (w[0] - x[0]) ** 2 / 2},
        laws={
            "p_tasks": ([[1], [2]], [sp.Rational(1, 2)] * 2),
            "train": lambda t: ([[t[0]]], [1]),
            "test": lambda t: ([[t[0]]], [1]),
        },
    )


def adaptation_game(tasks: int = 2, steps: int = 1, *, step: Any = None) -> Game:
    """MAML as a game: each task has a player that adapts, and the leader sees its steps.

    Math: task i: min over delta_i of E_{x ~ train_i} l(x, theta + delta_i); meta: min_theta of the mean over tasks of
        E_{x' ~ test_i} l(x', theta + delta_i), differentiated through `steps` of each task's steps of size alpha. Where
        every delta_i is 0, the meta player's gradient is that of `maml` on these tasks.

    Shapes: theta and every delta_i in R^p, data in R^n.

    Raises: GameError unless tasks and steps are whole numbers of at least 1.

    Reference: Finn, Abbeel, Levine (2017), arXiv:1703.03400; Franceschi et al. (2018), arXiv:1806.04910.

    Examples:
        >>> list(adaptation_game().players)
        ['meta', 'task_1', 'task_2']
    """
    alpha = sp.Symbol("alpha", positive=True) if step is None else expression(step, "a step")
    theta, players, total = vector("theta", "p"), {}, sp.S.Zero
    reply = unrolled(steps, alpha)
    for i in range(1, _whole(tasks, "tasks", 1) + 1):
        delta = vector(f"delta_{i}", "p")
        x, held = random(f"x_{i}", data(f"train_{i}", "n")), random(f"v_{i}", data(f"test_{i}", "n"))
        players[f"task_{i}"] = minimize(E(LOSS(x, theta + delta), x), delta)
        total += E(LOSS(held, theta + delta), held) / tasks
    meta = {"meta": minimize(total, theta, through=dict.fromkeys(players, reply))}
    return Game({**meta, **players}, title="MAML as a game", source="Finn, Abbeel, Levine 2017, arXiv:1703.03400")


def imaml(tasks: int = 2, *, weight: Any = None) -> Game:
    """Implicit MAML: each task is solved near the meta-parameters, and the leader differentiates through the solution.

    Math: task i: min over w_i of E_{x ~ train_i} l(x, w_i) + lambda/2 |w_i - theta|^2; meta: min_theta of the mean over
        tasks of E_{x' ~ test_i} l(x', w_i) through best responses. `weight` is lambda.

    Shapes: theta and every w_i in R^p, data in R^n.

    Raises: GameError unless `tasks` is a whole number of at least 1.

    Reference: Rajeswaran, Finn, Kakade, Levine (2019), arXiv:1909.04630, equations 3 to 6.

    Examples:
        >>> print(imaml(1).cost("task_1"))
        lambda*(|theta|^2 - 2*<theta, w_1> + |w_1|^2)/2 + E_x_1[l(x_1, w_1)]
    """
    scale = sp.Symbol("lambda", positive=True) if weight is None else expression(weight, "the weight of nearness")
    theta = vector("theta", "p")
    players: dict[str, Player] = {}
    total = sp.S.Zero
    for i in range(1, _whole(tasks, "tasks", 1) + 1):
        w = vector(f"w_{i}", "p")
        x, held = random(f"x_{i}", data(f"train_{i}", "n")), random(f"v_{i}", data(f"test_{i}", "n"))
        learner = network(f"l_{i}") if tasks > 1 else LOSS
        players[f"task_{i}"] = minimize(E(learner(x, w), x) + scale * norm2(w - theta) / 2, w)
        total += E(learner(held, w), held) / tasks
    meta = {"meta": minimize(total, theta, through={name: best_response() for name in players})}
    return Game({**meta, **players}, title="iMAML", source="Rajeswaran et al. 2019, arXiv:1909.04630")


def imaml_instance() -> Instance:
    """Implicit MAML on two quadratic tasks with targets 1 and 3.

    Math: l(x, w) = (w - x)^2/2, train and test alike. Equilibrium theta = 2, w_i half-way for lambda = 1.

    Shapes: three scalars, and the weight lambda.

    Reference: Rajeswaran, Finn, Kakade, Levine (2019), arXiv:1909.04630.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("imaml").variables
        (theta, w_1, w_2)
    """
    return Instance(
        dims={"n": 1, "p": 1},
        networks=dict.fromkeys(("l_1", "l_2"), _distance),
        laws=_targets(train_1=1, test_1=1, train_2=3, test_2=3),
    )


def adaptation_game_instance() -> Instance:
    """Two quadratic tasks with targets 1 and 3.

    Math: l(x, w) = (w - x)^2/2. The tasks can adapt all the way from every theta, so theta is free in equilibrium.

    Shapes: three scalars, and the step alpha.

    Reference: Finn, Abbeel, Levine (2017), arXiv:1703.03400.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("adaptation_game").variables
        (theta, delta_1, delta_2)
    """
    return Instance(
        dims={"n": 1, "p": 1}, networks={"l": _distance}, laws=_targets(train_1=1, test_1=1, train_2=3, test_2=3)
    )


def _distance(x: Any, w: Any) -> Any:
    return (w[0] - x[0]) ** 2 / 2


def _targets(**points: int) -> Mapping[str, Any]:
    return {name: ([[value]], [1]) for name, value in points.items()}
