"""Theorems for every size, against explicit matrices on both sides of each boundary."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from bilevel import rules
from bilevel.analysis.analyse import analyse
from bilevel.analysis.any_size import stability_any_size
from bilevel.analysis.any_size_reduction import reduce_game
from bilevel.game import Game, Player, maximize, minimize
from bilevel.language import dot, vector
from bilevel.language.errors import GameError
from bilevel.response import best_response, unrolled
from bilevel.rules import linearise

x, y, w = vector("x", "n"), vector("y", "m"), vector("w", "m")
n, m = x.shape[0], y.shape[0]
A, B, P = sp.MatrixSymbol("A", n, m), sp.MatrixSymbol("B", n, m), sp.MatrixSymbol("P", n, n)
h, g, p = sp.symbols("h gamma p", positive=True)
low, high = sp.symbols("sigma_min sigma_max", positive=True)
COUPLED = dot(x, A * y)
BILINEAR = Game(a=minimize(COUPLED, x), b=maximize(COUPLED, y))
DAMPED = Game(a=minimize(COUPLED, x), b=maximize(COUPLED - g * dot(y, y) / 2, y))

TURN = sp.Matrix([[3, -4], [4, 3]]) / 5
OTHER = sp.Matrix([[5, 12], [-12, 5]]) / 13


def concrete(game: Game, coupling: Any, put: Any = None) -> Game:
    """The game with an explicit coupling matrix, in scalars."""
    sizes = {"x": coupling.rows, "y": coupling.cols, "w": coupling.cols}
    scalars = {v: sp.Matrix([sp.Symbol(f"{v}{k}", real=True) for k in range(sizes[str(v)])]) for v in game.variables}

    def number(matrix: Any) -> Any:
        if matrix == A:
            return coupling
        if matrix in scalars:
            return scalars[matrix]
        if isinstance(matrix, sp.Transpose):
            return number(matrix.arg).T
        if isinstance(matrix, sp.MatAdd):
            return sum((number(part) for part in matrix.args[1:]), number(matrix.args[0]))
        coefficient, factors = matrix.as_coeff_matrices()
        product = number(factors[0])
        for factor in factors[1:]:
            product = product * number(factor)
        return coefficient * product

    def scalar(loss: Any) -> Any:
        forms = loss.atoms(type(COUPLED))
        return loss.xreplace({f: (number(f.args[0]).T * number(f.args[1]))[0] for f in forms}).subs(put or {})

    players = {
        name: Player(tuple(s for v in q.moves for s in scalars[v]), scalar(q.loss), q.sense, q.through)
        for name, q in game.players.items()
    }
    return Game(players)


def by_matrix(game: Game, rule: Any, coupling: Any, put: Any = None) -> Any:
    chosen = concrete(game, coupling, put)
    found = linearise(chosen, rule, dict.fromkeys(chosen.variables, 0))
    return analyse(found.matrix, time=found.time)


def with_singular_values(*values: Any) -> Any:
    return TURN * sp.diag(*values) * OTHER


def test_the_theorem_of_optimistic_descent() -> None:
    found = stability_any_size(BILINEAR, rules.optimistic(step=h))
    assert found.solve(h) == (h < sp.sqrt(3) / (3 * high))
    assert found.requires == "A square and invertible" and found.known == "exact"
    assert found.left_zero.verdict == found.right_zero.verdict == "marginal"


@pytest.mark.parametrize(
    ("rule", "condition"),
    [
        (rules.extragradient(h), h * high < 1),
        (rules.optimistic(step=h), 3 * h**2 * high**2 < 1),
        (rules.hamiltonian(h), h * high**2 < 2),
        (rules.competitive(h), sp.true),
        (rules.proximal_point(h), sp.true),
        (rules.simultaneous(h), sp.false),
        (rules.alternating(h), sp.false),
    ],
)
def test_bilinear_games_by_the_largest_singular_value(rule: Any, condition: Any) -> None:
    found = stability_any_size(BILINEAR, rule)
    for k in range(1, 9):
        put = {h: sp.Rational(k, 7), high: sp.Rational(5, 4), low: sp.Rational(1, 3)}
        assert sp.sympify(found.condition).subs(put) == sp.sympify(condition).subs(put)


@pytest.mark.parametrize(
    "name", ["extragradient", "optimistic", "lola", "past_extragradient", "chambolle_pock", "consensus"]
)
def test_explicit_matrices_on_both_sides(name: str) -> None:
    def made(step: Any) -> Any:
        return {
            "optimistic": lambda: rules.optimistic(step=step),
            "consensus": lambda: rules.consensus(step, sp.Rational(1, 2)),
        }.get(name, lambda: getattr(rules, name)(step))()

    found = stability_any_size(BILINEAR, made(h))
    coupling = with_singular_values(sp.Rational(1, 3), sp.Rational(3, 2))
    seen = set()
    for step in (sp.Rational(k, 12) for k in (1, 3, 5, 6, 7, 8, 11, 17)):
        verdict = by_matrix(BILINEAR, made(step), coupling).verdict
        put = {h: step, high: sp.Rational(3, 2), low: sp.Rational(1, 3)}
        expected = (
            "stable"
            if found.condition.subs(put) == sp.true
            else "unstable"
            if found.unstable_on.subs(put) == sp.true
            else "marginal"
        )
        assert verdict == expected
        seen.add(verdict)
    assert {"stable", "unstable"} <= seen


def test_the_boundary_itself() -> None:
    found = stability_any_size(BILINEAR, rules.extragradient(h))
    coupling = with_singular_values(sp.Rational(1, 3), 2)
    assert by_matrix(BILINEAR, rules.extragradient("1/2"), coupling).verdict == "marginal"
    assert found.marginal_on.subs({h: sp.Rational(1, 2), high: 2}) == sp.true


def test_both_ends_count() -> None:
    """Descent with damping: the smallest singular value bounds the step too."""
    found = stability_any_size(DAMPED, rules.simultaneous(h))
    assert {low, high} <= found.condition.free_symbols
    spectra = [(1, 1), (sp.Rational(1, 10), 1), (1, sp.Rational(3, 2)), (sp.Rational(1, 10), sp.Rational(3, 2))]
    for small, large in spectra:
        for step in (sp.Rational(1, 2), sp.Rational(11, 10), sp.Rational(13, 10)):
            put = {h: step, g: sp.Rational(17, 10), low: small, high: large}
            verdict = by_matrix(
                DAMPED, rules.simultaneous(step), with_singular_values(small, large), {g: put[g]}
            ).verdict
            assert (verdict == "stable") == (found.condition.subs(put) == sp.true)
            assert (verdict == "unstable") == (found.unstable_on.subs(put) == sp.true)


@pytest.mark.parametrize(
    ("coupling", "verdict"),
    [
        (sp.Matrix([[1, 2], [2, 4]]), "marginal"),
        (sp.Matrix([[1, 2]]), "stable"),
        (sp.Matrix([[1], [2]]), "marginal"),
        (sp.Matrix([[1, 0], [0, 2]]), "stable"),
    ],
)
def test_zero_modes_of_rectangular_and_deficient_couplings(coupling: Any, verdict: str) -> None:
    """Damping in y holds still the zero modes of y, not those of x: full row rank is what it takes."""
    rule = rules.alternating("1/10")
    found = stability_any_size(DAMPED, rules.alternating(h))
    assert found.requires == "A of full row rank" and found.right_zero.condition == (g * h < 2)
    assert by_matrix(DAMPED, rule, coupling, {g: 1}).verdict == verdict


def test_no_zero_mode_matters_where_both_are_damped() -> None:
    loss = COUPLED + dot(x, x) / 2 - dot(y, y) / 2
    found = stability_any_size(Game(a=minimize(loss, x), b=maximize(loss, y)), rules.proximal_point(h))
    assert found.requires == "" and found.verdict == "stable"


def test_words_in_the_coupling() -> None:
    loss = COUPLED + g * dot(x, A * A.T * x) / 2
    game = Game(a=minimize(loss, x), b=maximize(loss, y))
    found = stability_any_size(game, rules.alternating(h))
    coupling = with_singular_values(sp.Rational(1, 2), 1)
    for step in (sp.Rational(1, 2), sp.Rational(4, 5), sp.Rational(9, 10)):
        verdict = by_matrix(game, rules.alternating(step), coupling, {g: 2}).verdict
        put = {h: step, g: 2, high: 1, low: sp.Rational(1, 2)}
        assert (verdict == "stable") == (found.condition.subs(put) == sp.true)


def test_three_players_and_replies() -> None:
    third = dot(w, w) / 2 - dot(w, y)
    game = Game(a=minimize(COUPLED, x), b=maximize(COUPLED - dot(y, y) / 2, y), c=minimize(third, w))
    found = stability_any_size(game, rules.simultaneous(h))
    assert found.reduced.sides == {"x": "left", "y": "right", "w": "right"}
    for step in (sp.Rational(1, 5), sp.Rational(2, 5)):
        verdict = by_matrix(game, rules.simultaneous(step), with_singular_values(1, 2)).verdict
        assert (verdict == "stable") == (found.condition.subs({h: step, high: 2, low: 1}) == sp.true)
    for how in (best_response(), unrolled(2, sp.Rational(1, 4))):
        seeing = Game(a=minimize(COUPLED, x, through={"b": how}), b=maximize(COUPLED - dot(y, y) / 2, y))
        found = stability_any_size(seeing, rules.simultaneous(h))
        for step in (sp.Rational(1, 5), sp.Rational(4, 5), sp.Rational(9, 5)):
            verdict = by_matrix(seeing, rules.simultaneous(step), with_singular_values(1, 2)).verdict
            assert (verdict == "stable") == (found.condition.subs({h: step, high: 2, low: 1}) == sp.true)


def test_the_spectrum_is_that_of_the_scalar_games() -> None:
    """The characteristic polynomial of the whole map is the product over the singular values, in turned axes."""
    z = sp.Symbol("z")
    makers = [rules.optimistic(step="1/5"), rules.consensus("1/5", "1/3"), rules.lola("1/5"), rules.competitive("1/5")]
    for rule in [*makers, rules.averaged(rules.alternating("1/5"), 2), rules.sos("1/5")]:
        whole = by_matrix(DAMPED, rule, with_singular_values(2, 3), {g: 1}).jacobian.charpoly(z).as_expr()
        found = stability_any_size(DAMPED, rule)
        product = sp.prod(found.mode.jacobian.subs({found.sigma: s, g: 1}).charpoly(z).as_expr() for s in (2, 3))
        assert sp.expand(whole - product) == 0


@pytest.mark.parametrize(
    "rule",
    [
        rules.adam(h),
        rules.rmsprop(h),
        rules.projected(rules.simultaneous(h), lower=-1),
        rules.anchored(h, "1/2", {"x": 1}),
    ],
)
def test_rules_that_see_components_are_refused(rule: Any) -> None:
    found = stability_any_size(BILINEAR, rule)
    assert found.verdict == found.known == "unknown" and "axes" in found.reason


def test_a_rule_that_mixes_players_is_refused() -> None:
    @rules.rule
    def mixing(step: Any) -> Any:
        return lambda field: lambda z: z.rebuilt(z.leaves()[::-1])

    assert stability_any_size(BILINEAR, mixing(h)).verdict == "unknown"


def test_a_rule_that_counts_components_is_refused() -> None:
    @rules.rule
    def averaging(step: Any) -> Any:
        return lambda field: lambda z: z - step * field(z) / len(z.leaves())

    @rules.rule
    def normalised(step: Any) -> Any:
        def on(field: Any) -> Any:
            norm = sum(entry**2 for entry in field.game.jacobian())
            return lambda z: z - step * field(z) / norm

        return on

    for rule in (averaging(h), normalised(h)):
        found = stability_any_size(DAMPED, rule)
        assert found.verdict == "unknown" and "number of components" in found.reason


def test_frozen_preconditioners_are_scalars() -> None:
    assert (
        stability_any_size(DAMPED, rules.rmsprop(h, frozen=1, epsilon=0)).condition
        == stability_any_size(DAMPED, rules.simultaneous(h)).condition
    )


def test_what_does_not_reduce_is_unknown() -> None:
    square = sp.MatrixSymbol("C", n, n)
    u = vector("u", "n")
    rule = rules.simultaneous(h)
    for loss in (
        COUPLED + dot(x, P * x) / 2,
        dot(x, (A + B) * y),
        COUPLED**2,
        sp.exp(COUPLED),
    ):
        assert stability_any_size(Game(a=minimize(loss, x), b=maximize(loss, y)), rule).verdict == "unknown"
    for loss in (dot(x, square * square * u), dot(x, square * u) + dot(x, u), dot(x, square * u) + dot(x, square * x)):
        assert stability_any_size(Game(a=minimize(loss, x), b=maximize(loss, u)), rule).verdict == "unknown"


def test_declared_common_axes() -> None:
    loss = COUPLED + dot(x, P * x) / 2
    game = Game(a=minimize(loss, x), b=maximize(loss, y))
    found = stability_any_size(game, rules.alternating(h), jointly={P: p})
    sigma = found.sigma
    assert found.condition is None and found.mode.condition == (h**2 * sigma**2 + 2 * h * p < 4)
    assert found.left_zero.condition == (h * p < 2) and found.requires == "A of full column rank"


def test_one_player_by_the_eigenvalues_of_the_symmetric_part() -> None:
    found = stability_any_size(Game(a=minimize(dot(x, P * x) / 2, x)), rules.simultaneous(h))
    ends = sp.symbols("lambda_min lambda_max", real=True)
    assert found.condition == sp.And(ends[0] > 0, h * ends[1] < 2)


def test_linear_terms_only_move_the_equilibrium() -> None:
    shift = dot(x, vector("b", "n"))
    moved = Game(a=minimize(COUPLED + shift, x), b=maximize(COUPLED, y))
    rule = rules.optimistic(step=h)
    found = stability_any_size(moved, rule)
    assert found.condition == stability_any_size(BILINEAR, rule).condition and "linear terms" in found.statement


def test_invariance_under_renaming_and_transposition() -> None:
    flipped = Game(a=minimize(dot(y, A.T * x), x), b=maximize(dot(A.T * x, y), y))
    negative = Game(a=minimize(-COUPLED, x), b=maximize(-COUPLED, y))
    for game in (flipped, negative):
        assert (
            stability_any_size(game, rules.extragradient(h)).condition
            == stability_any_size(BILINEAR, rules.extragradient(h)).condition
        )
    sides = reduce_game(flipped).sides
    assert sides == {"x": "left", "y": "right"}


def test_mistakes_are_named() -> None:
    s = sp.Symbol("s", real=True)
    with pytest.raises(GameError, match="moves vectors"):
        stability_any_size(Game(a=minimize(s**2, s)), rules.simultaneous(h))
    with pytest.raises(GameError, match="origin"):
        stability_any_size(BILINEAR, rules.simultaneous(h), at={x: 1})
    with pytest.raises(GameError, match="declared"):
        stability_any_size(BILINEAR, rules.simultaneous(h), jointly=(P,))
    loss = COUPLED + dot(x, P * x) / 2
    with pytest.raises(GameError, match="another symbol"):
        stability_any_size(Game(a=minimize(loss, x), b=maximize(loss, y)), rules.simultaneous(h), jointly={P: h})


def test_names_do_not_clash() -> None:
    sigma = sp.Symbol("sigma", positive=True)
    found = stability_any_size(BILINEAR, rules.extragradient(sigma))
    assert found.condition == (sigma * found.sigma_max < 1) and found.sigma != sigma
    loss = sigma * COUPLED
    found = stability_any_size(Game(a=minimize(loss, x), b=maximize(loss, y)), rules.extragradient(1))
    assert found.condition == (sigma * found.sigma_max < 1)
