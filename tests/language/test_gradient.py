"""Gradients at the model level: laws of calculus, and agreement with componentwise differentiation (a second road)."""

from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.language import (
    E,
    bernoulli,
    data,
    density,
    dot,
    gradient,
    jacobian,
    log_density,
    network,
    norm2,
    normal,
    pushforward,
    random,
    release,
    sigmoid,
    stop_gradient,
    uniform,
    vector,
)
from bilevel.language.algebra import product, transpose
from bilevel.language.errors import GameError
from bilevel.language.substitute import depends
from tests.language.explicit import Explicit

n, m, p, q = sp.symbols("n m p q", integer=True, positive=True)
theta, phi, u = vector("theta", "p"), vector("phi", "q"), vector("u", "n")
s = sp.Symbol("s", real=True)
z, x = random("z", normal("m")), random("x", data("p_data", "n"))
y = random("y", bernoulli(s))
a = random("a", density("pi", "n", x, theta))
D, Q, V = network("D", range="probability"), network("Q"), network("V")
G, H, K = network("G", out="n"), network("H", out="n"), network("K", out="n")


def row(*entries: int) -> sp.Matrix:
    return sp.Matrix(entries)


WORLD = Explicit(
    sizes={n: 2, m: 1, p: 2, q: 2},
    functions={
        "D": lambda w, f: 1 / (2 + (w[0] * f[0] + w[1] ** 2 * f[1]) ** 2),
        "Q": lambda w, b: w[0] ** 2 * b[0] * b[1] ** 2 + w[1] * b[1] ** 3 + b[0] ** 2 * w[0],
        "V": lambda w, t: w[0] * t**2 + w[1] ** 2 * t**3,
        "G": lambda e, t: sp.Matrix([e[0] * t[0] ** 2 + t[1] ** 3, e[0] ** 2 * t[0] * t[1] + t[1] ** 2]),
        "K": lambda f, t: sp.Matrix([f[0] * t[0] ** 2 + t[1], f[1] ** 2 * t[0] * t[1]]),
        "H": lambda e, t: sp.Matrix([e[0] * t[1] + e[1] ** 2 * t[0], e[0] ** 2 * t[0] ** 2 * e[1]]),
    },
    points={
        "Normal": [row(1), row(-2)],
        "p_data": [row(1, 2), row(-1, 1)],
        "pi": [row(1, 0), row(-1, 1)],
        "rho": [row(1, 1), row(2, 0)],
    },
    weights={
        "rho": lambda b, t: 1 + b[0] * t[0] ** 2 + b[1] * t[1] ** 2,
        "pi": lambda b, w, t: 3 + (b[0] * t[0] + b[1] * w[0] * t[1]) ** 2,
    },
)
POINT = {"theta": (sp.Rational(1, 2), sp.Rational(-2, 3)), "phi": (sp.Rational(3, 5), 2), "u": (1, sp.Rational(-1, 4))}


def components(variable):
    return list(WORLD.symbols(variable)) if isinstance(variable, sp.MatrixSymbol) else [variable]


VALUES = {v: sp.Matrix(POINT[v.name]) for v in (theta, phi, u)} | {s: sp.Rational(1, 3)}


def written_out(expr):
    """The expression in components, which are symbols."""
    return WORLD(expr, {v: WORLD.symbols(v) for v in (theta, phi, u)})


def at_point(expr):
    """The expression's exact value at one point, as a matrix."""
    value = WORLD(expr, VALUES)
    return value if isinstance(value, sp.MatrixBase) else sp.Matrix([value])


def slopes(expr, v):
    """Componentwise derivatives of the written-out expression by SymPy, at the same point."""
    plain = written_out(expr)
    plain = plain if isinstance(plain, sp.MatrixBase) else sp.Matrix([plain])
    point = {c: x for w in (theta, phi, u) for c, x in zip(WORLD.symbols(w), POINT[w.name])} | {s: VALUES[s]}
    return plain.jacobian(components(v)).subs(point)


