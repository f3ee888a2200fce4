"""What stands on a page: paragraphs, equations, tables, figures, definitions side by side, claims with their proofs.

Main definitions: `paragraph`, `equation`, `equation_rows`, `bullets`, `table`, `figure`, `gallery`, `columns`, `badge`,
`check`, `claim`, `link`, `code`; `inline` and `block` turn any value into markup.
Notation: texts are escaped; SymPy expressions become MathML; tuples are texts and formulas in one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from bilevel.language.errors import GameError
from bilevel.show.markup import Markup, element, join
from bilevel.show.mathml_printer import equations, inside, mathml

STRENGTHS = {
    "exact": ("✓", "proved by exact arithmetic; a certificate can be checked again"),
    "enclosed": ("[ ]", "proved within rigorous error bounds"),
    "float": ("≈", "computed in floating point, not proved"),
    "unknown": ("?", "not decided; the reason is given"),
    "refuted": ("✗", "false: a counterexample is given"),
}


def inline(value: Any) -> Markup:
    """Anything within a line: text escaped, `Markup` as it is, a tuple joined, everything else as a formula."""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return join(value)
    if isinstance(value, (tuple, list)):
        return join(*map(inline, value))
    return mathml(value)


def block(value: Any) -> Markup:
    """Anything as a block: `Markup` as it is, text and tuples as paragraphs, everything else as an equation."""
    if isinstance(value, Markup):
        return value
    return paragraph(value) if isinstance(value, (str, tuple)) else equation(value)


def paragraph(*parts: Any) -> Markup:
    """A paragraph of texts and formulas.

    Math:       parts follow one another without added spaces
    Reference:  WHATWG (2024), HTML, section 4.4.1
    Examples:
        >>> paragraph("a < b")
        '<p>a &lt; b</p>'
    """
    return element("p", inline(parts))


def equation(expression: Any, *, label: str = "", laws: bool = True) -> Markup:
    """A displayed equation; a tuple sets texts and formulas in a row; a wide one scrolls on a narrow screen.

    Math:       label "1" prints as (1) at the right; laws=False leaves the laws under expectations out
    Reference:  W3C (2023), MathML Core
    Examples:
        >>> import sympy as sp
        >>> equation(sp.Symbol("x"), label="1").count("(1)")
        1
    """
    return _displayed(mathml(expression, block=True, laws=laws), label)


def equation_rows(
    rows: Iterable[tuple[Any, str, Any]], *, label: str = "", width: int = 64, laws: bool = True
) -> Markup:
    """Equations under one another, aligned at their signs; sums wider than `width` letters continue on the next line.

    Math:       rows of (left side, sign, right side)
    Reference:  W3C (2023), MathML Core
    Examples:
        >>> import sympy as sp
        >>> x = sp.Symbol("x")
        >>> equation_rows([(x, "=", x + 1), ("", "≤", x + 2)]).count("<mtr>")
        2
    """
    return _displayed(equations(rows, width=width, laws=laws), label)


def _displayed(formula: Markup, label: str) -> Markup:
    """A formula that can be scrolled, by keyboard too, beside its number."""
    number = [element("span", f"({label})", class_="number")] if label else []
    return element("div", element("div", formula, class_="scroll", tabindex="0"), *number, class_="equation")


def bullets(*items: Any, ordered: bool = False) -> Markup:
    """A list; each item a text, a formula or a tuple of both.

    Math:       ordered=True numbers the items
    Reference:  WHATWG (2024), HTML, section 4.4.5
    Examples:
        >>> bullets("one", "two")
        '<ul><li>one</li><li>two</li></ul>'
    """
    return element("ol" if ordered else "ul", *(element("li", inline(item)) for item in items))


def table(
    header: Sequence[Any], rows: Iterable[Sequence[Any]], *, caption: Any = "", row_headers: bool = True
) -> Markup:
    """A table whose cells are texts, formulas or tuples of both; it scrolls sideways on a narrow screen.

    Math:       the first cell of each row is its heading unless row_headers=False
    Raises:     GameError if a row has another number of cells than the header
    Reference:  WHATWG (2024), HTML, section 4.9
    Examples:
        >>> table(["rule", "verdict"], [["simultaneous", "unstable"]]).count("<td>")
        1
    """
    body = []
    for row in rows:
        if len(row) != len(header):
            raise GameError(
                f"a row of the table has {len(row)} cells, its header {len(header)}; give every row as many."
            )
        first = element("th", inline(row[0]), scope="row") if row_headers else element("td", inline(row[0]))
        body.append(element("tr", first, *(element("td", inline(cell)) for cell in row[1:])))
    head = element("thead", element("tr", *(element("th", inline(cell), scope="col") for cell in header)))
    said = [element("caption", inline(caption))] if caption else []
    return element("div", element("table", *said, head, element("tbody", *body)), class_="table scroll", tabindex="0")


def figure(drawing: Markup, caption: Any = "", *, wide: bool = False) -> Markup:
    """A drawing (SVG from our own printers) with its caption.

    Math:       wide=True lets it be wider than the text on a large screen
    Raises:     GameError if the drawing is not `Markup`
    Reference:  WHATWG (2024), HTML, section 4.4.12
    Examples:
        >>> figure(Markup("<svg/>"), "A drawing")
        '<figure><svg/><figcaption>A drawing</figcaption></figure>'
    """
    if not isinstance(drawing, Markup):
        raise GameError("a figure takes the Markup of figure_svg or diagram_svg; got plain text.")
    said = [element("figcaption", inline(caption))] if caption else []
    return element("figure", drawing, *said, class_="wide" if wide else None)


def gallery(*figures: Markup, wide: bool = True) -> Markup:
    """Figures beside one another where there is room, else under one another.

    Math:       as many columns as fit
    Reference:  W3C (2020), CSS Grid Layout
    Examples:
        >>> gallery(figure(Markup("<svg/>"), "a")).startswith('<div class="gallery wide">')
        True
    """
    return element("div", *figures, class_="gallery wide" if wide else "gallery")


def columns(*cells: tuple[Any, ...], wide: bool = True) -> Markup:
    """Definitions side by side; each cell is (title, block, block, ...). Under one another on a phone.

    Math:       as many columns as fit
    Reference:  W3C (2020), CSS Grid Layout
    Examples:
        >>> columns(("GAN", "left"), ("Actor-critic", "right")).count("<section>")
        2
    """
    made = (element("section", element("h3", inline(title)), *map(block, blocks)) for title, *blocks in cells)
    return element("div", *made, class_="columns wide" if wide else "columns")


def badge(known: str) -> Markup:
    """How a claim is known, in a word and a sign.

    Math:       exact, enclosed, float, unknown; or refuted
    Raises:     GameError for another word
    Reference:  Pfau, Vinyals (2016), arXiv:1610.01945 (the claims shown)
    Examples:
        >>> "exact" in badge("exact")
        True
    """
    if known not in STRENGTHS:
        raise GameError(f"how a claim is known is one of {', '.join(STRENGTHS)}; got {known!r}.")
    sign, meaning = STRENGTHS[known]
    return element("span", f"{sign} {known}", class_=f"badge {known}", title=meaning)


def check(words: Any, *, passed: bool = True) -> Markup:
    """One line about a check that was run: what was compared, how closely it agreed.

    Math:       the mark says whether it passed
    Reference:  Griewank, Walther (2008), doi:10.1137/1.9780898717761 (derivatives by program)
    Examples:
        >>> check("largest difference 2e-16").startswith('<p class="check')
        True
    """
    mark = element(
        "span", "✓" if passed else "✗", class_="mark", aria_label="passed" if passed else "failed", role="img"
    )
    return element("p", mark, inline(words), class_="check exact" if passed else "check refuted")


def claim(
    title: Any,
    *statement: Any,
    known: str,
    relation: Any = "",
    source: Any = "",
    steps: Sequence[Any] = (),
    checks: Sequence[Any] = (),
    proof_title: str = "Proof, step by step",
    anchor: str = "",
) -> Markup:
    """A theorem or refutation as a card: statement, how it is known, where it is from, checks, and the proof folded in.

    Math:       a step is a text, a formula, a tuple in one line, or a list [text, block, ...] with displayed formulas;
                a check is the `Markup` of `check`, or a text
    Raises:     GameError for an unknown strength
    Reference:  Pfau, Vinyals (2016), arXiv:1610.01945
    Examples:
        >>> claim("Theorem 1", "Half a GAN.", known="exact", steps=["by linearity"]).count("<details")
        1
    """
    header = element("header", element("h3", inline(title)), badge(known))
    made = [header, *([element("p", inline(source), class_="source")] if source else []), *map(block, statement)]
    if relation:
        made.append(element("p", "Relation: ", inline(relation), class_="relation"))
    made += [line if isinstance(line, Markup) else check(line) for line in checks]
    if steps:
        items = (element("li", *_step(step)) for step in steps)
        made.append(
            element(
                "details",
                element("summary", f"{proof_title} ({len(steps)})"),
                element("ol", *items, class_="steps"),
                class_="proof",
            )
        )
    return element("article", *made, class_=f"claim {known}", id=anchor or None)


def trace_steps(trace: Iterable[Any], *, width: int = 60) -> list[Any]:
    """The steps of a proof as `claim` takes them: the rule, what it did, and the expression before and after.

    Math:       each step needs rule, what, before, after, as the trace of `bilevel.equal` has them; a step that only
                renames what the eye does not see is told in words alone
    Reference:  bilevel.language.normal_form, where each rule is stated
    Examples:
        >>> import bilevel, sympy as sp
        >>> x = sp.Symbol("x", real=True)
        >>> len(trace_steps(bilevel.equal((x + 1)**2, x**2 + 2*x + 1).trace)) > 0
        True
    """
    steps: list[Any] = []
    for step in trace:
        words = (element("b", step.rule), f": {step.what}" if step.what else "")
        before, after = (inside(side, laws=False) for side in (step.before, step.after))
        shown = [equation_rows([("", "", step.before), ("", "=", step.after)], width=width, laws=False)]
        steps.append([words, *(shown if before != after else [])])
    return steps


def _step(step: Any) -> list[Markup]:
    """One step of a proof: its first part in the line, the rest displayed."""
    return [inline(step[0]), *map(block, step[1:])] if isinstance(step, list) else [inline(step)]


def link(words: Any, target: str) -> Markup:
    """A link to a place on this page, to a file beside it, or to a paper.

    Math:       the target starts with # or https://, or is a plain file name below this page's folder
    Raises:     GameError for any other target
    Reference:  WHATWG (2024), HTML, section 4.6
    Examples:
        >>> link("Theorem 1", "#theorem-1")
        '<a href="#theorem-1">Theorem 1</a>'
    """
    beside = re.fullmatch(r"(?:[\w-]+/)*[\w-]+\.\w+", target, re.ASCII) is not None
    if not (beside or target.startswith(("#", "https://"))):
        raise GameError(
            f"a link leads to a place on the page (#name), to a file below it or to https://; got {target!r}."
        )
    return element("a", inline(words), href=target, rel=None if beside or target.startswith("#") else "noopener")


def code(words: str) -> Markup:
    """Program text: in the line when it has one line, as a block when it has more.

    Math:       spaces and line breaks are kept
    Reference:  WHATWG (2024), HTML, section 4.4.3
    Examples:
        >>> code("h < 4")
        '<code>h &lt; 4</code>'
    """
    made = element("code", words)
    return element("pre", made, tabindex="0") if "\n" in words else made


__all__ = ["badge", "bullets", "check", "claim", "code", "columns", "equation", "equation_rows", "figure", "gallery",
           "link", "paragraph", "table", "trace_steps"]  # fmt: skip
