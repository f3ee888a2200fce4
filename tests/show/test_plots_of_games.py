"""Pictures straight from games: what is marked is exact, what is coloured was computed, and all of it is data."""

from __future__ import annotations

import io

import numpy as np
import pytest
import sympy as sp

from bilevel import rules as R
from bilevel.analysis import stability, stability_diagram
from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.models import dirac_gan, gan
from bilevel.numeric import basins, simulate, sweep
from bilevel.show import basin_map, diagram_figure, eigenvalue_paths, game_portrait, rate_curve, sweep_map
from bilevel.show.plot_parts import edge_of

x, y = sp.symbols("x y", real=True)
h, a = sp.symbols("h a", positive=True)
GAN = dirac_gan(penalty="R1")
GAMMA = next(iter(GAN.parameters))
ORIGIN = dict.fromkeys(GAN.variables, 0)
WELL = Game(a=minimize(x**4 / 4 - x**2 / 2, x), b=minimize(y**2 / 2, y))
WELLS = [{x: -1, y: 0}, {x: 1, y: 0}]


def size(picture, ending="svg"):
    buffer = io.BytesIO()
    picture.savefig(buffer, format=ending)
    return len(buffer.getvalue())


# --- basins ---


def test_basins_of_the_double_well_are_its_half_planes():
    found = basins(WELL, R.simultaneous("1/10"), WELLS, over={x: (-2, 2, 9), "y": (-1, 1, 5)})
    assert found.basin.dims == ("x", "y") and found.attrs["known"] == "float"
    expected = np.sign(found.x.values)[:, None] * np.ones(5)
    assert (np.where(found.basin < 0, 0, 2 * found.basin - 1) == expected).all()  # x = 0 stays on the ridge
    assert (found.distance.values[found.basin.values >= 0] < 1e-3).all()


def test_basins_are_where_simulation_goes():
    game = Game(a=minimize(x**4 / 4 - x**2 / 2 + a * x * y, x), b=minimize(y**4 / 4 - y**2 / 2 - a * x * y, y))
    rule, values = R.heavy_ball("1/10", "1/2"), {a: 0.1}
    ends = simulate(game, rule, {x: [1.0, -1.0, 1.0, -1.0], y: [1.0, 1.0, -1.0, -1.0]}, 3000, values)
    targets = [{x: ends["x"][-1, k], y: ends["y"][-1, k]} for k in range(4)]
    found = basins(game, rule, targets, over={y: (-2, 2, 6), x: (-2, 2, 7)}, values=values)
    paths = simulate(game, rule, {x: np.tile(found.x, 6), y: np.repeat(found.y, 7)}, 1000, values)
    at = np.stack([paths["x"][-1], paths["y"][-1]], axis=1)
    nearest = np.abs(at[:, None] - found.fixed_point.sel(variable=["x", "y"]).values).max(axis=2).argmin(axis=1)
    assert (found.basin.values.ravel() == nearest)[found.basin.values.ravel() >= 0].all()
    assert (found.basin.values >= 0).mean() > 0.9


def test_starts_that_leave_reach_none():
    saddle = Game(a=minimize(-(x**4), x))
    found = basins(saddle, R.simultaneous(1), [{x: 0}], over={x: (-3, 3, 3)})
    assert found.basin.values.tolist() == [-1, 0, -1] and np.isinf(found.distance.values[0])
    flow = basins(WELL, R.flow(), WELLS, over={x: (-1, 1, 2)}, start={y: 1}, time_step=0.1, steps=200)
    assert flow.basin.values.tolist() == [0, 1]


@pytest.mark.parametrize(("change", "words"), [
    ({"over": {x: (-1, 1, 3)}}, "y has no value to start from"), ({"over": {"q": (0, 1, 2)}}, "no variable q"),
    ({"over": {x: (0, 1)}}, "first, last, count"), ({"steps": 0}, "at least one step"),
    ({"rule": R.flow()}, "time_step"), ({"fixed_points": []}, "needs the fixed points"),
    ({"fixed_points": [{x: 0}]}, "no number for y"),
])  # fmt: skip
def test_what_a_basin_map_refuses(change, words):
    asked = {"rule": R.simultaneous("1/10"), "fixed_points": WELLS, "over": {x: (-1, 1, 3), y: (0, 1, 2)}, **change}
    with pytest.raises(GameError, match=words):
        basins(WELL, asked.pop("rule"), asked.pop("fixed_points"), **asked)


# --- pictures ---


def test_the_threshold_and_the_best_value_of_a_rate_curve_are_exact():
    rules = {"simultaneous": R.simultaneous(h), "alternating": R.alternating(h)}
    picture = rate_curve(GAN, rules, ORIGIN, over=h, values={GAMMA: 1})
    data = picture.data
    assert np.allclose(data["thresholds of alternating"], [-4 + 4 * np.sqrt(2)], atol=1e-15)  # h^2/4 + 2 h = 4
    assert data["thresholds of simultaneous"].values.tolist() == [4.0]
    assert data["best of simultaneous"] == 2.0  # (z - 1 + h/2)^2
    curve = data["rate of alternating"]
    assert abs(float(curve.interp(h=float(data["thresholds of alternating"][0]))) - 1) < 1e-3
    assert curve.values.min() >= float(curve.interp(h=float(data["best of alternating"]))) - 1e-2
    assert picture.axes[0].get_ylabel() == "spectral radius per step"
    labels = {line.get_label() for line in picture.axes[0].lines}
    assert {"simultaneous", "alternating", "exact threshold", "best value"} <= labels


