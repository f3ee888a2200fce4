"""A game near a point that has no formula: its losses as Taylor polynomials with letters for coefficients.

Main definitions: `local_model`, `field_model`, `LocalModel`, `kept`.

A fixed point known only by an enclosure has no exact coordinates to put into formulas. But a rule's linearisation there
depends on the losses only through some of their derivatives at the point. So each derivative becomes a letter, whose
value is enclosed, and the rule is analysed exactly in these letters: the point itself is exact in the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import factorial, prod
from typing import Any

import sympy as sp
from flint import arb
from sympy.core.function import AppliedUndef, Derivative, Subs

from bilevel.analysis.enclosure import enclose
from bilevel.game import Game, Player
from bilevel.language.calculus import released
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.nodes import stop_gradient
from bilevel.response import best_response
from bilevel.rules.protocol.linear import Linearisation, linearise, stays
from bilevel.rules.protocol.rule import Rule
from bilevel.rules.protocol.smoothness import evaluated

FINE = 640  # bits with which derivatives are enclosed; their balls are as wide as the box makes them
ORDERS = (2, 3, 4)  # how many derivatives of the losses to try: most rules need two or three


@dataclass(frozen=True)
class LocalModel:
    """The model, the point (letters too), and what the letters stand for.

    Math: loss_i(z) = sum over |a| <= K of c_{i,a} (z - z0)^a/a! + a remainder of order K + 1 without a formula, so that
        nothing that needs further derivatives, or the losses elsewhere, goes unnoticed.

    Reference: Moore (1977), doi:10.1137/0714040, for the enclosures of the letters.

    Examples:
        >>> from bilevel.analysis.krawczyk import certify
        >>> from bilevel.game import minimize
        >>> from bilevel.rules import simultaneous
        >>> x, h = sp.Symbol("x", real=True), sp.Symbol("h", positive=True)
        >>> game = Game(a=minimize(x**2 + sp.sin(x), x))
        >>> model = local_model(game, certify([2*x + sp.cos(x)], [x], [-0.45]))
        >>> model.linearised(simultaneous(h)).matrix                # c_2 = sin x - 2
        Matrix([[c_2*h + 1]])
    """

    game: Game
    point: Mapping[Any, Any]
    values: Mapping[Any, arb]

    def linearised(self, rule: Rule) -> Linearisation | None:
        """The rule's Jacobian in the letters; None where it needs more of the losses than the model has."""
        linear = linearise(self.game, rule, self.point)
        return None if linear.matrix.atoms(AppliedUndef, Derivative, Subs) else linear


def local_models(game: Any, box: Mapping[Any, Any]) -> Iterator[LocalModel]:
    """Models of growing order around the zero of the field in the box: of the losses, or of the field alone."""
    for order in ORDERS:
        model = local_model(game, box, order) if isinstance(game, Game) else None
        model = model or field_model(game, box, order - 1)
        if model is not None:
            yield model


def local_model(game: Game, box: Mapping[Any, Any], order: int = ORDERS[0]) -> LocalModel | None:
    """The model around the one zero of the field in the box; None where a derivative has no enclosure there, a loss
    stops gradients, or steps are foreseen.

    Math: see `LocalModel`; the letters of each player's own slope are solved for from F(z0) = 0.

    Shapes: n variables and order K give (n + K choose K) derivatives a player. A coordinate in the box that is no ball
        is exact.

    Reference: see `LocalModel`.

    Examples: see `LocalModel`.
    """
    # What a loss holds constant varies in the field's Jacobian: one polynomial cannot say both. Foreseen steps leave
    # the point until the letters of the followers' slopes are solved for.
    seen = [how for player in game.players.values() for _, how in player.through]
    if any(how != best_response() for how in seen) or any(released(p.loss) != p.loss for p in game.players.values()):
        return None
    letters = _Letters(game, box)
    players = {}
    for number, (name, player) in enumerate(game.players.items()):
        loss = letters.polynomial(player.loss, order, own=f"g_{number + 1}_", moves=player.moves)
        if loss is None:
            return None
        players[name] = Player(player.moves, loss + letters.remainder(number, order), player.sense, player.through)
    model = Game(players)
    own = letters.own
    slopes = sp.solve([value.xreplace(letters.put) for value in model.field().values()], own, dict=True)
    if len(slopes) != 1 or set(slopes[0]) != set(own):
        return None
    exact = model.map_losses(lambda loss: loss.xreplace(slopes[0]))
    return LocalModel(exact, letters.put, letters.values)


