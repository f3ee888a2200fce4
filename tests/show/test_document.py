"""The page: one file that parses, refers to nothing outside, runs nothing, and holds hostile words as words."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
import sympy as sp

from bilevel import show
from bilevel.language.errors import GameError
from bilevel.language.normal_form import Step
from tests.show.hostile import HOSTILE, attributes, tags
from tests.show.sample import sample


def body(page: str) -> str:
    """The document without its first line, which is no XML."""
    return page.split("\n", 1)[1]


def test_the_page_is_well_formed_and_the_same_each_time():
    assert sample() == sample()
    assert ET.fromstring(body(sample())).tag == "html"


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs():
    page = sample()
    assert not tags(body(page)) & {"script", "link", "iframe", "img", "object", "embed", "form"}
    assert not re.findall(r"url\((?!#)", page) and "@import" not in page
    outside = {u for u in re.findall(r"https?://[^\"' <]+", page) if not u.startswith("http://www.w3.org/")}
    assert outside == set()
    assert "default-src 'none'" in page


def test_every_link_within_the_page_leads_somewhere():
    root = ET.fromstring(body(sample()))
    ids = [node.attrib["id"] for node in root.iter() if "id" in node.attrib]
    assert len(ids) == len(set(ids))
    targets = {node.attrib["href"][1:] for node in root.iter("a")}
    assert {"definitions", "structure", "claims", "pictures", "theorem-1"} <= targets <= set(ids)


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_change_no_element(words):
    page, plain = body(sample(words, pictures=False)), body(sample(pictures=False))
    assert tags(page) == tags(plain)
    assert attributes(page) == attributes(plain)


def test_all_hostile_words_at_once_change_no_element_of_a_page_with_pictures():
    assert tags(body(sample(" ".join(HOSTILE)))) == tags(body(sample()))


def test_headings_go_down_one_level_at_a_time():
    levels = [int(node.tag[1]) for node in ET.fromstring(body(sample())).iter() if re.fullmatch(r"h[1-6]", node.tag)]
    assert levels[0] == 1 and all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False))


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: show.badge("certain"), "exact, enclosed, float, unknown"),
        (lambda: show.table(["a"], [["b", "c"]]), "2 cells"),
        (lambda: show.figure("<svg/>"), "plain text"),
        (lambda: show.link("a", "javascript:alert(1)"), "https"),
        (lambda: show.page("a", show.section("b"), show.section("b")), "share the anchor"),
    ],
)
def test_what_has_no_meaning_is_refused(make, words):
    with pytest.raises(GameError, match=words):
        make()


def test_text_is_escaped_and_formulas_are_formulas():
    assert show.paragraph("a < ", sp.Symbol("b")).startswith("<p>a &lt; <math")
    assert "<script" not in show.page("<script>", "<script>")


def test_a_trace_becomes_steps_and_silent_steps_are_words():
    x, y = sp.symbols("x y")
    told = show.trace_steps(
        [Step("expand", "products", (x + 1) ** 2, x**2 + 2 * x + 1), Step("<rename>", "bound", y, y)]
    )
    assert [len(step) for step in told] == [2, 1]
    assert "&lt;rename&gt;" in show.claim("T", known="exact", steps=told)


def test_every_public_name_of_the_storey_loads():
    assert all(callable(getattr(show, name)) for name in show.__all__)
    with pytest.raises(AttributeError, match="did you mean 'phase_portrait'"):
        show.phase_portait
