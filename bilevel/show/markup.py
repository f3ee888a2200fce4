"""Markup: text that is already safe to show, and the one place where everything else is escaped.

Main definitions: `Markup` (text from our own printers), `escape` (anything to `Markup`), `element` (one XML element).
Notation: every printer of this storey (MathML, SVG, HTML) builds its output from `element` alone, so a hostile name
can only ever arrive as text. Characters which XML forbids, and the invisible ones that reorder a line, become U+FFFD.
"""

from __future__ import annotations

import html
import re
from typing import Any

from bilevel.language.errors import GameError

# Not allowed in XML 1.0 at all; then the directional overrides, which can make a name read as another.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9:-]*")
_VOID = frozenset({"meta", "br", "hr", "col", "mspace"})


class Markup(str):
    """Text that our own printers made and that may enter a page as it stands; it shows itself in notebooks.

    Math:       the type is the promise: `str` is data and is escaped, `Markup` is structure and is not
    Reference:  OWASP (2021), Cross Site Scripting Prevention: output encoding
    Examples:
        >>> escape("a < b"), escape(Markup("<b>a</b>"))
        ('a &lt; b', '<b>a</b>')
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return str.__repr__(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return str(self)


def escape(value: object) -> Markup:
    """`value` as text that is safe in an element and in a double-quoted attribute.

    Math:       the identity on `Markup`; `&`, `<`, `>`, quotes become entities in everything else
    Reference:  W3C (2008), Extensible Markup Language (XML) 1.0, section 2.2 (characters)
    Examples:
        >>> escape('<script>"x"</script>')
        '&lt;script&gt;&quot;x&quot;&lt;/script&gt;'
    """
    if isinstance(value, Markup):
        return value
    return Markup(html.escape(_FORBIDDEN.sub("\ufffd", str(value)), quote=True))


def element(tag: str, *children: object, **attributes: Any) -> Markup:
    """One element with its children; children and attribute values are escaped unless they are `Markup`.

    Math:       `stroke_width=2` is the attribute stroke-width, `class_="a"` is class; an attribute None is left out
    Raises:     GameError if the tag or an attribute is no XML name
    Reference:  W3C (2008), Extensible Markup Language (XML) 1.0, section 3
    Examples:
        >>> element("mi", "<x>", class_="name")
        '<mi class="name">&lt;x&gt;</mi>'
    """
    # An underscore stands for the hyphen Python cannot write in a keyword.
    names = {key: key.rstrip("_").replace("_", "-") for key in attributes}
    for name in (tag, *names.values()):
        if not _TAG.fullmatch(name):
            raise GameError(
                f"{name!r} was meant as the name of an element or attribute; use letters, digits, '-' and ':'."
            )
    # str(): an attribute never holds structure, so even Markup is escaped there.
    said = "".join(f' {names[k]}="{escape(str.__str__(str(v)))}"' for k, v in attributes.items() if v is not None)
    if tag in _VOID and not children:
        return Markup(f"<{tag}{said}/>")
    return Markup(f"<{tag}{said}>{join(*children)}</{tag}>")


def join(*pieces: object, separator: str = "") -> Markup:
    """The pieces one after another, each escaped unless it is `Markup`.

    Math:       join(a, b) = escape(a) + escape(b)
    Reference:  OWASP (2021), Cross Site Scripting Prevention: output encoding
    Examples:
        >>> join("a & b", element("i", "c"))
        'a &amp; b<i>c</i>'
    """
    return Markup(str(escape(separator)).join(map(escape, pieces)))
