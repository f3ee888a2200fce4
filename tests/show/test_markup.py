"""Escaping: whatever is not made by our printers arrives as text."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.language.errors import GameError
from bilevel.show.markup import Markup, element, escape, join
from tests.show.hostile import HOSTILE, tags


@given(st.text(max_size=30), st.text(max_size=30))
@settings(max_examples=30, deadline=None)
def test_any_text_survives_as_text_and_as_attribute(words, value):
    node = ET.fromstring(element("p", words, title=value))
    assert len(node) == 0
    assert (node.text or "") == str(ET.fromstring(f"<p>{escape(words)}</p>").text or "")
    assert set(node.attrib) == {"title"}


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x2000, exclude_characters="\x7f"), max_size=30))
@settings(max_examples=30, deadline=None)
def test_ordinary_text_comes_back_unchanged(words):
    assert (ET.fromstring(element("p", words)).text or "") == "".join(c for c in words if not 0x7F <= ord(c) < 0x80)


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_texts_make_no_elements(words):
    assert tags(element("p", words, element("b", words), title=words)) == {"p", "b"}


def test_markup_is_not_escaped_twice_but_its_copies_are():
    inner = element("b", "<")
    assert element("p", inner) == "<p><b>&lt;</b></p>"
    assert element("p", inner + "<i>") == "<p>&lt;b&gt;&amp;lt;&lt;/b&gt;&lt;i&gt;</p>"  # str + str is data again
    assert isinstance(join(inner, "<"), Markup)
    assert inner._repr_html_() == inner


def test_markup_in_an_attribute_is_escaped_all_the_same():
    assert element("p", title=Markup('"><b>')) == '<p title="&quot;&gt;&lt;b&gt;"></p>'


@pytest.mark.parametrize("tag", ["a b", "", "<b", "1a", "a>"])
def test_a_tag_must_be_a_name(tag):
    with pytest.raises(GameError, match="name of an element"):
        element(tag)


def test_an_attribute_must_be_a_name():
    with pytest.raises(GameError):
        element("p", **{'x="1" onclick': "evil"})
