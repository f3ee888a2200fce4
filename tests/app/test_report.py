"""The report: both files are written, everything the job names stands on the page, the pieces say what they mean."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
import sympy as sp

from bilevel.analysis import Claim, Proof
from bilevel.app import report, report_cast, report_pictures, report_theorems, report_updates, report_worker
from bilevel.app.report_dirac import PENALTY, STEP, Dirac
from bilevel.app.report_parts import power, said, shortened, tidy, worded
from bilevel.app.report_structure import Structures
from bilevel.app.theorems import Theorem, number, theorems
from bilevel.language import E, bernoulli, data, random
from bilevel.language.normal_form import Step
from tests.show.test_browser import measured


@pytest.fixture(scope="module")
def cast() -> report_cast.Cast:
    return report_cast.Cast()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The whole report, with one theorem proved here and no numeric checks: those have tests of their own."""
    patch = pytest.MonkeyPatch()
    first = theorems()[0]
    patch.setattr(report_theorems, "numerically", lambda proof: ())
    patch.setattr(report_updates, "checked", lambda game, made: ())
    patch.setattr(report_worker, "begin", lambda tell: lambda: [report_theorems.made(first)])
    folder = tmp_path_factory.mktemp("report") / "deep" / "out"
    status = report.main(folder, quiet=True)
    patch.undo()
    return (
        status,
        (folder / "report.html").read_text(encoding="utf-8"),
        json.loads((folder / "report.json").read_text(encoding="utf-8")),
    )


def test_both_files_are_written_and_the_theorem_stands(written):
    status, page, data_ = written
    assert status == 0 and page.startswith("<!DOCTYPE html>") and data_["theorems"]["theorems"][0]["stands"]


def test_theorems_beyond_the_paper_are_listed_with_the_command_that_proves_them(written):
    _, page, data_ = written
    beyond = [theorem for theorem in theorems() if not theorem.of_the_paper]
    assert [one["file"] for one in data_["theorems"]["beyond"]] == [theorem.file for theorem in beyond]
    assert all(f"bilevel prove {number(theorem)}<" in page for theorem in beyond)


def test_the_page_is_well_formed_and_loads_nothing(written):
    _, page, _ = written
    ET.fromstring(page.partition("\n")[2])
    assert not re.search(r"<script|<link|<img|src=|@import|url\(http", page)


def test_the_page_has_every_part_in_order(written):
    _, page, _ = written
    anchors = re.findall(r'<section id="([a-z-]+)"', page)
    assert [a for a in anchors if a in report._ORDER] == list(report._ORDER)
    assert page.count('class="diagram"') == 2 and page.count('class="plot"') == 6


@pytest.mark.browser
def test_the_page_fits_a_phone(written, tmp_path):
    seen = measured(tmp_path, written[1], 390)
    assert seen["scroll"] <= 390 and seen["wide"] == [] and seen["flat"] == 0 and seen["evil"] == 0, seen


def test_the_pages_links_lead_somewhere(written):
    _, page, _ = written
    known = set(re.findall(r'\bid="([^"]+)"', page))
    missing = {target for target in re.findall(r'href="#([^"]+)"', page) if target not in known}
    assert all(re.fullmatch(r"theorem-\d+", target) for target in missing), missing  # one theorem was proved here


def test_the_data_mirror_the_page(written):
    _, _, found = written
    assert set(report._ORDER) <= set(found)
    assert found["structure"]["isomorphism on red edges"] == {"D": "Q", "G": "pi", "x": "s_t", "y": "r_t"}
    rules = found["dirac-gan"]["penalty R1"]["rules"]
    assert rules["alternating"]["verdict"] == "conditional" and rules["flow"]["verdict"] == "stable"
    assert found["dirac-gan"]["penalty none"]["rules"]["alternating"]["condition"] == "false"
    losses = found["definitions"]["gan minimax"]["discriminator"]
    assert losses["sense"] == "min" and "log" in losses["loss"]["text"]
    claim = found["theorems"]["theorems"][0]["claims"][0]
    assert claim["holds"] and claim["steps"] and {"text", "latex"} <= set(claim["equation"][0])


def test_relations_are_those_of_the_theorem(written):
    _, _, found = written
    first = found["relations"]["scaled actor-critic, minimax GAN"]
    constant = next(r for r in first["relations"] if r["name"] == "constant")
    assert constant["holds"] and constant["factor"]["text"] == "1/2" and "constant" in first["maximal"]


def test_figure_one_differs_in_one_edge(cast):
    found = Structures(cast)
    left, right = found.drawn()
    assert found.analogous and left.isomorphism(right) is None
    assert found.blind.isomorphism(left) and found.sighted.isomorphism(right) and not found.sighted.isomorphism(left)


