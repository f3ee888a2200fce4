"""Reinforcement learning in finite problems: policy gradients, compatible critics, temporal differences, regulators."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.analysis import equilibria, riccati, stability
from bilevel.analysis.analyse import analyse
from bilevel.game import Game, maximize, minimize
from bilevel.language import stop_gradient
from bilevel.models import LinearCritic, Regulator, key
from bilevel.rules import simultaneous
from tests.published.claims import Check, Q, Result, holds, region, same
from tests.published.every_size import every_size

GAMMA = Q(1, 2)


@dataclass(frozen=True)
class Process:
    """Two states, two actions, rational transitions and rewards, a tabular softmax policy in four logits."""

    logits: tuple[Any, ...]
    policy: Any
    objective: Any
    visits: Any
    action_values: Any
    state_values: Any


def process() -> Process:
    logits = sp.symbols("t00 t01 t10 t11", real=True)
    x = sp.symbols("x0:4", positive=True)  # the exponentials of the logits, in which everything is rational
    policy = sp.Matrix(2, 2, lambda s, a: x[2 * s + a] / (x[2 * s] + x[2 * s + 1]))
    moves = [sp.Matrix([[1, 0], [Q(1, 2), Q(1, 2)]]), sp.Matrix([[Q(1, 2), Q(1, 2)], [0, 1]])]
    rewards = sp.Matrix([[1, -2], [0, 3]])  # state, action
    start = sp.Matrix([[Q(1, 2), Q(1, 2)]])
    chain = sp.Matrix(2, 2, lambda s, n: sum(policy[s, a] * moves[s][a, n] for a in range(2)))
    reward = sp.Matrix([sum(policy[s, a] * rewards[s, a] for a in range(2)) for s in range(2)])
    short = lambda m: m.applyfunc(sp.cancel)
    resolvent = short((sp.eye(2) - GAMMA * chain).inv())
    values = short(resolvent * reward)
    actions = sp.Matrix(2, 2, lambda s, a: rewards[s, a] + GAMMA * sum(moves[s][a, n] * values[n] for n in range(2)))
    put = {v: sp.exp(t) for v, t in zip(x, logits, strict=True)}
    found = (policy, sp.Matrix([sp.cancel((start * values)[0])]), short(start * resolvent), short(actions), values)
    policy, objective, visits, actions, values = (m.subs(put) for m in found)
    return Process(logits, policy, objective[0], visits, actions, values)


def pairs() -> list[tuple[int, int]]:
    return [(s, a) for s in range(2) for a in range(2)]


def advantage(p: Process, s: int, a: int) -> Any:
    return p.action_values[s, a] - p.state_values[s]


def score(p: Process, s: int, a: int) -> Any:
    return sp.Matrix([sp.diff(sp.log(p.policy[s, a]), t) for t in p.logits])


def actor_gradient(p: Process) -> Any:
    field = Game(actor=maximize(p.objective, *p.logits)).field()
    return -sp.Matrix([field[t] for t in p.logits])


def policy_gradient() -> Iterator[Check]:
    p = process()
    found = actor_gradient(p)
    claim = sum(
        (
            p.visits[s] * p.action_values[s, a] * sp.Matrix([sp.diff(p.policy[s, a], t) for t in p.logits])
            for s, a in pairs()
        ),
        sp.zeros(4, 1),
    )
    yield same("sum of d(s) times the policy's slope times Q", found, claim)
    tabular = sp.Matrix([p.visits[s] * p.policy[s, a] * advantage(p, s, a) for s, a in pairs()])
    yield same("tabular softmax: d(s) pi(a|s) A(s, a)", found, tabular)
    yield from every_size(11)


def compatible_critic() -> Iterator[Check]:
    p = process()
    w = sp.symbols("w0:4", real=True)
    features = {(s, a): (score(p, s, a).T * sp.Matrix(w))[0] for s, a in pairs()}
    loss = sum(p.visits[s] * p.policy[s, a] * (p.action_values[s, a] - features[s, a]) ** 2 / 2 for s, a in pairs())
    stationarity = sp.Matrix(list(Game(critic=minimize(loss, *w)).field().values()))
    guess = sum((p.visits[s] * p.policy[s, a] * features[s, a] * score(p, s, a) for s, a in pairs()), sp.zeros(4, 1))
    # The critic's slope is the guessed gradient less the true one, so where it vanishes the guess is unbiased.
    yield same("the critic's stationarity is the bias", stationarity, guess - actor_gradient(p))
    for s in range(2):
        yield same(
            f"its values average to zero in state {s}", sum(p.policy[s, a] * features[s, a] for a in range(2)), 0
        )
    yield from every_size(13)


def natural_gradient() -> Iterator[Check]:
    p = process()
    fisher = sum(
        ((1 - GAMMA) * p.visits[s] * p.policy[s, a] * score(p, s, a) * score(p, s, a).T for s, a in pairs()),
        sp.zeros(4),
    )
    direction = sp.Matrix([advantage(p, s, a) / (1 - GAMMA) for s, a in pairs()])
    yield same("F (A/(1-gamma)) is the gradient", fisher * direction, actor_gradient(p))
    # F vanishes only on shifts of a state's logits, which change no policy: the step is A/(1-gamma) up to those.
    shift = sp.Matrix([1, 1, 0, 0])
    yield same("shifts of one state's logits are invisible to F", fisher * shift, sp.zeros(4, 1))
    eta, u = sp.Symbol("eta", positive=True), sp.symbols("u0:4", real=True)  # u stands for A/(1-gamma)
    moved = dict(zip(p.logits, (t + eta * d for t, d in zip(p.logits, u, strict=True)), strict=True))
    after = p.policy[0, 0].subs(moved, simultaneous=True)
    weight = [p.policy[0, a] * sp.exp(eta * u[a]) for a in range(2)]
    yield same(
        "the new policy is proportional to pi exp(eta A/(1-gamma))",
        after.replace(sp.exp, lambda e: sp.expand(sp.exp(e), power_exp=True)),
        weight[0] / (weight[0] + weight[1]),
    )
    yield from every_size(14)


def linear_temporal_differences() -> Iterator[Check]:
    P = sp.Matrix([[Q(1, 2), Q(1, 3), Q(1, 6)], [Q(1, 4), Q(1, 4), Q(1, 2)], [Q(2, 5), Q(1, 5), Q(2, 5)]])
    features, rewards = sp.Matrix([[1, 0], [1, 2], [Q(1, 2), -1]]), sp.Matrix([1, -1, 2])
    mass = (P.T - sp.eye(3)).nullspace()[0]
    D = sp.diag(*(mass / sum(mass)))
    w, alpha = sp.symbols("w1 w2", real=True), sp.Symbol("alpha", positive=True)
    guess = features * sp.Matrix(w)
    target = rewards + GAMMA * P * guess
    loss = sum(D[s, s] * (stop_gradient(target[s]) - guess[s]) ** 2 / 2 for s in range(3))
    learner = Game(critic=minimize(loss, *w))
    A, b = features.T * D * (sp.eye(3) - GAMMA * P) * features, features.T * D * rewards
    yield same(
        "the expected update is b - A w",
        -sp.Matrix(list(learner.field().values())).expand(),
        (b - A * sp.Matrix(w)).expand(),
    )
    yield holds(
        "the symmetric part of A is positive definite", analyse(-(A + A.T), time="continuous").verdict == "stable"
    )
    point = equilibria(learner).points[0].point
    theta = sp.Matrix([point[v] for v in w])
    projection = features * (features.T * D * features).inv() * features.T * D
    fitted = features * theta
    yield same("its zero is the projected fixed point", projection * (rewards + GAMMA * P * fitted), fitted)
    values = (sp.eye(3) - GAMMA * P).inv() * rewards
    size = lambda v: (v.T * D * v)[0]
    yield holds(
        "its error is at most that of the projection over sqrt(1-gamma^2)",
        size(fitted - values) * (1 - GAMMA**2) <= size(projection * values - values),
    )
    same_critic = LinearCritic(P, rewards, features, GAMMA)
    yield same("the catalogue's critic has this A", key(same_critic.td())[0], A)
    yield same("and no projected error there", same_critic.projected_error(theta), 0)
    yield from any_two_states()
    verdict = stability(learner, simultaneous(alpha), at=point)
    limit = sp.Min(*(2 * sp.re(l) / sp.Abs(l) ** 2 for l in A.eigenvals()))
    yield region(
        "stable iff alpha < min 2 Re l/|l|^2", verdict, alpha < sp.nsimplify(sp.N(limit, 60), rational=True), points=40
    )


def any_two_states() -> Iterator[Check]:
    """Every chain of two states that leaves each with some chance, every discount below one, a table as features."""
    p, q, gamma = sp.symbols("p q gamma", positive=True)
    critic = LinearCritic([[1 - p, p], [q, 1 - q]], sp.symbols("r1 r2", real=True), sp.eye(2), gamma)
    A, _ = key(critic.td())
    facts = (p <= 1, q <= 1, gamma < 1)
    verdict = analyse(-(A + A.T), time="continuous", assuming=facts)
    yield holds("symbolic chains: positive definite", verdict.verdict == "stable" and verdict.known == "exact")
    yield same("symbolic chains: the fixed point is the true value", A * critic.value(), key(critic.td())[1])


def regulator() -> Iterator[Check]:
    A, B = sp.Matrix([[Q(3, 4), Q(1, 2)], [Q(-1, 4), Q(1, 3)]]), sp.Matrix([[1], [Q(1, 2)]])
    cost, R, spread = sp.diag(1, 2), sp.Matrix([[Q(1, 2)]]), sp.Matrix([[2, Q(1, 2)], [Q(1, 2), 1]])
    K = sp.Matrix([sp.symbols("k1 k2", real=True)])
    closed = A - B * K
    P, S = lyapunov(closed.T, cost + K.T * R * K), lyapunov(closed, spread)
    C = sp.cancel(sp.together((P * spread).trace()))
    field = Game(actor=minimize(C, *K)).field()
    claim = 2 * ((R + B.T * P * B) * K - B.T * P * A) * S
    yield same("the gradient", sp.Matrix([[field[k] for k in K]]), claim)
    yield from matrix_gain(Regulator(A, B, cost, R, 1, spread))
    a, b, q, r = Q(1), Q(1), Q(2, 3), Q(1, 2)  # scalar: the Riccati equation has the solution p = 1
    p, best = sp.S.One, sp.Rational(2, 3)
    yield same("a Riccati solution", q + a**2 * p - (a * b * p) ** 2 / (r + b**2 * p), p)
    k = K[0]
    scalar = (q + r * k**2) / (1 - (a - b * k) ** 2)
    slope = Game(actor=minimize(scalar, k)).field()[k]
    yield same("the gradient vanishes at the Riccati gain", slope.subs(k, best), 0)
    state = 1 / (1 - (a - b * best) ** 2)
    source = random.Random(5)
    gains = [Q(source.randint(1, 199), 100) for _ in range(40)]
    small = [scalar.subs(k, g) - scalar.subs(k, best) <= state / (4 * r) * slope.subs(k, g) ** 2 for g in gains]
    yield holds("the cost is dominated by the squared gradient, even with a factor 1/4", all(small))


def matrix_gain(problem: Regulator) -> Iterator[Check]:
    """The gradient's zero and its domination of the cost, for matrices: the Riccati gain is enclosed to 1e-14."""
    best = riccati(problem)
    gap = problem.residual(best.gain)
    yield holds("it vanishes at the enclosed Riccati gain", max(abs(e) for e in gap) < 1e-12)
    level = problem.cost(best.gain)
    moment = max(sp.re(value.evalf()) for value in problem.moment(best.gain).eigenvals())
    least = min(value.evalf() for value in problem.start.eigenvals())
    bound = moment / (least**2 * problem.R[0] * 4)
    source, seen = random.Random(3), []
    while len(seen) < 12:
        gain = [[k + Q(source.randint(-40, 40), 100) for k in (Q(37, 100), Q(44, 100))]]
        if analyse(problem.A - problem.B * sp.Matrix(gain), time="discrete").verdict != "stable":
            continue
        slope = 2 * problem.residual(gain) * problem.moment(gain)
        seen.append(problem.cost(gain) - level <= bound * sum(e**2 for e in slope) + sp.Float(1e-9))
    yield holds("matrices: the cost is dominated by the squared gradient, with a factor 1/4", all(seen))


