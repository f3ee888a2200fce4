"""Every published result is derived again: none may come out wrong, and what is unknown is listed by name."""

from __future__ import annotations

import pytest

from tests.published import (
    continuous_time,
    equilibria,
    gan_dynamics,
    hypergradients,
    learning,
    objectives,
    reinforcement,
    zero_sum,
    zero_sum_adjusted,
)
from tests.published.claims import Outcome, Result, outcome

GROUPS = (
    objectives,
    gan_dynamics,
    zero_sum,
    zero_sum_adjusted,
    equilibria,
    continuous_time,
    hypergradients,
    learning,
    reinforcement,
)
RESULTS: tuple[Result, ...] = tuple(result for group in GROUPS for result in group.RESULTS)
UNKNOWN: frozenset[str] = frozenset()  # results the library answers with "unknown" today


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    return {}


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.id)
def test_result(result: Result, outcomes: dict[str, Outcome]):
    found = outcomes[result.id] = outcome(result)
    expected = "unknown" if result.id in UNKNOWN else "re-derived"
    assert found.status == expected, str(found)


def test_every_result_has_a_name_of_its_own():
    assert len({result.id for result in RESULTS}) == len(RESULTS) == 56


def test_summary(outcomes: dict[str, Outcome]):
    for found in outcomes.values():
        print(found)
    counts = {
        status: sum(o.status == status for o in outcomes.values()) for status in ("re-derived", "unknown", "wrong")
    }
    print(", ".join(f"{status}: {count}" for status, count in counts.items()))
    assert counts["wrong"] == 0
