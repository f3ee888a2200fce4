"""The completed table: cells reproduced by independent calls, words by their definitions, files that work."""

from __future__ import annotations

import json
import re

import pytest
import sympy as sp

from bilevel import certificate
from bilevel import models as M
from bilevel.analysis import stability
from bilevel.app import table1, table1_cell
from bilevel.app.answers import text
from bilevel.app.cli import main
from bilevel.app.table1_rates import scaled
from bilevel.app.table1_verdict import against, joined, judged, summed
from bilevel.models import strategies as S
from bilevel.models.strategies.protocol.strategy import NotApplicable
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


def test_a_word_says_beside_it_what_it_rests_on_in_all_four_forms(cells, tmp_path):
    shaky = {**cells["replay_buffers", "gan"], "printed": "yes"}
    entries = [dict(entry) for entry in shaky["entries"]]
    entries[0] |= {"word": "unknown", "why": "not decided"}
    rate = {"step": ["1"], "rate": [0.5, 0.5], "known": "float", "steps": 1}
    entries[1] = entries[1] | {"rules": {"alternating": {"best_before": rate, "best_after": rate, "same": False}}}
    found = summed(entries)
    assert found["shown"] == "hurts (1 of 4 undecided, 1 of 4 by rates in floats ≈)"
    entries[1] = shaky["entries"][1]
    shaky |= {**summed(entries), "entries": entries, "against": against("yes", "hurts", entries)}
    assert shaky["shown"] == "hurts (1 of 4 undecided)" and "the last 2 actors" in shaky["against"]
    for path in table1.write([shaky], tmp_path):
        assert "hurts (1 of 4 undecided)" in path.read_text(), path.suffix


def test_only_disagreement_with_the_print_is_called_so(cells):
    entries = cells["replay_buffers", "gan"]["entries"]
    assert (
        against(None, "hurts", entries) is against("no", "hurts", entries) is against("yes", "helps", entries) is None
    )
    assert "derived “depends”" in against("yes", "depends", entries)


def test_every_link_of_the_page_resolves(cells, tmp_path):
    table1.write([*cells.values()], tmp_path)
    page = (tmp_path / "table1.html").read_text()
    for target in re.findall(r'href="([^"]*)"', page):
        assert f'id="{target[1:]}"' in page if target.startswith("#") else (tmp_path / target).is_file()


def test_a_change_that_is_only_another_step_is_told_from_one_that_is_not():
    A = sp.Matrix([[1, -h / 2], [h / 2, 1 - h**2 / 4]])
    for c in (sp.Integer(3), sp.sqrt(5) / 2):
        assert sp.expand(scaled(A, A.subs(h, c * h)) - c) == 0
    assert scaled(A, A) is None and scaled(A, sp.Matrix([[1, -h], [h, 1 - h**2 / 4]])) is None
    same = {"rate": [0.5, 0.5], "known": "exact"}
    rule = {"word": "helps", "why": "", "scale": "2", "same": False, "best_before": same, "best_after": same,
            "before": {"verdict": "stable"}, "after": {"verdict": "stable"}}  # fmt: skip
    fixed = {"word": "kept", "why": "", "line": None}
    assert judged({"rules": {"alternating": rule}, "fixed_point": fixed}, destroyed=False)["word"] == "neutral"


def test_all_that_the_critic_learns_is_weighed_where_a_strategy_replaces_it():
    # The baseline of a compatible critic drives nothing, but it is learnt: 1 - h beside 1 - 2 h/9 twice, so h < 2.
    bench = next(bench for bench in table1_cell.PROBLEMS if bench.name == "bandit")
    entry = table1_cell._guarded("compatibility", {}, bench, 100)
    assert entry["word"] == "hurts" and entry["rules"]["alternating"]["after"]["condition"] == "h < 2"
    assert entry["rules"]["alternating"]["best_after"]["rate"][1] == pytest.approx(7 / 11, rel=1e-5)


def test_a_point_mass_is_proved_to_have_no_entropy_and_no_score():
    for strategy in (S.entropy_regularization(), S.compatibility()):
        with pytest.raises(NotApplicable, match="point mass"):
            strategy(M.gan_in_samples())
        strategy(M.gaussian_gan_in_samples())
        strategy(M.regulator_in_samples())


def test_a_fault_in_one_entry_is_said_there_and_ends_nothing_else(monkeypatch):
    monkeypatch.setattr(table1_cell, "_weighed", lambda *arguments: undefined_name)  # noqa: F821
    found = table1_cell.cell("label_smoothing", "gan", 10)
    assert found["word"] == "unknown" and len(found["entries"]) > 1
    assert all("a fault of this program" in e["why"] and "NameError" in e["why"] for e in found["entries"])


def test_time_that_is_left_goes_to_entries_whose_share_was_too_short(monkeypatch):
    shares = []

    def weighed(name, variant, bench, seconds):
        shares.append(seconds)
        late = bench.name == "linear-quadratic" and seconds < 8
        return {"problem": bench.name, "word": "unknown" if late else "neutral", "seconds": 0.0,
                "why": table1_cell.LATE if late else ""}  # fmt: skip

    monkeypatch.setattr(table1_cell, "_guarded", weighed)
    cases = [({}, bench) for bench in table1_cell.PROBLEMS if bench.side == "gan"]
    found = table1_cell._entries("any", cases, 9)
    assert [entry["word"] for entry in found] == ["neutral"] * 3
    assert len(shares) == 4 and shares[-1] == pytest.approx(9, abs=0.5)


def test_an_unknown_strategy_is_one_clear_line(capsys, tmp_path):
    assert main(["table1", "--strategy", "replay_bufers", "-o", str(tmp_path)]) == 2
    assert "replay_buffers" in capsys.readouterr().err
