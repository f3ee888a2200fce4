"""A game written to a file is read back equal."""

from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from bilevel.app.problem import load
from bilevel.app.saving import quoted, save
from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.language.functions import softplus
from bilevel.language.mean import mean
from bilevel.language.moments import Normal
from bilevel.response import anticipated, best_response, unrolled
from bilevel.rules import catalogue
from bilevel.system import flow_of, map_of
from tests.app.test_problem import DIRAC, KNOWN, QUADRATIC

x, y, a = sp.symbols("x y a", real=True)
h = sp.Symbol("h", positive=True)
n = sp.Symbol("n", integer=True, nonnegative=True)
replies = st.sampled_from([best_response(), unrolled(2, h), anticipated(sp.Rational(1, 3))])
atoms = st.sampled_from([x, y, a, h, n, sp.Rational(1, 10), sp.Integer(-2), sp.pi])
shapes = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds(lambda p, q: p + q, inner, inner),
        st.builds(lambda p, q: p * q, inner, inner),
        st.builds(lambda p: p**2, inner),
        st.builds(lambda p: sp.exp(-p), inner),
        st.builds(softplus, inner),
        st.builds(sp.tanh, inner),
    ),
    max_leaves=6,
)


@given(shapes, shapes, st.none() | replies)
def test_reading_back_gives_the_same_game(first, second, reply):
    through = {"b": reply} if reply is not None else None
    game = Game(
        a=minimize(first + x**3 / 7, x, through=through),
        b=maximize(second - y**3 / 7 + x, y),
        assuming=(a < 4, h + a > 1),
        title='quoted "title" \\ \x7f \u03b8',
    )
    again = load(save(game) + "\n").game
    assert again == game and again.title == game.title


@pytest.mark.parametrize("text", [DIRAC, KNOWN, QUADRATIC + "[domain]\nx = 'positive'\n"])
def test_files_come_back(text):
    problem = load(text)
    again = load(save(problem.game, problem.rule, problem.at))
    assert again.game == problem.game and again.at == problem.at and str(again.rule) == str(problem.rule)


def test_open_averages_come_back():
    t = sp.Symbol("t", real=True)
    game = Game(p=minimize(mean(softplus(t * x), {x: Normal(a, h)}), t))
    assert load(save(game)).game == game


def test_systems_come_back():
    for system in (flow_of({x: -h * x + y, y: -x}), map_of({x: x - y, y: y + x}, sequential=True)):
        assert load(save(system)).game == system


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_every_rule_of_the_catalogue_comes_back(name):
    game = Game(a=minimize(x * y + x**2, x), b=maximize(x * y, y))
    base = catalogue()["simultaneous"](h)
    special = {
        "base": base,
        "of": catalogue()["flow"](1),
        "rules": {"a": base, "b": base},
        "lower": {"x": -1},
        "anchor": {"x": 1, "b": 2},
        "rate": "1/10",
        "followers": ["b"],
        "held": ["b"],
        "players": ["b"],
    }
    import inspect

    signature = inspect.signature(catalogue()[name]).parameters
    wanted = {
        key: special.get(key, h)
        for key, parameter in signature.items()
        if parameter.default is inspect.Parameter.empty or key in ("anchor", "lower")
    }
    if name in ("optimistic", "historical"):
        wanted |= {"optimistic": {"step": h}, "historical": {"window": 2}}[name]
    rule = catalogue()[name](**wanted)
    again = load(save(game, rule)).rule
    assert str(again) == str(rule)


def test_a_file_is_written(tmp_path):
    game = Game(p=minimize(x**2, x))
    text = save(game, path=tmp_path / "game.toml")
    assert (tmp_path / "game.toml").read_text() == text and load(tmp_path / "game.toml").game == game
    with pytest.raises(GameError, match="cannot be written"):
        save(game, path=tmp_path / "no" / "game.toml")


def test_what_has_no_text_is_refused():
    even = sp.Symbol("e", even=True)
    with pytest.raises(GameError, match="cannot be written"):
        save(Game(p=minimize(even * x**2, x)))
    with pytest.raises(GameError):
        save(Game(p=minimize(sp.Function("q")(x), x)))
    with pytest.raises(GameError, match="keyword"):
        save(Game(p=minimize(sp.Symbol("lambda", real=True) ** 2, sp.Symbol("lambda", real=True))))


@given(st.text())
def test_any_title_survives(text):
    title = text.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")
    assert load(f"title = {quoted(title)}\n[flow]\nx = '-x'\n").title == title


def test_an_implicit_trust_region_and_a_stopped_gradient_are_read_back():
    from bilevel.language import stop_gradient
    from bilevel.models import linear_quadratic_gan_in_samples
    from bilevel.models.strategies import trust_region
    from bilevel.rules import alternating

    game, rule = trust_region("1/2", step="implicit")(linear_quadratic_gan_in_samples(), alternating("1/5"))
    again = load(save(game, rule, None))
    assert str(again.rule) == str(rule) and "replying" in str(rule)
    w = sp.Symbol("w", real=True)
    td = Game(critic=minimize((1 + stop_gradient(w) / 2 - w) ** 2 / 2, w))
    assert [*load(save(td, None, None)).game.field().values()] == [*td.field().values()]
