"""`bilevel derive NAME --diagram OUT`: who sees what, from the command line, in three formats."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from bilevel import models
from bilevel.app.cli import main

NAMES = ["infogan", "gail", "hyperparameter_optimisation", "dirac_gan"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ending, first", [("svg", "<svg"), ("dot", "digraph"), ("mmd", "flowchart")])
def test_diagrams_are_written(capsys, tmp_path, name, ending, first):
    out = tmp_path / f"{name}.{ending}"
    assert main(["derive", name, "--diagram", str(out)]) == 0
    assert "vector field" in capsys.readouterr().out
    written = out.read_text(encoding="utf-8")
    assert written.startswith(first)
    if ending == "svg":
        ET.fromstring(written)


def test_a_format_that_is_not_drawn_is_refused(capsys, tmp_path):
    assert main(["derive", "gan", "--diagram", str(tmp_path / "gan.png")]) == 2
    assert ".svg, .dot, .mmd" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_map_has_no_players_to_draw(capsys, tmp_path):
    assert main(["derive", "rock_paper_scissors", "--diagram", str(tmp_path / "out.svg")]) == 2
    assert "no players" in capsys.readouterr().err


@pytest.mark.parametrize("command", (["stability", "--expect", "stable"], ["equilibria"]))
def test_a_model_without_numbers_is_analysed_as_its_instance_and_says_so(capsys, command):
    assert main([command[0], "infogan", *command[1:]]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("infogan_instance: the coordinate-level instance") and 'models.instance("infogan")' in first
    assert main([command[0], "infogan_instance", *command[1:]]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == rest


@pytest.mark.parametrize("name", sorted(models.instances()))
def test_models_derive_as_text_and_latex(capsys, name):
    assert main(["derive", name]) == 0
    text = capsys.readouterr().out
    assert main(["derive", name, "--latex"]) == 0
    latex = capsys.readouterr().out
    assert "E_" in text or name == "direct_preference"
    assert latex.count("{") == latex.count("}") and "\\begin{aligned}" in latex
    for hidden in ("StoppedMatrix", "PartialMatrix", "ExpectationMatrix", "_Dummy", "Xi_"):
        assert hidden not in text and hidden not in latex
