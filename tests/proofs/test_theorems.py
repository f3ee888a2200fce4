"""Every file of the folder `proofs`: it is documented, every claim carries evidence, and the theorem stands."""

from __future__ import annotations

import re

import pytest

from bilevel.analysis import Claim, Proof
from bilevel.app.theorems import Theorem, folder, paragraphs, theorems

THEOREMS = theorems()
NAMES = [theorem.name for theorem in THEOREMS]


@pytest.fixture(scope="module", params=THEOREMS, ids=NAMES)
def proved(request) -> tuple[Theorem, Proof]:
    """A theorem and its proof, made once."""
    return request.param, request.param.prove()


def test_the_folder_is_the_list():
    assert folder().name == "proofs" and {path.stem for path in folder().rglob("theorem_*.py")} <= set(NAMES)


def test_the_papers_theorems_stand_in_the_folder_itself():
    assert [t.file for t in THEOREMS if t.of_the_paper] == [f"proofs/{t.name}.py" for t in THEOREMS[:10]]
    assert all(theorem.file.startswith("proofs/beyond/") for theorem in THEOREMS[10:])


def test_every_claim_is_proved(proved):
    _, proof = proved
    assert isinstance(proof, Proof) and proof.claims
    assert proof.stands, "\n".join(str(claim) for claim in proof.claims if not claim.holds)


def test_every_claim_carries_its_evidence(proved):
    _, proof = proved
    for claim in proof.claims:
        assert isinstance(claim, Claim) and claim.text.strip()
        assert claim.known in ("exact", "enclosed", "float")
        assert claim.trace or claim.counterexample is not None or claim.equation is not None or claim.note, claim.text


def test_file_number_statement_and_source(proved):
    theorem, proof = proved
    numbered = re.fullmatch(r"(theorem|refutation)_(\d+)_[a-z0-9_]+", theorem.name)
    assert numbered, "files are called theorem_01_what_it_says.py"
    if numbered[1] == "theorem":
        assert proof.number == int(numbered[2])
    first, rest, source = paragraphs(proof.statement)
    assert first.endswith(".") and rest and source, "a first sentence, the statement in full, and its source"
    assert proof.source and proof.title and theorem.summary and first.startswith(theorem.summary)


def test_no_two_theorems_share_a_number():
    numbers = [re.match(r"(\w+?_\d+)", name)[1] for name in NAMES]
    assert len(set(numbers)) == len(numbers)