def field_model(game: Any, box: Mapping[Any, Any], order: int = 1) -> LocalModel | None:
    """The same for the field alone, where losses stop gradients or there are none: all that a rule may ask for is F.

    Math: F_v(z) = sum over 1 <= |a| <= K of c_{v,a} (z - z0)^a/a! + a remainder. As losses: player i has sum_v v
        sg(F_v) plus a function without a formula of what others move, so that a rule that asks for it is noticed.

    Reference: see `LocalModel`.

    Examples:
        >>> from bilevel.analysis.krawczyk import certify
        >>> from bilevel.rules import simultaneous
        >>> from bilevel.system import flow_of
        >>> x, h = sp.Symbol("x", real=True), sp.Symbol("h", positive=True)
        >>> model = field_model(flow_of({x: sp.cos(x) - x}), certify([x - sp.cos(x)], [x], [0.7]))
        >>> model.linearised(simultaneous(h)).matrix                # c_1 = sin x + 1
        Matrix([[-c_1*h + 1]])
    """
    letters, field, players = _Letters(game, box), game.field(), {}
    for number, (name, player) in enumerate(game.players.items()):
        others = [v for v in game.variables if v not in player.moves]
        loss = sp.Function(f"U_{number}", real=True)(*others) if others else sp.S.Zero
        for v in player.moves:
            slope = letters.polynomial(field[v], order, least=1)
            if slope is None:
                return None
            loss += v * stop_gradient(slope + letters.remainder(f"{number}_{v}", order))
        players[name] = Player(tuple(player.moves), loss, "min", ())
    return LocalModel(Game(players), letters.put, letters.values)


def kept(game: Any, rule: Rule, box: Mapping[Any, Any]) -> bool:
    """Whether it is proved that the rule, whatever its parameters are, leaves the enclosed zero of the field alone."""
    return any(_stays(model, rule) for model in local_models(game, box))


def _stays(model: LocalModel, rule: Rule) -> bool:
    try:
        stays(model.game, rule, model.point)
    except (GameError, UnknownAnswer):
        return False
    return True


class _Letters:
    """One letter for every derivative that is no number; equal derivatives of one order share theirs."""

    def __init__(self, game: Any, box: Mapping[Any, Any]) -> None:
        self.variables, self.box = game.variables, box
        self.exact = {v: x for v, x in box.items() if not isinstance(x, arb)}
        self.put = {v: sp.Dummy(f"{v}_0", real=True) for v in self.variables}
        self.values: dict[Any, Any] = {
            self.put[v]: x if isinstance(x, arb) else enclose(x, precision=FINE) for v, x in box.items()
        }
        self.known: dict[tuple[int, Any], Any] = {}
        self.own: list[Any] = []
        self.seen: dict[Any, arb] = {}

    def polynomial(self, function: Any, order: int, *, least: int = 0, own: str = "", moves: Any = ()) -> Any:
        """The Taylor polynomial from order `least` on; None where a coefficient has no enclosure."""
        terms = []
        derivatives = {(): function}
        for size in range(order + 1):
            for index in combinations_with_replacement(self.variables, size):
                if index:
                    derivatives[index] = sp.diff(derivatives[index[:-1]], index[-1])
                if size < least:
                    continue
                if size == 1 and index[0] in moves:
                    letter = sp.Dummy(f"{own}{index[0]}", real=True)
                    self.own.append(letter)
                else:
                    letter = self.letter(size, derivatives[index])
                if letter is None:
                    return None
                terms.append(letter * self.monomial(index))
        return sp.Add(*terms)

    def monomial(self, index: tuple[Any, ...]) -> Any:
        """(z - z0)^a/a! for the multi-index that lists its variables."""
        weights = prod(factorial(index.count(v)) for v in set(index))
        return sp.Mul(*(v - self.put[v] for v in index)) / weights

    def remainder(self, name: Any, order: int) -> Any:
        """What the polynomial leaves out, without a formula: R(z) (a . (z - z0))^(K+1), a letters, so that each further
        derivative, and the value anywhere else, holds R."""
        along = sp.Add(*(sp.Dummy(f"a_{v}") * (v - self.put[v]) for v in self.variables))
        return sp.Function(f"R_{name}", real=True)(*self.variables) * along ** (order + 1)

    def letter(self, size: int, derivative: Any) -> Any:
        """The letter of a derivative, with the sign its enclosure shows; None where it has no enclosure."""
        if self.exact:
            derivative = evaluated(derivative, self.exact)  # None at a kink
        if derivative is None or not derivative.free_symbols:
            return derivative
        if derivative.could_extract_minus_sign():
            positive = self.letter(size, -derivative)
            return None if positive is None else -positive
        if (size, derivative) not in self.known:
            ball = enclose(derivative, self.box, FINE, self.seen)
            if ball is None:
                return None
            sign = {"positive": True} if ball > 0 else {"negative": True} if ball < 0 else {"real": True}
            self.known[size, derivative] = sp.Symbol(f"c_{len(self.known) + 1}", **sign)
            self.values[self.known[size, derivative]] = ball
        return self.known[size, derivative]
