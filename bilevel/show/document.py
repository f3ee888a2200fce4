"""One self-contained HTML page: readable on a phone, in the dark and in print, without scripts and without a network.

Main definitions: `page` and `section` (the frame), `blocks`-functions in `bilevel.show.blocks` (what stands in it).
Notation: a block is a text (a paragraph), a tuple (a paragraph of texts and formulas), a SymPy expression (a displayed
equation), a `Section`, or `Markup`; whatever is not `Markup` is escaped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import Any

from bilevel.language.errors import GameError
from bilevel.show.blocks import block, inline
from bilevel.show.markup import Markup, element, join

# Nothing may be loaded and nothing may run; the one style element and pictures within the page are allowed.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it; sections may stand in sections.

    Math:       its anchor is its own or is made from the title; the contents list sections of the first level
    Reference:  WHATWG (2024), HTML, section 4.3 (sections)
    Examples:
        >>> section("Fixed points", "There is one.").anchor
        'fixed-points'
    """

    title: Any
    blocks: tuple[Any, ...]
    anchor: str

    def markup(self, level: int = 2) -> Markup:
        """The section as HTML, its heading at a level from 2 to 4."""
        inner = (part.markup(level + 1) if isinstance(part, Section) else block(part) for part in self.blocks)
        return element("section", element(f"h{min(level, 4)}", inline(self.title)), *inner, id=self.anchor)


def section(title: Any, *blocks: Any, anchor: str = "") -> Section:
    """A section; its title may be a text or a tuple of texts and formulas.

    Math:       anchor "" makes one from the words of the title
    Reference:  WHATWG (2024), HTML, section 4.3 (sections)
    Examples:
        >>> section("The two games", "As the paper writes them.").markup()[:50]
        '<section id="the-two-games"><h2>The two games</h2>'
    """
    return Section(title, blocks, slug(anchor or str(title)))


def slug(words: str) -> str:
    """An anchor made of words: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-") or "section"


def page(title: str, *blocks: Any, subtitle: Any = "", lead: Any = "", contents: bool = True, footer: Any = "") -> str:
    """A whole HTML document as text, to be written to one file.

    Math:       blocks stand in order; the table of contents links to the sections among them; it parses as XML too
    Raises:     GameError if two sections share an anchor
    Reference:  WHATWG (2024), HTML; W3C (2018), Content Security Policy Level 3
    Examples:
        >>> text = page("A <hostile> title", section("One", "Two & three."))
        >>> "<h1>A &lt;hostile&gt; title</h1>" in text, "<script" in text
        (True, False)
    """
    sections = [part for part in blocks if isinstance(part, Section)]
    anchors = re.findall(r'<section id="([^"]*)"', "".join(part.markup() for part in sections))
    if doubled := sorted({anchor for anchor in anchors if anchors.count(anchor) > 1}):
        raise GameError(f"two sections share the anchor {doubled[0]!r}; give one of them another title or anchor.")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"/>'),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="generator", content="bilevel"),
        element("title", title),
        element("style", Markup(_style())),
    )
    top = [element("h1", title)]
    top += [element("p", inline(subtitle), class_="subtitle")] if subtitle else []
    top += [element("p", inline(lead), class_="lead")] if lead else []
    top += [_contents(sections)] if contents and len(sections) > 2 else []
    body = element(
        "body",
        element("header", *top, class_="title"),
        element("main", *(part.markup() if isinstance(part, Section) else block(part) for part in blocks)),
        *([element("footer", block(footer))] if footer else []),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _contents(sections: list[Section]) -> Markup:
    """The table of contents."""
    items = (element("li", element("a", inline(part.title), href=f"#{part.anchor}")) for part in sections)
    return element("nav", element("ol", *items), class_="contents", aria_label="Contents")


def _style() -> str:
    """The style sheet, which ships beside this file; it must not be able to end its element."""
    css = resources.files("bilevel.show").joinpath("document.css").read_text(encoding="utf-8")
    return (
        join(css.replace("<", "").replace("&", "")).replace("&quot;", '"').replace("&#x27;", "'").replace("&gt;", ">")
    )


__all__ = ["Section", "page", "section"]
