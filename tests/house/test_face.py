"""The face of the package: few names, all of them there, and a helpful answer to a wrong one."""

from __future__ import annotations

import inspect
import re

import pytest

import bilevel

MODULES = {"rules", "models", "numeric", "show", "testing"}


@pytest.mark.parametrize("name", bilevel.__all__)
def test_every_public_name_is_there_and_is_what_it_says(name):
    # a function called like the file it stands in would be hidden by that file once it is loaded
    assert inspect.ismodule(getattr(bilevel, name)) == (name in MODULES)
    assert getattr(bilevel, name) is getattr(bilevel, name)


def test_the_names_stay_few():
    assert len(bilevel.__all__) == len(set(bilevel.__all__)) <= 25


def test_dir_lists_the_public_names():
    assert set(bilevel.__all__) <= set(dir(bilevel))
    assert "importlib" not in dir(bilevel)


def test_a_wrong_name_is_answered_with_the_nearest_one():
    with pytest.raises(AttributeError, match="did you mean 'stability'"):
        bilevel.stabilty
    with pytest.raises(AttributeError, match="dir"):
        bilevel.zzzzzz
    assert not hasattr(bilevel, "minimise_everything_at_once")


def test_the_version_is_a_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+", bilevel.__version__)
