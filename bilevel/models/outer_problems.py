"""Outer problems over trained weights: hyperparameters, distilled data, architectures.

Main definitions: `hyperparameter_optimisation`, `data_distillation`, `darts`, and instances.

Notation: training data x ~ train, validation data v ~ validation in R^n, loss l of the weights w in R^p.
"""

from __future__ import annotations

from typing import Any, Literal

import sympy as sp

from bilevel.game import Game, minimize
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.instance import Instance
from bilevel.language.laws import data, random
from bilevel.language.networks import network
from bilevel.language.nodes import vector
from bilevel.language.values import expression
from bilevel.response import best_response, unrolled


def _reply(reply: str, step: Any, name: str) -> Any:
    """How the outer player sees the training."""
    if reply == "best response":
        return best_response()
    size = sp.Symbol(name, positive=True) if step is None else expression(step, "a step")
    words = reply.split()
    if len(words) == 2 and words[0] == "unrolled" and words[1].isdecimal():
        return unrolled(int(words[1]), size)
    raise GameError(f"reply is 'best response' or 'unrolled K', K a whole number; got {reply!r}")


def hyperparameter_optimisation(reply: str = "best response", *, step: Any = None) -> Game:
    """Hyperparameters that make the trained weights do well on data they were not trained on.

    Math: learner: min_w E_x l(x, w) + R(h, w); tuner: min_h E_v l(v, w), through the learner's best response or its
        next K steps (`reply` "unrolled K"). R is a penalty of any form.

    Shapes: h in R^d, w in R^p, data in R^n, all symbolic.

    Raises: GameError for an unknown reply.

    Reference: Pedregosa (2016), arXiv:1602.02355; Franceschi et al. (2018), arXiv:1806.04910.

    Examples:
        >>> print(hyperparameter_optimisation().cost("learner"))
        R(h, w) + E_x[l(x, w)]
    """
    h, w, loss = vector("h", "d"), vector("w", "p"), network("l")
    x, v = random("x", data("train", "n")), random("v", data("validation", "n"))
    through = {"learner": _reply(reply, step, "s")}
    players = {
        "tuner": minimize(E(loss(v, w), v), h, through=through),
        "learner": minimize(E(loss(x, w), x) + network("R", range="positive")(h, w), w),
    }
    return Game(players, title="Hyperparameter optimisation", source="Pedregosa 2016, arXiv:1602.02355")


def hyperparameter_optimisation_instance() -> Instance:
    """Ridge regression of one number: training target 2, validation target 1, penalty exp(h) w^2/2.

    Math: l(x, w) = (w - x)^2/2; the learner answers w = 2/(1 + exp(h)). Equilibrium h = 0, w = 1.

    Shapes: two scalars.

    Reference: Pedregosa (2016), arXiv:1602.02355.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("hyperparameter_optimisation").variables
        (h, w)
    """
    return Instance(
        dims={"n": 1, "p": 1, "d": 1},
        networks={"l": lambda x, w: (w[0] - x[0]) ** 2 / 2, "R": lambda h, w: sp.exp(h[0]) * w[0] ** 2 / 2},
        laws={"train": ([[2]], [1]), "validation": ([[1]], [1])},
    )


def data_distillation(points: int = 1, reply: str = "unrolled 1", *, step: Any = None) -> Game:
    """Dataset distillation: a few made-up examples on which training does as well as on the data.

    Math: learner: min_w of the mean of l(s_i, w) over the made-up examples; distiller: min over s_1, ... of E_v l(v, w)
        through the learner's next K steps (`reply` "unrolled K", the original) or its best response.

    Shapes: s_i and data in R^n, w in R^p, all symbolic.

    Raises: GameError for an unknown reply, or unless `points` is a whole number of at least 1.

    Reference: Wang, Zhu, Torralba, Efros (2018), arXiv:1811.10959, equation 4.

    Examples:
        >>> print(data_distillation().cost("learner"))
        l(s_1, w)
    """
    if not isinstance(points, int) or points < 1:
        raise GameError(f"points is a whole number of at least 1; got {points!r}")
    made, w, loss = [vector(f"s_{i + 1}", "n") for i in range(points)], vector("w", "p"), network("l")
    v = random("v", data("validation", "n"))
    players = {
        "distiller": minimize(E(loss(v, w), v), *made, through={"learner": _reply(reply, step, "eta")}),
        "learner": minimize(sp.Add(*[loss(s, w) for s in made]) / points, w),
    }
    return Game(players, title="Data distillation", source="Wang et al. 2018, arXiv:1811.10959")


def data_distillation_instance() -> Instance:
    """Distilling two numbers, 1 and 3, to one: the mean.

    Math: l(x, w) = (w - x)^2/2. Equilibrium s = w = 2.

    Shapes: two scalars, and the learner's step eta.

    Reference: Wang, Zhu, Torralba, Efros (2018), arXiv:1811.10959.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("data_distillation").variables
        (s_1, w)
    """
    return Instance(
        dims={"n": 1, "p": 1},
        networks={"l": lambda x, w: (w[0] - x[0]) ** 2 / 2},
        laws={"validation": ([[1], [3]], [sp.Rational(1, 2)] * 2)},
    )


def darts(order: Literal[1, 2] = 2, *, step: Any = None) -> Game:
    """Differentiable architecture search.

    Math: weights: min_w E_x l(x, a, w); architecture: min_a E_v l(v, a, w), seen through one step of the weights,
        w - xi d_w L_train (second order), or with w held fixed (first order).

    Shapes: architecture parameters a in R^d, w in R^p, data in R^n, all symbolic.

    Raises: GameError for another order.

    Reference: Liu, Simonyan, Yang (2019), arXiv:1806.09055, equations 5 to 7.

    Examples:
        >>> print(darts(1).field()[darts(1)["architecture"].moves[0]])
        E_v[d2 l(v, a, w)]
    """
    if order not in (1, 2):
        raise GameError(f"order is 1 or 2; got {order!r}")
    a, w, loss = vector("a", "d"), vector("w", "p"), network("l")
    x, v = random("x", data("train", "n")), random("v", data("validation", "n"))
    through = {"weights": _reply("unrolled 1", step, "xi")} if order == 2 else None
    players = {
        "architecture": minimize(E(loss(v, a, w), v), a, through=through),
        "weights": minimize(E(loss(x, a, w), x), w),
    }
    return Game(players, title="DARTS", source="Liu, Simonyan, Yang 2019, arXiv:1806.09055")


def darts_instance() -> Instance:
    """The bilinear example of the paper, on which first- and second-order search part.

    Math: L_val = a w - 2 a + 1, L_train = w^2 - 2 a w + a^2, both from l(x, a, w) = x_1 L_val + x_2 L_train with data
        (1, 0) or (0, 1). Equilibria: a = w = 2 in first order, 2/(1 + 2 xi) in second.

    Shapes: two scalars, and the step xi.

    Reference: Liu, Simonyan, Yang (2019), arXiv:1806.09055, figure 2.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("darts").variables
        (a, w)
    """
    return Instance(
        dims={"n": 2, "p": 1, "d": 1},
        networks={
            "l": lambda x, a, w: x[0] * (a[0] * w[0] - 2 * a[0] + 1) + x[1] * (w[0] ** 2 - 2 * a[0] * w[0] + a[0] ** 2)
        },
        laws={"train": ([[0, 1]], [1]), "validation": ([[1, 0]], [1])},
    )
