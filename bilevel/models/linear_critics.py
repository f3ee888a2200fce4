"""Critics with linear features on finite chains: every classical method as a game in its weights, from its own loss.

Main definitions: `LinearCritic`, `stationary_law`, `key`.

Notation: n states, d features, Phi (n x d), chain P of the policy that is judged (rows: from; what a row lacks to one
ends the run), rewards r, discount gamma, law D = diag(d) of the states in the data, values v = Phi w.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import sympy as sp

from bilevel.game import Game, Player, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.language.nodes import stop_gradient
from bilevel.language.values import expression, matrix
from bilevel.system import System, map_of

Target = Literal["own", "copy"]
ROUNDING = 1e-12


def stationary_law(chain: Any) -> Any:
    """The law that a chain leaves as it is, a column.

    Math: d^T P = d^T, by the cofactors of I - P (Markov chain tree theorem): nothing is divided but by their sum.

    Raises: GameError where no such law is unique: the chain ends, or falls into several classes.

    Reference: Leighton and Rivest (1986), doi 10.1109/TIT.1986.1057250.

    Examples:
        >>> stationary_law([["1/2", "1/2"], [1, 0]])
        Matrix([
        [2/3],
        [1/3]])
    """
    P = _matrix(chain, "a chain")
    gap = sp.eye(P.rows) - P
    weights = [sp.cancel(gap.minor_submatrix(i, i).det()) if P.rows > 1 else sp.S.One for i in range(P.rows)]
    total = sp.cancel(sum(weights))
    if _zero(total) or not all(_zero(sum(gap.row(i))) for i in range(P.rows)):
        raise GameError("the chain ends or falls into several classes, so no law is its own; give the law of the data")
    return sp.ImmutableMatrix([sp.cancel(weight / total) for weight in weights])


def _matrix(given: Any, what: str) -> Any:
    if not _listed(given) and not hasattr(given, "tolist"):
        raise GameError(f"{what} is a list of rows or a matrix; got {given!r}")
    return matrix(given, what)


def _zero(value: Any) -> bool:
    """Whether a value vanishes; sums of floats do so up to their rounding."""
    value = sp.cancel(sp.together(value))
    return bool(value == 0 or (value.is_Float and abs(value) < ROUNDING))


def _listed(row: Any) -> bool:
    return isinstance(row, list | tuple)


@dataclass(frozen=True)
class LinearCritic:
    """A chain, its rewards, features and the law of the data: what a linear critic learns from.

    Math: each method returns a game whose field is A w - b (for two sets of weights, a block matrix), so that a step
        of size alpha contracts iff alpha < min 2 Re l/|l|^2 over the eigenvalues l of A, all with Re l > 0; `key` reads
        A and b off the game. `discount` None: the symbol gamma. `law` None: the chain's own (on-policy); another law:
        off-policy data, with importance ratios that correct the transitions but not the law.

    Shapes: `chain` n x n, `rewards` n, `features` n x d, `law` n; costs and values per step.

    Raises: GameError where shapes do not fit, or rows or laws of numbers are no probabilities.

    Reference: Sutton and Barto (2018), chapters 9 to 11; Tsitsiklis and Van Roy (1997), doi 10.1109/9.580874.

    Examples:
        >>> critic = LinearCritic([[0, 1], [0, 0]], [0, 0], [1, 2], law=[1, 0])
        >>> key(critic.td())[0]
        Matrix([[1 - 2*gamma]])
    """

    chain: Any
    rewards: Any
    features: Any
    discount: Any = None
    law: Any = None

    def __post_init__(self) -> None:
        for name in ("chain", "rewards", "features"):
            object.__setattr__(self, name, _matrix(getattr(self, name), f"the {name}"))
        gamma = (
            sp.Symbol("gamma", positive=True) if self.discount is None else expression(self.discount, "the discount")
        )
        object.__setattr__(self, "discount", gamma)
        n = self.chain.rows
        law = stationary_law(self.chain) if self.law is None else _matrix(self.law, "the law")
        object.__setattr__(self, "law", law)
        shapes = [self.chain.shape, self.rewards.shape, self.features.shape, law.shape]
        if shapes != [(n, n), (n, 1), (n, self.features.cols), (n, 1)]:
            raise GameError(
                f"a chain of {n} states is {n} x {n} and needs {n} rewards, {n} rows of features and a law of {n}; "
                f"got shapes {shapes}"
            )
        for row, exact in [(law.T, True), *((self.chain.row(s), False) for s in range(n))]:
            _check_law(row, exact)

    @property
    def weights(self) -> tuple[Any, ...]:
        """The critic's weights, w or w1, w2, ..."""
        return self._names("w")

    def _names(self, letter: str) -> tuple[Any, ...]:
        d = self.features.cols
        return sp.symbols(f"{letter}1:{d + 1}" if d > 1 else f"{letter},", real=True)

    # what is known of the chain

    def value(self) -> Any:
        """The true values (1 - gamma P)^{-1} r, a column."""
        return _solved(sp.eye(self.chain.rows) - self.discount * self.chain, self.rewards)

    @property
    def gram(self) -> Any:
        """M = Phi^T D Phi."""
        return self.features.T * sp.diag(*self.law) * self.features

    def bellman_error(self, weights: Any) -> Any:
        """|T v - v|^2 in the law of the data."""
        gap = self._gap(sp.Matrix(list(weights)))
        return sum((p * e**2 for p, e in zip(self.law, gap, strict=True)), sp.S.Zero)

    def projected_error(self, weights: Any) -> Any:
        """|Pi (T v - v)|^2 in the law of the data, Pi the projection on the features: (b - A w)^T M^{-1} (b - A w)."""
        seen = self.features.T * sp.diag(*self.law) * self._gap(sp.Matrix(list(weights)))
        return (seen.T * _solved(self.gram, seen))[0, 0]

    def _gap(self, w: Any) -> Any:
        v = self.features * w
        return self.rewards + self.discount * self.chain * v - v

    # one set of weights

    def td(self, *, target: Target = "own") -> Game:
        """Expected TD(0): A = Phi^T D (1 - gamma P) Phi, b = Phi^T D r; target "copy": other weights there."""
        return self._towards(self.rewards, self.discount * self.chain, "TD(0)", target=target)

    def n_step(self, steps: int, *, target: Target = "own") -> Game:
        """Returns of n steps: A = Phi^T D (1 - gamma^n P^n) Phi."""
        if not isinstance(steps, int) or steps < 1:
            raise GameError(f"the number of steps is a positive integer; got {steps!r}")
        ahead = self.discount * self.chain
        rewards = sum((ahead**k * self.rewards for k in range(steps)), sp.zeros(self.chain.rows, 1))
        return self._towards(rewards, ahead**steps, f"TD with {steps} steps", target=target)

    def td_lambda(self, trace: Any, *, target: Target = "own") -> Game:
        """TD(lambda): A = Phi^T D (1 - gamma lambda P)^{-1} (1 - gamma P) Phi, by the lambda-return."""
        rewards, ahead = self._traced(expression(trace, "the trace parameter"))
        return self._towards(rewards, ahead, "TD(lambda)", target=target)

    def emphatic(self, trace: Any = 0, *, interest: Any = None) -> Game:
        """Emphatic TD: TD(lambda) with the law m, m^T = (d i)^T (1 - gamma P)^{-1} (1 - gamma lambda P). In
        expectation: whether the trace that stands for m has a finite variance says `bilevel.analysis.follow_on`."""
        lam, n = expression(trace, "the trace parameter"), self.chain.rows
        cared = sp.ones(n, 1) if interest is None else _matrix(interest, "the interest")
        start = self.law.multiply_elementwise(cared)
        P = self.chain.T
        traced = sp.eye(n) - self.discount * lam * P
        emphasis = (traced * _solved(sp.eye(n) - self.discount * P, start)).applyfunc(sp.cancel)
        rewards, ahead = self._traced(lam)
        return self._towards(rewards, ahead, "Emphatic TD", law=emphasis)

    def residual_gradient(self, *, samples: Literal["double", "single"] = "double") -> Game:
        """Descent on the Bellman error; "single": both factors from one sample, which adds gamma^2 E Cov(phi' | s)."""
        if samples not in ("double", "single"):
            raise GameError(f"samples is 'double' or 'single'; got {samples!r}")
        w = sp.Matrix(self.weights)
        loss = self.bellman_error(w) / 2 if samples == "double" else self._single(self.features * w) / 2
        return self._game({"critic": minimize(loss, *self.weights)}, f"Residual gradient, {samples} samples")

    def _single(self, v: Any) -> Any:
        total, n = sp.S.Zero, self.chain.rows
        for s in range(n):
            outcomes = [(self.chain[s, t], self.discount * v[t]) for t in range(n)]
            outcomes.append((1 - sum(self.chain.row(s)), sp.S.Zero))
            total += self.law[s] * sum(p * (self.rewards[s] + later - v[s]) ** 2 for p, later in outcomes)
        return total

    def fitted(self) -> System:
        """Fitted iteration (FQI, NFQCA): the copy in the target stays until the fit is done, w <- Pi T (Phi w)."""
        w = sp.Matrix(self.weights)
        target = self.rewards + self.discount * self.chain * self.features * w
        after = _solved(self.gram, self.features.T * sp.diag(*self.law) * target)
        return map_of(dict(zip(self.weights, after, strict=True)), title="Fitted iteration", source="Gordon 1995")

    # two sets of weights

    def gtd2(self) -> Game:
        """GTD2 as a saddle point: min over w, max over y of E[delta h - h^2/2], h = phi^T y."""
        y = self._names("y")
        gap, h = self._gap(sp.Matrix(self.weights)), self.features * sp.Matrix(y)
        loss = sum((p * (e * u - u**2 / 2) for p, e, u in zip(self.law, gap, h, strict=True)), sp.S.Zero)
        return self._game({"critic": minimize(loss, *self.weights), "auxiliary": maximize(loss, *y)}, "GTD2")

    def tdc(self) -> Game:
        """TDC as a two-player game: TD(0) with the correction gamma E[V(s') h], and h fitted to delta."""
        y = self._names("y")
        gap, h = self._gap(sp.Matrix(self.weights)), self.features * sp.Matrix(y)
        later = self.discount * self.chain * self.features * sp.Matrix(self.weights)
        fit = sum((p * (e - u) ** 2 / 2 for p, e, u in zip(self.law, gap, h, strict=True)), sp.S.Zero)
        correction = sum((p * e * stop_gradient(u) for p, e, u in zip(self.law, later, h, strict=True)), sp.S.Zero)
        critic = self.td()["critic"].loss + correction
        return self._game({"critic": minimize(critic, *self.weights), "auxiliary": minimize(fit, *y)}, "TDC")

    # how they are made

    def _traced(self, lam: Any) -> tuple[Any, Any]:
        # The lambda-return is affine in v: (1 - gamma lambda P)^{-1} (r + gamma (1 - lambda) P v).
        system = sp.eye(self.chain.rows) - self.discount * lam * self.chain
        return _solved(system, self.rewards), _solved(system, self.discount * (1 - lam) * self.chain)

    def _towards(self, rewards: Any, ahead: Any, title: str, *, target: Target = "own", law: Any = None) -> Game:
        """Semi-gradient regression of v on `rewards + ahead v`, with v in it stopped or a copy's."""
        if target not in ("own", "copy"):
            raise GameError(f"target is 'own' or 'copy'; got {target!r}")
        copies = self._names("wbar") if target == "copy" else self.weights
        held = copies if target == "copy" else tuple(map(stop_gradient, copies))
        guess = self.features * sp.Matrix(self.weights)
        goal = rewards + ahead * self.features * sp.Matrix(held)
        loss = sum(
            (p * (g - v) ** 2 / 2 for p, g, v in zip(self.law if law is None else law, goal, guess, strict=True)),
            sp.S.Zero,
        )
        players = {"critic": minimize(loss, *self.weights)}
        if target == "copy":
            apart = sum((c - stop_gradient(w)) ** 2 / 2 for c, w in zip(copies, self.weights, strict=True))
            players["target"] = minimize(apart, *copies)
        return self._game(players, title)

    def _game(self, players: dict[str, Player], title: str) -> Game:
        return Game(players, title=title, source="Sutton and Barto 2018, chapter 11")


