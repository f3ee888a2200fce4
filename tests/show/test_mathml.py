"""The MathML printer: what it prints can be read back, looks as on paper, and is never anything but MathML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.functions import sigmoid
from bilevel.language.gradient import gradient
from bilevel.language.known_function import known_function
from bilevel.language.laws import bernoulli, data, density, log_density, normal, random
from bilevel.language.mean import Mean
from bilevel.language.networks import network
from bilevel.language.nodes import dot, stop_gradient, vector
from bilevel.show import Markup, equality, equations, mathml, operator
from tests.show.hostile import HOSTILE, attributes, tags
from tests.show.read_mathml import value

x, y, h, gamma = sp.symbols("x y h gamma", real=True)
CORE = {
    "math",
    "mrow",
    "mi",
    "mn",
    "mo",
    "mtext",
    "mspace",
    "mfrac",
    "msqrt",
    "mroot",
    "msub",
    "msup",
    "msubsup",
    "mover",
    "munderover",
    "mtable",
    "mtr",
    "mtd",
}


def seen(expression, **options):
    """The visible characters of a formula."""
    text = re.sub(r"<[^>]*>|[\u2061\u2062]", "", mathml(expression, **options))
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("\u00a0", " ")


def expressions():
    leaves = st.sampled_from([x, y, h, sp.Integer(1), sp.Integer(-2), sp.Rational(1, 3), sp.Rational(-5, 2), sp.pi])
    grow = lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: pair[0] + pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] * pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] - pair[1]),
        st.tuples(inner, inner).map(lambda pair: sp.Mul(pair[0], pair[1], evaluate=False)),
        st.tuples(inner, st.sampled_from([2, 3, -1, -2])).map(lambda pair: pair[0] ** pair[1]),
        inner.map(lambda e: sp.sqrt(1 + e**2)),
        inner.map(sp.sin),
        inner.map(lambda e: sigmoid(e)),
        inner.map(lambda e: sp.exp(-(e**2))),
        inner.map(lambda e: sp.log(2 + e**2)),
    )
    return st.recursive(leaves, grow, max_leaves=6)


@given(expressions())
@settings(max_examples=30, deadline=None)
def test_what_is_printed_reads_back_as_the_same_number(expression):
    point = {x: sp.Rational(7, 10), y: sp.Rational(-13, 10), h: sp.Rational(2, 5)}
    expected = sp.N(expression.subs(point))
    if not expected.is_real or abs(expected) > 1e6:
        return
    found = value(mathml(expression), {symbol.name: float(number) for symbol, number in point.items()})
    assert found == pytest.approx(float(expected), rel=1e-6, abs=1e-9), mathml(expression)


@pytest.mark.parametrize(
    "expression, shown",
    [
        (1 - x, "1−x"),
        (sp.Symbol("theta_t"), "θt"),
        (sp.Symbol("D_star"), "D∗"),
        (sp.Symbol("x@1"), "x(−1)"),
        (-sp.log(1 + sp.exp(-x)), "−log(1+e−x)"),
        (sp.And(h > 0, h < 4), "0<h<4"),
        (sp.Or(sp.Eq(h, 0), gamma > 1), "h=0 or γ>1"),
        (4 * (sp.sqrt(gamma**2 + 1) - gamma), "4γ2+1−4γ"),
        (sp.I * h / 2 + 1, "1+ih2"),
        (sp.Interval.Ropen(0, 1), "[0,1)"),
        (sp.sin(x) ** 2, "sin2(x)"),
        (sp.true, "true"),
    ],
)
def test_formulas_look_as_on_paper(expression, shown):
    assert seen(expression) == shown


def test_fractions_gather_denominators():
    assert "<mfrac>" in mathml(h**2 / 4)
    assert mathml((x + 1) / (h - 2)).count("<mfrac>") == 1


def models():
    D, G, Q = network("D", range="probability"), network("G", out="n"), network("Q")
    theta, phi = vector("theta", "p"), vector("phi", "q")
    z, w = random("z", normal("m")), random("w", data("p_data", "n"))
    return D, G, Q, theta, phi, z, w


def test_the_gan_losses_look_like_the_paper():
    D, G, _, theta, phi, z, w = models()
    loss = E(-sp.log(D(w, phi)), w) + E(-sp.log(1 - D(G(z, theta), phi)), z)
    assert seen(loss) == "−𝔼w∼pdata[logD(w,φ)]−𝔼z∼𝒩(0,I)[log(1−D(G(z,θ),φ))]"
    assert seen(loss, laws=False) == "−𝔼w[logD(w,φ)]−𝔼z[log(1−D(G(z,θ),φ))]"


def test_the_generators_gradient_is_one_fraction_under_the_expectation():
    D, G, _, theta, phi, z, _ = models()
    loss = E(-sp.log(D(G(z, theta), phi)), z)
    assert seen(gradient(loss, theta)) == "−𝔼z∼𝒩(0,I)[∂2G(z,θ)⊤∇1D(G(z,θ),φ)D(G(z,θ),φ)]"


def test_model_nodes_have_their_signs():
    _, G, Q, theta, _, z, w = models()
    s = random("s", data("p_s", "k"))
    a = random("a", density("pi", "k", s, theta))
    assert seen(dot(w, w)) == "‖w‖2"
    assert seen(dot(w, G(z, theta))) in ("⟨G(z,θ),w⟩", "⟨w,G(z,θ)⟩")
    assert seen(stop_gradient(Q(s, a)) * log_density(a.law, a)) == "sg(Q(s,a))logπ(a|s,θ)"
    assert seen(E(Q(s, a), s, a)) == "𝔼s∼ps,a∼π(·|s,θ)[Q(s,a)]"
    coin = random("y", bernoulli(sp.Rational(1, 2)))
    assert seen(E(coin, coin, w, given=w)) == "𝔼y∼Bern(12),w∼pdata[y|w]"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_names(name):
    symbol = sp.Symbol(name)
    formulas = [
        mathml(symbol**2 / (1 + symbol)),
        mathml(sp.Function(name.replace("\x00", "\x01"))(symbol)),
        mathml(sp.MatrixSymbol(name, 2, 2).T),
        mathml(("words " + name, symbol)),
        mathml(operator(name, symbol)),
        mathml(equality(symbol, 1, name)),
    ]
    for formula in formulas:
        assert tags(formula) <= CORE
        assert not {a for a in attributes(formula) if a.startswith("on") or a in ("href", "src", "style")}


@pytest.mark.parametrize("name", ["Symbol", "Mul", "Add", "Pow", "Integral", "gamma", "Applied", "str"])
def test_an_unknown_function_is_never_taken_for_a_class_of_that_name(name):
    assert seen(sp.Function(name)(x, y)).endswith("(x,y)")
    assert seen(2 * sp.Function(name)(x)) in (f"2{name}(x)", "2γ(x)")


def test_every_element_is_mathml_core():
    zoo = [
        sp.Matrix([[1, -h / 2], [h / 2, 1]]),
        sp.Piecewise((x, x > 0), (0, True)),
        sp.Sum(x, (x, 0, 5)),
        sp.Integral(sp.exp(-x), (x, 0, sp.oo)),
        sp.Derivative(sp.Function("f")(x), x, 2),
        sp.FiniteSet(1, 2),
        sp.Union(sp.Interval(0, 1), sp.FiniteSet(3)),
        sp.Lambda(x, x**2),
        sp.zoo,
        sp.nan,
        -sp.oo,
        sp.Float("1e-9"),
        sp.ConditionSet(x, x > 1, sp.Reals),
        sp.Abs(x),
        sp.conjugate(sp.Symbol("w")),
        sp.Not(sp.Contains(x, sp.Reals)),
        sp.CRootOf(x**5 - x - 1, 0),
        sp.BlockMatrix([[sp.MatrixSymbol("A", 2, 2), sp.ZeroMatrix(2, 2)]]),
        (x, "and", y),
        sp.MatrixSymbol("v", 3, 1)[1, 0],
        sp.Max(x, 1),
        sp.Heaviside(x),
        sp.Subs(sp.Function("f")(x).diff(x), x, 0),
    ]
    for expression in zoo:
        assert tags(mathml(expression, block=True)) <= CORE, expression


def test_a_named_function_keeps_its_distance_from_the_factor_before_it():
    assert '<mspace width="0.17em"/><mrow><mi>log</mi>' in mathml(y * sp.log(x))
    assert "mspace" not in mathml(y * sigmoid(x))


def test_averages_that_wait_and_functions_known_at_a_point():
    f = known_function("g", ((sp.S.Zero, (sp.S.One,)),))
    assert seen(f(x).diff(x, 2)) == "g′′(x)"
    assert seen(Mean(sp.log(1 + sp.exp(h * x)), (x,), ())) in ("𝔼x∼𝒩(0, 1)[log(ehx+1)]", "𝔼x∼𝒩(0, 1)[log(1+ehx)]")


def test_a_wide_sum_is_broken_at_its_signs():
    wide = sum(sp.Symbol(f"a{k}") * sp.Symbol(f"b{k}") for k in range(12))
    one, many = (equations([(x, "=", wide)], width=width).count("<mtr>") for width in (500, 20))
    assert one == 1 < many
    flat = re.sub(r"<[^>]*>|[\u2061\u2062]", "", equations([(x, "=", wide)], width=20))
    assert flat == re.sub(r"<[^>]*>|[\u2061\u2062]", "", equations([(x, "=", wide)], width=500))


def test_a_node_may_bring_its_own_formula():
    class Own(sp.Symbol):
        def _mathml_(self, printer):
            return printer(sp.Symbol("omega"))

    class Careless(sp.Symbol):
        def _mathml_(self, printer):
            return "<script>"

    assert seen(Own("x")) == "ω"
    assert "<script>" not in mathml(Careless("x"))


def test_a_formula_too_deep_to_print_is_refused_in_words():
    deep = x
    for _ in range(3000):
        deep = sp.sin(deep, evaluate=False)
    with pytest.raises(GameError, match="nested too deeply"):
        mathml(deep)


def test_printing_is_deterministic_and_markup():
    formula = mathml(sp.And(h > 0, x * y < 4, gamma > h))
    assert isinstance(formula, Markup) and formula == mathml(sp.And(gamma > h, x * y < 4, h > 0))
    ET.fromstring(formula)
