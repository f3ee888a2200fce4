"""Every kind: the good certificates are accepted, and no mutant that states something false is."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from bilevel.certificate import CertificateError, check, check_text, known_kinds
from tests.certificate.gallery import GALLERY
from tests.certificate.mutants import mutants
from tests.certificate.truth import JUDGES


@pytest.mark.parametrize("name", GALLERY)
def test_the_good_certificate_is_accepted(name: str) -> None:
    before = copy.deepcopy(GALLERY[name])
    result = check(GALLERY[name])
    assert result.ok, result.why
    assert check_text(json.dumps(before)) == result and GALLERY[name] == before
    assert bool(result.rests_on) == (name == "region through z3")


@pytest.mark.parametrize("name", GALLERY)
def test_the_judge_agrees_that_the_good_certificate_is_true(name: str) -> None:
    assert JUDGES[GALLERY[name]["kind"]](GALLERY[name]) is True


@pytest.mark.parametrize("name", GALLERY)
def test_no_false_mutant_is_accepted(name: str) -> None:
    accepted, rejected, excused = [], 0, 0
    for label, mutant in mutants(GALLERY[name]):
        try:
            ok = check(mutant).ok
        except CertificateError:
            ok = False
        if not ok:
            rejected += 1
        elif _claim(mutant) == _claim(GALLERY[name]) or JUDGES[mutant["kind"]](mutant):
            excused += 1
        else:
            accepted.append(label)
    assert not accepted, accepted
    assert rejected >= 5 and rejected > excused


def _claim(certificate: dict[str, Any]) -> dict[str, Any]:
    """A certificate without the help for the checker."""
    return {key: part for key, part in certificate.items() if key not in ("steps", "example")}


def test_every_kind_has_a_family_of_mutants() -> None:
    assert {certificate["kind"] for certificate in GALLERY.values()} == set(known_kinds()) == set(JUDGES)
