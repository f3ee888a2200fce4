"""Who sees what, and whose gradient passes through whom, read off a model-level game.

Main definitions: `information_structure`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.game import Game
from bilevel.language.laws import Density, Normal, Uniform
from bilevel.language.networks import Network
from bilevel.language.nodes import RandomScalar, RandomVector
from bilevel.language.structure import Edge, InformationStructure, Node, NodeKind


def information_structure(game: Game) -> InformationStructure:
    """The diagram of a game: models, environment and fixed noise; information and gradient edges.

    Math: a model is a network, or a density, that one player's variables parameterise. Information: everything a model
        is applied to (environment variables, noise, other models' outputs), and every environment variable or other
        model that stands beside the model's own output in its player's loss (a reward, a label, an error signal; a
        model that enters the loss only through another one is not told the label).
        Gradient: model A passes its gradient to model B when B's player's derivative in B's
        variables contains a derivative of A in an argument other than A's own weights.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, figure 1.

    Examples:
        >>> from bilevel.models import gan
        >>> structure = information_structure(gan(labelled=True))
        >>> [f"{e.source} -> {e.target}" for e in structure.edges if e.kind == "information"]
        ['G -> D', 'x -> D', 'y -> D', 'z -> G']
    """
    models = {net: name for name, player in game.players.items() for net in _owned(player)}
    edges: dict[tuple[str, str, str], Edge] = {}
    seen: dict[str, NodeKind] = {net.name: "model" for net in models}
    for net, name in models.items():
        inputs = {source for arg in _arguments(_losses(game), net) for source in _sources(arg, models)}
        if net in _outermost(game[name].loss):
            inputs |= {s for s in _outside_networks(game[name].loss, models) if not _is_noise(s)}
        for source in sorted(inputs, key=lambda s: s.name):
            if source == net or source in game.variables:
                continue
            if source.name not in seen:
                seen[source.name] = "fixed" if _is_noise(source) else "environment"
            edges[source.name, net.name, "information"] = Edge(source.name, net.name, "information")
    for passing, receiving in _gradient_edges(game, models):
        edges[passing, receiving, "gradient"] = Edge(passing, receiving, "gradient")
    ordered = sorted(edges.values(), key=lambda e: (e.kind != "information", e.target, e.source))
    nodes = tuple(Node(name, kind) for name, kind in seen.items())
    return InformationStructure(nodes, tuple(ordered), title=game.title)


def _losses(game: Game) -> list[Any]:
    return [player.loss for player in game.players.values()]


@dataclass(frozen=True)
class _Sampler:
    """A model that is a density: it answers by drawing."""

    name: str


def _model_of(part: Any) -> Network | _Sampler | None:
    """The model that a node is the answer of: a network applied, a draw from a density, or its log-density."""
    net, law = getattr(part, "network", None), getattr(part, "law", None)
    if isinstance(net, Network):
        return net
    return _Sampler(law.name) if isinstance(law, Density) else None


def _given(part: Any) -> tuple[Any, ...]:
    """What the model that answers a node is told, its own parameters last."""
    law = getattr(part, "law", None)
    return tuple(law.parameters) if isinstance(law, Density) else tuple(getattr(part, "arguments", ()))


def _arguments(expressions: Iterable[Any], net: Any) -> list[Any]:
    parts = (part for expression in expressions for part in sp.preorder_traversal(expression))
    return [argument for part in parts if _model_of(part) == net for argument in _given(part)]


def _owned(player: Any) -> list[Any]:
    """Networks and densities whose last argument is one of the player's own variables."""
    found = []
    for part in sp.preorder_traversal(player.loss):
        net, given = _model_of(part), _given(part)
        if net is not None and given and given[-1] in player.moves and net not in found:
            found.append(net)
    return found


def _sources(argument: Any, models: Any) -> set[Any]:
    """Random variables and models an argument is made of; what stands inside another model belongs to that model."""
    net = _model_of(argument)
    if net in models:
        return {net}
    if isinstance(argument, RandomVector | RandomScalar):
        return {argument}
    return {source for part in getattr(argument, "args", ()) for source in _sources(part, models)}


def _outside_networks(expression: Any, models: Any) -> set[Any]:
    """What a loss itself mentions: environment variables, and models beside others."""
    net = _model_of(expression)
    if net in models:
        return {net}
    if isinstance(net, Network):
        return set()
    if isinstance(expression, RandomVector | RandomScalar):
        return {expression}
    averaged = type(expression).__name__.startswith(("Expectation", "Conditional"))
    parts = expression.args[:1] if averaged else getattr(expression, "args", ())
    return {source for part in parts for source in _outside_networks(part, models)}


def _outermost(expression: Any) -> set[Any]:
    """Models whose output stands in the loss itself, not inside another network."""
    net = _model_of(expression)
    if net is not None:
        return {net}
    averaged = type(expression).__name__.startswith(("Expectation", "Conditional"))
    parts = expression.args[:1] if averaged else getattr(expression, "args", ())
    return {found for part in parts for found in _outermost(part)}


def _is_noise(source: Any) -> bool:
    law = getattr(source, "law", None)
    return isinstance(law, Normal | Uniform)


def _gradient_edges(game: Game, models: dict[Any, str]) -> list[tuple[str, str]]:
    found = []
    field = game.field()
    for net, name in models.items():
        slopes = [field[v] for v in game[name].moves]
        for part in (p for slope in slopes for p in sp.preorder_traversal(slope)):
            other: Any = getattr(getattr(part, "applied", None), "network", None)
            if other in models and models[other] != name and (other.name, net.name) not in found:
                found.append((other.name, net.name))
    return found
