"""The laws of a budget: a strict end holds between sections too, and an inner limit does not lift an outer one."""

import time

import pytest

from bilevel.app.budget import PROCESSOR, WALL, OutOfTime, limited

BOTH = pytest.mark.parametrize("of", [WALL, PROCESSOR], ids=["wall", "processor"])


def work(of, seconds):
    end = of.now() + seconds
    while of.now() < end:
        sum(range(1000))


@BOTH
def test_after_a_section_a_strict_clock_still_ends_the_work(of):
    with pytest.raises(OutOfTime), limited(0.3, of, strict=True) as clock:
        with clock.section(1 / 2):
            pass
        work(of, 5)


@BOTH
def test_after_a_section_another_clock_lets_the_answer_be_said(of):
    with limited(0.1, of) as clock:
        with clock.section(1 / 2):
            pass
        work(of, 0.2)


@BOTH
def test_a_part_of_a_strict_clock_ends_with_the_whole(of):
    with pytest.raises(OutOfTime), limited(0.3, of, strict=True) as clock:
        with clock.part(1 / 10).section():
            pass
        work(of, 5)


@BOTH
def test_an_inner_limit_gives_the_outer_one_back(of):
    began = of.now()
    with pytest.raises(OutOfTime), limited(0.3, of):
        with pytest.raises(OutOfTime), limited(0.1, of):
            work(of, 5)
        work(of, 5)
    assert of.now() - began < 2


def test_nothing_rings_after_a_limit():
    with limited(0.1, strict=True) as clock, clock.section():
        pass
    time.sleep(0.2)


def test_a_busy_machine_takes_nothing_from_a_budget_of_processor_time():
    with limited(0.3, PROCESSOR) as clock:
        time.sleep(0.6)  # as when others have the processor
        with clock.section():
            pass
    with pytest.raises(OutOfTime), limited(0.1, PROCESSOR):
        while True:
            pass
    with pytest.raises(OutOfTime), limited(0.1):
        time.sleep(1)
