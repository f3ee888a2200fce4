"""Pictures: the same bytes each time, valid, safe, and without the state of pyplot."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import sympy as sp

from bilevel.language.errors import GameError
from bilevel.language.functions import sigmoid, softplus
from bilevel.show import eigenvalue_paths, figure_svg, phase_portrait, stability_map
from bilevel.show.evaluate import on_arrays
from bilevel.show.plot_parts import spectra
from tests.show.hostile import HOSTILE, attributes, tags

theta, psi, h, gamma = sp.symbols("theta psi h gamma", real=True)
ALTERNATING = sp.Matrix([[1, -h / 2], [h / 2, 1 - h * gamma - h**2 / 4]])


def portrait(label="flow", title=""):
    return phase_portrait(
        [-psi / 2, theta / 2], (theta, psi), {label: [[1, 0], [0.5, 0.5], [0, 1]]}, equilibria=[(0, 0)], title=title
    )


def test_the_same_picture_has_the_same_bytes():
    assert figure_svg(portrait(), title="a") == figure_svg(portrait(), title="a")


def test_two_pictures_of_a_page_share_no_ids():
    ids = [
        {node.attrib["id"] for node in ET.fromstring(figure_svg(portrait(), title=t)).iter() if "id" in node.attrib}
        for t in "ab"
    ]
    assert ids[0] and not ids[0] & ids[1]


def test_a_picture_refers_to_nothing_outside_itself():
    svg = figure_svg(portrait(), title="a")
    root = ET.fromstring(svg)
    known = {node.attrib["id"] for node in root.iter() if "id" in node.attrib}
    targets = [v for node in root.iter() for k, v in node.attrib.items() if k.endswith("href")]
    assert targets and all(target.startswith("#") and target[1:] in known for target in targets)
    assert "matplotlib" not in svg and "2026" not in svg and "http" not in svg.replace("http://www.w3.org/", "")


@pytest.mark.parametrize("words", [" ".join(HOSTILE), "$", "\\", "$\\frac{$"])
def test_hostile_labels_stay_labels(words):
    svg = figure_svg(portrait(words, words), title=words, description=words)
    assert not tags(svg) & {"script", "img", "b", "foreignObject"}
    assert not {name for name in attributes(svg) if name.startswith("on")}


def test_pyplot_is_never_loaded():
    program = (
        "import sys, sympy as sp, bilevel.show as show; x, y = sp.symbols('x y');"
        "assert 'matplotlib' not in sys.modules;"
        "show.figure_svg(show.phase_portrait([-y, x], (x, y), {}), title='a');"
        "assert 'matplotlib.pyplot' not in sys.modules and 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_names_never_become_code():
    evil = sp.Symbol("__import__('os').system('exit 1')")
    assert on_arrays(evil**2, [evil])(np.array([3.0])) == 9.0
    with pytest.raises(GameError, match="needs a number for"):
        on_arrays(theta * psi, [theta])
    with pytest.raises(GameError, match="needs a number for"):
        on_arrays(sp.Function("exit")(theta), [theta])
    with pytest.raises(GameError, match="scalar expressions"):
        on_arrays("theta", [theta])


def test_two_symbols_of_one_name_stay_apart():
    twin = sp.Symbol("theta", positive=True)
    assert on_arrays(theta + 2 * twin, [theta, twin])(1.0, 10.0) == 21.0


def test_sigmoid_and_softplus_do_not_overflow():
    values = np.array([-1000.0, 0.0, 1000.0])
    assert on_arrays(sigmoid(theta), [theta])(values).tolist() == [0.0, 0.5, 1.0]
    assert on_arrays(softplus(theta), [theta])(values)[[0, 2]].tolist() == [0.0, 1000.0]


def test_eigenvalues_follow_their_branches():
    values = np.linspace(0, 3, 61)
    roots = spectra(ALTERNATING.subs(gamma, 0), h, values)
    assert np.abs(np.diff(roots, axis=0)).max() < 0.2
    assert np.allclose(np.abs(roots), 1)  # alternating circles the Dirac-GAN for h < 4
    assert np.allclose(roots.prod(axis=1), [complex(ALTERNATING.subs({gamma: 0, h: v}).det()) for v in values])


def test_the_exact_boundary_lies_where_the_colours_meet():
    def radius(step, penalty):
        entries = [on_arrays(entry, (h, gamma))(step, penalty) for entry in ALTERNATING]
        return np.abs(np.linalg.eigvals(np.stack(entries, -1).reshape(*step.shape, 2, 2))).max(-1)

    boundary = sp.Eq(h**2 / 4 + 2 * gamma * h, 4)
    figure = stability_map(
        radius, np.linspace(0.1, 4, 20), np.linspace(0.1, 3, 20), names=(h, gamma), boundary=boundary
    )
    lines = [
        np.concatenate(c.get_paths()[0].to_polygons(closed_only=False))
        for c in figure.axes[0].collections
        if len(c.get_paths()) == 1
    ]
    on_curve = [line for line in lines if np.allclose(line[:, 0] ** 2 / 4 + 2 * line[:, 0] * line[:, 1], 4, atol=1e-2)]
    assert on_curve
    assert np.allclose(radius(on_curve[0][:, 0], on_curve[0][:, 1]), 1, atol=1e-2)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: phase_portrait([theta], (theta,), {}), "two variables"),
        (lambda: phase_portrait([theta, psi], (theta, psi), {"a": [1, 2, 3]}), "two columns"),
        (lambda: eigenvalue_paths({}, [0, 1], parameter=h, time="sideways"), "discrete"),
        (lambda: eigenvalue_paths({"a": [[1, 2]]}, [0, 1], parameter=h), "one row per value"),
        (lambda: stability_map(np.zeros((2, 3)), [0, 1], [0, 1], names=(h, gamma)), "2 rows and 2 columns"),
    ],
)
def test_what_does_not_fit_is_refused(make, words):
    with pytest.raises(GameError, match=words):
        make()


@pytest.mark.parametrize("time", ["discrete", "continuous"])
def test_eigenvalue_paths_show_the_border(time):
    figure = eigenvalue_paths({"a": ALTERNATING.subs(gamma, 1)}, [0, 1, 2], parameter=h, time=time)
    labels = {line.get_label() for line in figure.axes[0].lines}
    assert labels & {"|λ| = 1", "Re λ = 0"}