def agree(expr, v, how="auto"):
    """gradient (of a scalar) or jacobian (of a column) equals the derivative of the written-out expression
    (exactly where values are rational, else to 30 digits)."""
    scalar = not isinstance(expr, sp.MatrixExpr)
    ours = at_point(gradient(expr, v, how)) if scalar else at_point(jacobian(expr, v, how))
    theirs = slopes(expr, v).T if scalar else slopes(expr, v)
    assert ours.shape == theirs.shape
    assert all(difference == 0 or abs(difference.evalf(40)) < sp.Float("1e-30") for difference in ours - theirs)


CRITIC = -E(sp.log(D(x, phi)), x) - E(sp.log(1 - D(G(z, theta), phi)), z)
SCALARS = [
    sp.log(D(u, phi)),
    D(K(phi, theta), phi) ** 2 * dot(u, K(phi, theta)),
    CRITIC,
    sigmoid(Q(u, H(u, phi))) * sp.exp(-norm2(phi)),
    norm2(gradient(D(u, phi), u)),
    V(u, dot(u, H(u, phi)) + s) * dot(u, u),
    dot(gradient(Q(u, H(u, phi)), u), u),
    E(Q(x, a) * y, x, a, y),
    E(Q(x, G(z, theta)) ** 2, x, z),
]


@pytest.mark.parametrize("loss", SCALARS, ids=range(len(SCALARS)))
def test_gradients_agree_with_components(loss):
    for v in (theta, phi, u, s):
        agree(loss, v)


@pytest.mark.parametrize("loss", SCALARS, ids=range(len(SCALARS)))
def test_second_derivatives_agree_with_components(loss):
    for v in (theta, phi, u):
        for w in (theta, phi, s):
            if depends(loss, v) and depends(loss, w):
                agree(gradient(loss, v), w)


def test_mixed_blocks_are_transposes():
    for loss in SCALARS:
        one, other = jacobian(gradient(loss, theta), phi), jacobian(gradient(loss, phi), theta)
        assert (at_point(one) - at_point(other).T).applyfunc(sp.simplify).is_zero_matrix


def test_third_and_fourth_derivatives_through_gradient_penalties():
    penalty = norm2(gradient(D(u, phi), u))
    agree(norm2(gradient(penalty, phi)), u)
    agree(gradient(penalty, phi), u)


def test_vector_valued_networks_weighted_by_their_own_gradients():
    follower = product(transpose(jacobian(G(phi, theta), theta)), gradient(Q(u, G(phi, theta)), u))
    agree(follower, theta)
    agree(follower, u)
    agree(gradient(norm2(follower), theta), phi)


def test_inverse_in_a_hypergradient():
    inner = Q(u, phi) + norm2(phi) * 10
    reply = product(sp.Inverse(jacobian(gradient(inner, phi), phi)), gradient(inner, phi))
    loss = norm2(reply)
    agree(loss, phi)
    agree(loss, u)


def test_a_matrix_under_an_expectation_times_a_vector():
    average = E(jacobian(G(z, theta), theta), z)
    pulled = product(transpose(average), u)
    agree(pulled, theta)
    agree(pulled, u)


def test_the_fisher_matrix_is_differentiable():
    b = random("b", density("rho", "n", theta))
    score = gradient(log_density(b.law, b), theta)
    fisher = E(product(score, transpose(score)), b)
    assert at_point(fisher) == at_point(fisher).T
    agree(product(fisher, theta), theta)


def test_score_and_pathwise_agree_on_gaussians():
    mean, t = sp.symbols("mean t", real=True)
    for law, v in ((normal(mean, 2), mean), (normal(t**2, t**2 + 1), t)):
        b = random("b", law)
        loss = E(b**3 + t * b, b)
        scored, moved = gradient(loss, v), gradient(loss, v, "pathwise")
        assert scored != moved
        assert sp.expand(gaussian(scored) - gaussian(moved)) == 0
        assert sp.expand(gaussian(moved) - sp.diff(gaussian(loss), v)) == 0


def gaussian(expr):
    """Closed form of expectations of polynomials in one normal variable, by the moments of N(0, 1)."""
    from bilevel.language.expectation import Expectation

    if isinstance(expr, Expectation):
        (b,), e = expr.variables, sp.Symbol("e")
        mean, variance = b.law.args
        body = sp.Poly(sp.expand(expr.body.xreplace({b: mean + sp.sqrt(variance) * e})), e)
        moments = {k: 0 if k % 2 else sp.factorial2(k - 1) for (k,) in body.monoms()}
        return sp.simplify(sum(c * moments[k] for (k,), c in body.terms()))
    return expr.func(*map(gaussian, expr.args)) if expr.args else expr