def test_verdicts_are_the_published_ones():
    example = Dirac()
    h, gamma = STEP, PENALTY
    assert example.verdicts["none", "flow"].verdict == "marginal"
    assert example.verdicts["none", "simultaneous"].verdict == "unstable"
    assert example.verdicts["none", "alternating"].unstable_on == (h > 4)
    exact = example.verdicts["R1", "alternating"].condition
    for point in ({h: sp.Rational(3, 2), gamma: 1}, {h: sp.Rational(5, 3), gamma: 1}, {h: 3, gamma: sp.Rational(1, 4)}):
        assert exact.subs(point) == ((h**2 / 4 + 2 * gamma * h).subs(point) < 4)


def test_the_drawn_border_is_where_the_spectral_radius_is_one():
    example = Dirac()
    verdict = example.verdicts["R1", "alternating"]
    curve = report_pictures.border(verdict.condition)
    for gamma in (0.25, 1.0, 2.0):
        h = float(4 * sp.sqrt(sp.Rational(gamma) ** 2 + 1) - 4 * gamma)
        assert abs(float(curve.subs({STEP: h, PENALTY: gamma}))) < 1e-12
        assert abs(float(report_pictures.radius(verdict.jacobian)(h, gamma)) - 1) < 1e-7


def test_a_broken_theorem_costs_its_card_only(tmp_path):
    path = tmp_path / "theorem_99_broken.py"
    path.write_text('"""Nothing holds."""\n\n\ndef prove():\n    raise ValueError("<b>no</b>")\n', encoding="utf-8")
    card = report_theorems.made(Theorem(path))
    assert not card.data["stands"] and "ValueError" in card.data["failure"]
    assert card.anchor == "theorem-99" and "<b>no" not in card.markup


def test_a_claim_that_is_not_proved_shows(tmp_path):
    path = tmp_path / "theorem_98_open.py"
    path.write_text('"""Something.\n\nMore.\n\nSource: nobody.\n"""\n', encoding="utf-8")
    proof = Proof(
        98,
        "Open",
        Theorem(path).text,
        "nobody",
        (Claim("x - y^2", None, known="unknown"), Claim("fine", True, note="by hand")),
    )
    assert not report_theorems._data(Theorem(path), proof, (), "")["stands"]
    card = str(report_theorems._card(Theorem(path), proof, (), ""))
    assert "? unknown" in card and "x − y<sup>2</sup>" in card


def test_steps_show_the_image_by_a_letter(cast):
    loss = cast.plain.cost("critic")
    short, images = shortened(loss)
    assert len(images) == 1 and "G(" not in str(short)
    shown = report_theorems._claim(Claim("a", True, trace=(Step("same", "", loss, loss),), equation=(loss, loss)))
    assert "the image shown" in shown


def test_tidy_keeps_what_occurs_and_what_its_law_needs():
    x, y = random("x", data("p", "n")), random("y", bernoulli(sp.Rational(1, 2)))
    assert str(tidy(E(y, x, y))) == "E_y[y]"
    assert tidy(E(y, y)) == E(y, y)


def test_words_become_letters_and_stay_harmless():
    assert worded("theta = psi = 0") == "θ = ψ = 0"
    assert worded("-log 4 + 2 JS <b>") == "−log 4 + 2 JS &lt;b&gt;"
    assert worded("J_xy = -J_yx^T") == "J<sub>xy</sub> = −J<sub>yx</sub><sup>⊤</sup>"
    assert worded("actor-critic and non-saturating") == "actor-critic and non-saturating"
    assert power(5.6e-17) == "5.6 × 10⁻¹⁷" and power(0.0) == "0" and power(1.3) == "1.3"


def test_data_of_expressions_reads_back_or_says_latex():
    h = sp.Symbol("h")
    assert said(h / 4) == {"text": "h/4", "tree": ["*", "1/4", "h"]}
    assert set(said(report_cast.Cast().minimax.cost("generator"))) == {"text", "latex"}


def test_numeric_lines_tell_failure_from_agreement():
    from bilevel.numeric.check import Check

    good = Check("a = b", 1e-17, 1e-12, 3, "float64", True)
    assert "1 equation agrees" in report_theorems._numeric((good,))
    assert "1 of 2 checks FAIL" in report_theorems._numeric((good, replace(good, passed=False, worst=1.0)))


def test_powers_in_words_are_raised():
    assert str(worded("u**3*q and h**2/32")) == "u<sup>3</sup>·q and h<sup>2</sup>/32"
