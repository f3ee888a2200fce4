"""A page that uses every block once, with hostile words in every place that takes words."""

from __future__ import annotations

import sympy as sp

from bilevel import show
from tests.language.test_structure import AC, GAN

h, gamma, theta, psi = sp.symbols("h gamma theta psi", real=True)


def sample(words: str = "plain", *, pictures: bool = True) -> str:
    """The page; `words` stands in titles, captions, cells, names."""
    letter = sp.Symbol(words)
    wide = sum(sp.Symbol(f"a{k}") * sp.Symbol(f"b{k}") / (1 + h) for k in range(20))
    picture = show.legend_svg()
    if pictures:
        portrait = show.phase_portrait([-psi, theta], (theta, psi), {words: [[1, 0], [0, 1]]})
        picture = show.figure_svg(portrait, title=words)
    stable = show.claim(
        f"Theorem: {words}",
        ("For ", letter, f" and {words}"),
        sp.And(h > 0, h**2 / 4 + 2 * gamma * h < 4),
        known="exact",
        relation=words,
        source=words,
        steps=[words, ["Write it out:", wide], ("so ", letter, " holds")],
        checks=[words, show.check(words, passed=False)],
        anchor="theorem-1",
    )
    return show.page(
        f"Report {words}",
        show.section(
            "Definitions",
            words,
            show.columns((words, show.equation_rows([(letter, "=", wide)], label="1")), ("b", words)),
        ),
        show.section(
            "Structure", show.gallery(show.figure(show.diagram_svg(GAN), words), show.figure(show.diagram_svg(AC)))
        ),
        show.section("Claims", stable, show.equation(wide, label=words), show.bullets(words, letter)),
        show.section(
            "Pictures",
            show.figure(picture, words, wide=True),
            show.table([words, "b"], [[words, letter]] * 2, caption=words),
            show.section("Deeper", show.code(words), show.code(words + "\n" + words)),
            show.paragraph(show.link(words, "#theorem-1"), " ", show.badge("unknown")),
        ),
        subtitle=words,
        lead=words,
        footer=words,
    )