def test_both_roads_at_once():
    loss = E(Q(a, G(phi, theta)), x, a)
    agree(loss, theta)
    found = str(gradient(loss, theta))
    assert "log pi" in found and "d2 Q" in found


def test_a_pushforward_is_moved_and_has_no_score():
    shown = random("w", pushforward(G(z, theta), z))
    loss = E(D(shown, phi), shown)
    assert gradient(loss, theta) == gradient(E(D(G(z, theta), phi), z), theta)
    with pytest.raises(GameError, match="pushforward without a density"):
        gradient(loss, theta, "score")


def test_forced_roads_that_do_not_exist():
    with pytest.raises(GameError, match="no map from noise"):
        gradient(E(Q(x, a), x, a), theta, "pathwise")
    with pytest.raises(GameError, match="no score function"):
        gradient(E(D(G(z, theta), phi), z), theta, "score")
    with pytest.raises(GameError, match="support"):
        b = random("b", uniform(0, s))
        gradient(E(b**2, b), s, "score")
    with pytest.raises(GameError, match="finite law"):
        gradient(E(y, y), s, "pathwise")
    with pytest.raises(GameError, match="how is one of"):
        gradient(E(y, y), s, "both")


def test_moving_support():
    b = random("b", uniform(0, s))
    assert str(gradient(E(b**2, b), s)) == "2*E_b_1[s*b_1^2]"


def test_finite_laws_differentiate_their_weights():
    assert gradient(E(y * V(u, s), y), s) == sp.Add(V(u, s), s * gradient(V(u, s), s))


def test_stop_gradient():
    shared = D(u, phi)
    assert gradient(stop_gradient(shared) * shared, phi) == gradient(shared, phi) * stop_gradient(shared)
    assert gradient(stop_gradient(shared), phi) == sp.ZeroMatrix(q, 1)
    assert jacobian(stop_gradient(gradient(shared, phi)), phi) == sp.ZeroMatrix(q, q)
    assert release(stop_gradient(shared) * shared) == shared**2
    stopped = random("a", density("pi", "n", x, stop_gradient(theta)))
    assert gradient(E(Q(x, stopped), x, stopped), theta) == sp.ZeroMatrix(p, 1)


def test_policy_gradient_has_the_textbook_form():
    frozen = -E(stop_gradient(Q(x, a)) * sp.Symbol("c"), x, a)
    assert str(gradient(frozen, theta)) == "-E_{x, a}[c*sg(Q(x, a)) d3 log pi(a; x, theta)]"


def test_kinks():
    hinge = sp.Max(0, 1 - Q(u, H(u, phi)))
    agree(hinge, phi)


def test_what_cannot_be_differentiated_says_so():
    with pytest.raises(GameError, match="use jacobian"):
        gradient(G(u, theta), theta)
    with pytest.raises(GameError, match="vectors and scalar symbols"):
        gradient(D(u, phi), D(u, phi))
    with pytest.raises(GameError, match="three indices"):
        jacobian(jacobian(gradient(D(u, phi), u), phi), phi)
    with pytest.raises(GameError, match="is called as"):
        gradient(D(u, phi) + D(u, phi, phi), phi)
    shown = y * x + (1 - y) * G(z, theta)
    with pytest.raises(GameError, match="enters the condition"):
        gradient(E(E(y, y, x, z, given=shown) ** 2, y, x, z), theta)


@given(
    picks=st.lists(st.sampled_from(range(len(SCALARS))), min_size=1, max_size=2, unique=True),
    powers=st.lists(st.integers(1, 2), min_size=2, max_size=2),
    v=st.sampled_from([theta, phi, u, s]),
)
@settings(max_examples=6, deadline=None)
def test_formulas_of_scalars_agree_with_components(picks, powers, v):
    loss = sp.Mul(*(SCALARS[i] ** k for i, k in zip(picks, powers))) + sp.atan(SCALARS[picks[0]])
    agree(loss, v)
