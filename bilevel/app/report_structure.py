"""Figure 1 of the paper, drawn from the games: who sees what, and whose gradient passes through whom.

Main definitions: `structures` (the diagrams as data, with the isomorphisms between them), `figure_one` (the section).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sympy as sp

from bilevel import show
from bilevel.analysis import information_structure
from bilevel.app.report_cast import Cast
from bilevel.app.report_parts import Part
from bilevel.language.structure import InformationStructure


@dataclass(frozen=True)
class Structures:
    """The diagrams of the report and what is the same in them."""

    cast: Cast

    @cached_property
    def gan(self) -> InformationStructure:
        """Read off the labelled GAN."""
        return replace(information_structure(self.cast.labelled), title="(a) GAN")

    @cached_property
    def method(self) -> InformationStructure:
        """Read off the actor-critic method, the bootstrap edges (those of the next state) left out as in the paper."""
        whole = information_structure(self.cast.dpg)
        return replace(whole.without("s_prime"), title="(b) Actor-critic (DPG, SVG(0), NFQCA)")

    @cached_property
    def blind(self) -> InformationStructure:
        """Read off the actor-critic method in the GAN's environment."""
        return replace(information_structure(self.cast.plain), title="Blind actor-critic")

    @cached_property
    def sighted(self) -> InformationStructure:
        """The same with a sighted actor."""
        return replace(information_structure(self.cast.sighted), title="Sighted actor-critic")

    @cached_property
    def cores(self) -> tuple[InformationStructure, InformationStructure]:
        """Both diagrams without the edge into the first model, and without the noise that is then isolated."""
        return self.gan.without(("z", "G")).without_isolated(), self.method.without(("s_t", "pi")).without_isolated()

    @cached_property
    def analogous(self) -> dict[str, str] | None:
        """The isomorphism on the red edges that sends the image to the state and the label to the reward."""
        return self.cores[0].isomorphism(self.cores[1], {"x": "s_t", "y": "r_t"})

    def drawn(self) -> tuple[InformationStructure, InformationStructure]:
        """Both diagrams, the analogous edges marked."""
        return self.gan.marked(self.cores[0].edges), self.method.marked(self.cores[1].edges)


def figure_one(cast: Cast) -> Part:
    """The section with both diagrams and what is proved of them."""
    found = Structures(cast)
    left, right = found.drawn()
    mapping = found.analogous or {}
    places = show.places_like(left, {**mapping, "z": "z"})
    whole = left.isomorphism(right)
    checks = _checks(found, mapping)
    section = show.section(
        "Information structure: Figure 1",
        "Both diagrams are read off the losses: an arrow where a model is applied to something, a dashed one "
        "where a player's "
        "gradient passes through another model. Red edges, drawn thick, are the same in both.",
        show.legend_svg(),
        show.gallery(
            show.figure(show.diagram_svg(left), (show.element("b", "(a) "), "GAN, from the labelled form (3).")),
            show.figure(
                show.diagram_svg(right, places={k: v for k, v in places.items() if k in right.names}),
                (show.element("b", "(b) "), "Actor-critic method: DPG, SVG(0), NFQCA. As in the paper, what leads to "
                 "future states is left out."),
            ),
        ),
        *checks,
        show.paragraph("Decided by isomorphism of the coloured graphs: ", show.link("theorem 6", "#theorem-6"), "."),
        anchor="structure",
    )  # fmt: skip
    data = {
        "gan": _data(left),
        "actor-critic": _data(right),
        "isomorphism on red edges": mapping,
        "whole diagrams isomorphic": whole is not None,
        "blind actor-critic is the GAN's diagram": found.blind.isomorphism(left) is not None,
        "sighted actor-critic is DPG's diagram": found.sighted.isomorphism(right) is not None,
    }
    return Part(section, data)


def _checks(found: Structures, mapping: dict[str, str]) -> list[Any]:
    """What is proved of the diagrams."""
    left, right = found.drawn()
    return [
        show.check(("On the red edges the diagrams are isomorphic: ", *_pairs(mapping), "."), passed=bool(mapping)),
        show.check("With the edge into the first model they are not: the generator is fed noise, the actor the state. "
                   "That difference is blindness.", passed=left.isomorphism(right) is None),
        show.check("The actor-critic method in the GAN's environment has the GAN's diagram, noise "
                   "included.", passed=found.blind.isomorphism(left) is not None),
        show.check("If its actor is given sight of the state, it has the diagram of DPG, and no longer the GAN's.",
                   passed=found.sighted.isomorphism(right) is not None and found.sighted.isomorphism(left) is None),
    ]  # fmt: skip


def _pairs(mapping: dict[str, str]) -> list[Any]:
    """G to pi, D to Q, ..."""
    parts = [(sp.Symbol(a), " ↔ ", sp.Symbol(b)) for a, b in mapping.items()]
    return [piece for index, part in enumerate(parts) for piece in (", " if index else "", *part)]


def _data(structure: InformationStructure) -> dict[str, Any]:
    return {
        "title": structure.title,
        "nodes": [{"name": node.name, "kind": node.kind} for node in structure.nodes],
        "edges": [{"from": e.source, "to": e.target, "kind": e.kind, "emphasis": e.emphasis} for e in structure.edges],
    }
