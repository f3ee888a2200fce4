"""`bilevel correspondences`: the folder is the list, proofs are made anew, certificates are checked again and break."""

from __future__ import annotations

import copy
import json
from contextlib import redirect_stdout, suppress

import pytest
import sympy as sp

from bilevel.analysis import Claim, shows, states
from bilevel.analysis.claim_certificates import identities
from bilevel.app.cli import main
from bilevel.app.theorems import named, theorems
from bilevel.certificate import CertificateError, check
from bilevel.language import E, data, equal, gradient, network, normal, random, vector
from bilevel.language.errors import ReadError


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    """What the command prints as JSON, and the file it was written to."""
    path = tmp_path_factory.mktemp("correspondences") / "all.json"
    with path.open("w") as stream, redirect_stdout(stream):
        assert main(["correspondences", "--json"]) == 0
    return path, json.loads(path.read_text())["correspondences"]


def test_every_theorem_that_relates_two_formulations_is_listed_and_proved(listed):
    _, found = listed
    assert [entry["file"] for entry in found] == [t.file for t in theorems() if t.relates]
    assert len(found) >= 8 and all(entry["holds"] and entry["known"] == "exact" for entry in found)
    for entry in found:
        assert entry["first"] and entry["second"] and entry["relation"] and entry["conditions"] and entry["source"]
        assert any(claim["counterexample"] for claim in entry["claims"]), "a wrong version is refuted"


def test_certificates_are_proved_again_by_the_check_command(listed, capsys):
    path, found = listed
    assert main(["check", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == sum(entry["certificate"] is not None for entry in found) == len(found)
    assert all(line.endswith("proved again") for line in lines)


def test_a_certificate_that_says_something_else_is_rejected(listed):
    for entry in listed[1]:
        for number in range(len(entry["certificate"]["parts"])):
            broken = copy.deepcopy(entry["certificate"])
            part = broken["parts"][number]
            part["left"] = ["+", part["left"], "1"]
            with suppress(CertificateError):
                assert not check(broken).ok


def test_one_of_them_is_shown_with_its_proof(capsys):
    assert main(["correspondences", "22"]) == 0
    by_number = capsys.readouterr().out
    assert main(["correspondences", "competitive"]) == 0
    assert capsys.readouterr().out == by_number
    assert "the proximal point method" in by_number and "inverse: " in by_number and " is not " in by_number


def test_any_theorem_is_proved_by_its_number_or_name(capsys):
    assert main(["prove", "30", "10 orders"]) == 0
    shown = capsys.readouterr().out
    assert "30. " in shown and "10. " in shown and "proofs/beyond/theorem_30" in shown and "[proved, exact]" in shown
    assert main(["prove", "6", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)["theorems"][0]
    assert one["holds"] and one["file"] == "proofs/theorem_06_the_same_information_structure.py" and "first" not in one


def test_a_wrong_name_is_told_what_there_is(capsys):
    assert main(["correspondences", "nothing of the kind"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "22" in told
    with pytest.raises(ReadError, match="names"):
        named("theorem", theorems())


def test_an_equation_of_the_model_level_is_certified_in_one_dimension():
    theta, x, f = vector("theta", "p"), random("x", data("rho", "k")), network("f")
    loss = E(f(x, theta) ** 2, x)
    made = identities(shows("A slope.", gradient(loss, theta), 2 * E(f(x, theta) * gradient(f(x, theta), theta), x)))
    assert made and all(check(part).ok for part in made)
    assert "rho_share" in made[0]["symbols"]


def test_what_has_no_words_in_a_certificate_is_left_out():
    x = sp.Symbol("x", real=True)
    z, f = random("z", normal(0, 1)), network("f")
    assert identities(shows("No formula to average.", E(f(z), z), E(f(z), z))) == []
    assert identities(states("No equation.", True)) == [] and identities(Claim("Not proved.", None)) == []
    assert identities(shows("Wrong.", x, x + 1)) == [] and equal(x, x + 1).answer is False