def key(game: Game) -> tuple[Any, Any]:
    """The key matrix and vector of a linear critic: its expected step is in the direction b - A w.

    Math: A = dF/dw, b = -F(0); F is the game's field.

    Raises: GameError where the field is not affine.

    Reference: Sutton, Mahmood, White (2016), arXiv:1503.04269.

    Examples:
        >>> w = sp.Symbol("w", real=True)
        >>> key(Game(critic=minimize((3 - 2*w)**2 / 2, w)))
        (Matrix([[4]]), Matrix([[6]]))
    """
    variables, short = game.variables, lambda e: sp.cancel(sp.together(e))
    A = game.jacobian().applyfunc(short)
    if A.free_symbols & set(variables):
        raise GameError(f"the field is not affine in {', '.join(map(str, variables))}, so it has no key matrix")
    zero = dict.fromkeys(variables, sp.S.Zero)
    return A, sp.ImmutableMatrix([short(-game.field()[v].subs(zero)) for v in variables])


def _solved(system: Any, right: Any) -> Any:
    # By adjugates: no division by an entry that might vanish.
    system = sp.Matrix(system)
    scale = sp.cancel(system.det())
    if scale == 0:
        raise GameError("a linear system is singular: the features depend on each other, or values are infinite")
    return (system.adjugate() * right / scale).applyfunc(sp.cancel)


def _check_law(row: Any, exact: bool) -> None:
    total, kind = sp.cancel(sum(row)), "law" if exact else "row of the chain"
    short: Callable[[Any], bool] = lambda e: bool(e.is_number and e < 0)
    over = total - 1
    if any(map(short, row)) or (total.is_number and not _zero(over) and (over > 0 or exact)):
        raise GameError(f"a {kind} holds probabilities; {list(row)} sums to {total}")