def lyapunov(M: Any, right: Any) -> Any:
    """X with X = right + M X M^T."""
    x = sp.symbols("x11 x12 x22")
    X = sp.Matrix([[x[0], x[1]], [x[1], x[2]]])
    gap = X - right - M * X * M.T
    found = sp.solve([gap[0, 0], gap[0, 1], gap[1, 1]], x, dict=True)[0]
    return X.subs(found)


RESULTS = (
    Result(
        "R01",
        "Sutton et al. 2000, NIPS, theorem 1",
        "The policy gradient of a finite process; tabular softmax: d pi A.",
        policy_gradient,
    ),
    Result(
        "R02",
        "Sutton et al. 2000, NIPS, theorem 2",
        "A compatible critic fitted by least squares is unbiased.",
        compatible_critic,
    ),
    Result(
        "R04",
        "Kakade 2001; Agarwal et al. 2021, arXiv:1908.00261, lemma 5.1",
        "The natural policy gradient multiplies the policy by exp(eta A/(1-gamma)).",
        natural_gradient,
    ),
    Result(
        "R09",
        "Tsitsiklis and Van Roy 1997, doi:10.1109/9.580874",
        "On-policy TD(0): A positive definite, the projected fixed point, its error, the step limit.",
        linear_temporal_differences,
    ),
    Result(
        "R22",
        "Fazel et al. 2018, arXiv:1801.05039, lemmas 1 and 11",
        "The gradient of the linear-quadratic regulator, its zero, and gradient domination.",
        regulator,
    ),
)
