"""The completed table: cells reproduced by independent calls, words by their definitions, files that work."""

from __future__ import annotations

import json

import pytest
import sympy as sp

from bilevel import certificate
from bilevel import models as M
from bilevel.analysis import stability
from bilevel.app import table1, table1_cell
from bilevel.app.answers import text
from bilevel.app.cli import main
from bilevel.app.table1_verdict import joined, summed
from bilevel.models import strategies as S
from bilevel.rules import alternating

h = sp.Symbol("h", positive=True)


@pytest.fixture(scope="module")
def cells():
    quick = tuple(bench for bench in table1_cell.PROBLEMS if bench.name != "gaussian")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table1_cell, "PROBLEMS", quick)
        wanted = (("replay_buffers", "gan"), ("target_networks", "gan"))
        return {key: table1_cell.cell(*key, 200) for key in wanted}


def test_cells_are_reproduced_by_independent_calls(cells):
    entry = next(
        e for e in cells["replay_buffers", "gan"]["entries"] if e["problem"] == "dirac" and "window" in e["variant"]
    )
    game, rule = S.replay_buffers(window=2)(M.gan_in_samples(), alternating(h))
    verdict = stability(game, rule, at=dict.fromkeys(map(str, game.variables), 0))
    after = entry["rules"]["alternating"]["after"]
    assert after["verdict"] == verdict.verdict == "unstable"
    assert after["unstable_on"] == text(verdict.unstable_on)


def test_the_remark_of_the_paper_is_derived_and_target_networks_are_proved_not_to_apply(cells):
    assert cells["replay_buffers", "gan"]["word"] == "hurts"
    assert cells["target_networks", "gan"]["word"] == "not applicable"
    assert all("proved" in entry["why"] for entry in cells["target_networks", "gan"]["entries"])


def test_certificates_are_accepted_and_problem_files_reproduce_the_verdicts(cells, tmp_path, capsys):
    written = table1.write([*cells.values()], tmp_path)
    assert {path.name for path in written} == {"table1.html", "table1.md", "table1.tex", "table1.json"}
    again = json.loads((tmp_path / "table1.json").read_text())
    assert [one["word"] for one in again] == [one["word"] for one in cells.values()]
    stem = tmp_path / "cells" / "replay_buffers-dirac-1-alternating"
    held = json.loads(stem.with_suffix(".json").read_text())
    assert certificate.check(held["after"]["certificate"]).ok is True
    assert main(["check", str(stem.with_suffix(".json"))]) == 0
    capsys.readouterr()
    assert main(["stability", str(stem.with_suffix(".toml")), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["equilibria"]
    assert found["verdict"] == held["after"]["verdict"] and found["unstable_on"] == held["after"]["unstable_on"]


def test_pages_hold_what_is_printed_beside_what_is_derived(cells, tmp_path):
    table1.write([*cells.values()], tmp_path)
    page = (tmp_path / "table1.html").read_text()
    assert 'href="cells/replay_buffers-dirac-1-flow.toml"' in page and "not yet demonstrated" in page
    assert "| Replay buffers | not yet demonstrated | hurts |" in (tmp_path / "table1.md").read_text()


def test_finished_cells_are_kept_and_not_made_again(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(table1, "cell", lambda *key: made.append(key[:2]) or {"word": "helps", "entries": []})
    for _ in range(2):
        found = table1.table(["freezing"], kept=tmp_path)
        assert [one["word"] for one in found] == ["helps", "helps"]
    assert made == [("freezing", "gan"), ("freezing", "ac")]


def test_words_are_joined_by_agreement():
    assert joined(["helps", "neutral"]) == "helps" and joined(["helps", "hurts"]) == "depends"
    assert joined(["neutral", "neutral"]) == "neutral" and joined(["unknown", "neutral"]) == "unknown"
    assert joined(["helps", "unknown"]) == "unknown" and joined(["not applicable"]) == "not applicable"
    entry = {"problem_title": "P", "variant": {}, "why": "w"}
    found = summed([entry | {"word": "helps"}, entry | {"word": "unknown"}])
    assert found["word"] == "helps" and found["shown"] == "helps (1 of 2 undecided)"


def test_an_unknown_strategy_is_one_clear_line(capsys, tmp_path):
    assert main(["table1", "--strategy", "replay_bufers", "-o", str(tmp_path)]) == 2
    assert "replay_buffers" in capsys.readouterr().err