def test_rates_of_flows_and_of_maps_do_not_mix():
    with pytest.raises(GameError, match="do not share an axis"):
        rate_curve(GAN, {"flow": R.flow(), "steps": R.simultaneous(h)}, ORIGIN, over=h)
    with pytest.raises(GameError, match="needs a number for gamma"):
        rate_curve(GAN, {"steps": R.simultaneous(h)}, ORIGIN, over=h)
    flow = rate_curve(GAN, {"flow": R.flow()}, ORIGIN, over=GAMMA, span=(0, 3))
    assert flow.axes[0].get_ylabel() == "spectral abscissa per unit time"


def test_a_map_of_a_sweep_shows_its_verdicts_and_the_exact_edge():
    found = sweep(GAN, R.alternating(h), ORIGIN, over={h: (0, 4, 400), GAMMA: (0, 3, 300)}, units={h: "per step"})
    condition = h**2 / 4 + 2 * GAMMA * h < 4
    picture = sweep_map(found, boundary=condition)
    mesh, contour = picture.axes[0].collections
    assert (mesh.get_array().reshape(300, 400) == found.verdict.values.T).all()
    (path,) = contour.get_paths()
    edge = path.vertices[np.isfinite(path.vertices).all(axis=1)]
    assert np.allclose(edge[:, 0] ** 2 / 4 + 2 * edge[:, 0] * edge[:, 1], 4, atol=1e-2)
    assert "[per step]" in picture.axes[0].get_xlabel()
    assert size(picture) < 200_000 and size(picture, "pdf") < 200_000  # the mesh is a picture in the picture
    with pytest.raises(GameError, match="two axes"):
        sweep_map(found.isel(h=0))
    with pytest.raises(GameError, match="a number for a"):
        sweep_map(found, boundary=a - h)


def test_a_stability_diagram_is_drawn_over_a_map_by_kind():
    # Extragradient on a damped game: the curve of a pair on the circle turns back between its ends.
    u, v = sp.symbols("u v", real=True)
    game = Game(a=minimize(u * v, u), b=maximize(u * v - GAMMA * v**2 / 2, v))
    rule, here = R.extragradient(h), {u: 0, v: 0}
    verdict = stability(game, rule, at=here)
    diagram = stability_diagram(verdict, (GAMMA, h))
    found = sweep(game, rule, here, over={h: (0, 2, 40), GAMMA: (0, 3, 40)})
    axes = sweep_map(found, boundary=diagram).axes[0]
    lines = [line for line in axes.lines if line.get_linestyle() != "None"]
    assert {line.get_linestyle() for line in lines} == {"-", "--"} and len(lines) == 3
    matrix = sp.lambdify([h, GAMMA], verdict.jacobian, "numpy")
    for line in lines:
        inside = [(x, y) for x, y in line.get_xydata()[::8] if np.isfinite(y)]
        assert len(inside) > 15
        for x, y in inside:
            assert np.abs(np.linalg.eigvals(matrix(x, y))).max() == pytest.approx(1, abs=1e-6)
    marked = {line.get_label() for line in axes.lines if line.get_linestyle() == "None"}
    assert marked == {"1:2 resonance", "1:3 resonance", "1:4 resonance", "Neimark-Sacker-fold"}
    with pytest.raises(GameError, match="diagram over gamma and h; the map shows h and other"):
        sweep_map(found.rename({"gamma": "other"}), boundary=diagram)


def test_edges_of_conditions():
    assert edge_of(sp.And(h < 2, a > 1, evaluate=False)) == sp.Min(2 - h, a - 1)
    assert edge_of(sp.Or(h < 2, a > 1, evaluate=False)) == sp.Max(2 - h, a - 1)
    assert edge_of(sp.Not(sp.Symbol("q"))) is None


def test_a_basin_map_has_one_shade_for_each_fixed_point():
    found = basins(WELL, R.simultaneous("1/10"), WELLS, over={x: (-2, 2, 9), y: (-1, 1, 5)})
    picture = basin_map(found, units=("m", ""))
    (mesh,) = picture.axes[0].collections
    assert (mesh.get_array().reshape(5, 9) == found.basin.values.T).all()
    greys = [mesh.cmap(mesh.norm(k))[:3] @ np.array([0.299, 0.587, 0.114]) for k in range(2)]
    assert abs(greys[0] - greys[1]) > 0.3 and "[m]" in picture.axes[0].get_xlabel()
    with pytest.raises(GameError, match="two axes"):
        basin_map(found.isel(y=0))


def test_a_portrait_simulates_its_rules():
    game = Game(a=minimize(x * y, x), b=maximize(x * y, y))
    picture = game_portrait(game, {"one": R.simultaneous("1/2"), "flow": R.flow()}, {x: 1, y: 0}, steps=3)
    assert picture.data["path one"].values[:2].tolist() == [[1.0, 0.0], [1.0, 0.5]]
    assert picture._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(GameError, match="two variables"):
        game_portrait(Game(a=minimize(x**2, x)), {}, {x: 1})


def test_a_diagram_as_a_figure_draws_every_node_and_edge():
    picture = diagram_figure(gan())
    data, axes = picture.data, picture.axes[0]
    assert len(axes.patches) == data.sizes["node"] + 2 * data.sizes["edge"]  # an arrow is a shaft and a head
    assert len(axes.texts) == data.sizes["node"] and "gradient" in data.carries.values


def test_names_of_parameters_never_clash_with_names_of_data():
    odd = sp.Symbol("path flow", positive=True)
    picture = eigenvalue_paths({"flow": sp.Matrix([[odd]])}, [0, 1], parameter=odd)
    assert picture.data is not None
