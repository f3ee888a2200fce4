"""Who sees what, and whose gradient passes through whom, read off a game.

Main definitions: `information_structure`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.game import Game
from bilevel.language.expectation import Expectation
from bilevel.language.laws import Density, LogDensity, Normal, Uniform
from bilevel.language.networks import Network
from bilevel.language.nodes import RandomScalar, RandomVector
from bilevel.language.structure import Edge, InformationStructure, Node, NodeKind


def information_structure(game: Game) -> InformationStructure:
    """The diagram of a game: models, environment and fixed noise; information and gradient edges.

    Math: a model is a network, or a density, that one player's variables parameterise; a player without either (a
        hyperparameter, a copy of weights) is a model that bears the name of its variable. Information: everything a
        model is applied to or scored at (environment variables, noise, other models' outputs), and every environment
        variable or other model that stands beside the model's own output under an average of its player's loss (a
        reward, a label, an error signal; a model that enters the loss only through another one is not told the
        label). Noise is what is drawn from a fixed law: normal, uniform, or a density without parameters, a prior.
        Gradient: model A passes its gradient to model B when the derivative that B's player takes in B's own weights
        contains a derivative of A; and a player that answers passes its gradient to the player that differentiates
        through its reply.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, figure 1.

    Examples:
        >>> from bilevel.models import gan
        >>> structure = information_structure(gan(labelled=True))
        >>> [f"{e.source} -> {e.target}" for e in structure.edges if e.kind == "information"]
        ['G -> D', 'x -> D', 'y -> D', 'z -> G']
    """
    models = _models(game)
    edges: dict[tuple[str, str, str], Edge] = {}
    seen: dict[str, NodeKind] = {model.name: "model" for model in models}
    for model in models:
        for source in sorted(_told(game, model, models), key=lambda s: s.name):
            if source.name not in seen:
                seen[source.name] = "fixed" if _is_noise(source) else "environment"
            edges[source.name, model.name, "information"] = Edge(source.name, model.name, "information")
    for passing, receiving in _gradient_edges(game, models):
        edges[passing, receiving, "gradient"] = Edge(passing, receiving, "gradient")
    ordered = sorted(edges.values(), key=lambda e: (e.kind != "information", e.target, e.source))
    nodes = tuple(Node(name, kind) for name, kind in seen.items())
    return InformationStructure(nodes, tuple(ordered), title=game.title)


@dataclass(frozen=True)
class _Sampler:
    """A model that is a density: it answers by drawing."""

    name: str


@dataclass(frozen=True)
class _Bare:
    """A model without a network: a player that moves its variables themselves."""

    name: str
    variables: tuple[Any, ...]


@dataclass(frozen=True)
class _Models:
    """The models of a game with the player each belongs to and the variables that parameterise it."""

    owner: dict[Any, str]
    weights: dict[Any, set[Any]]

    def __iter__(self) -> Any:
        return iter(self.owner)

    def __contains__(self, model: Any) -> bool:
        return model in self.owner

    def of(self, player: str) -> set[Any]:
        """The models of one player."""
        return {model for model, name in self.owner.items() if name == player}

    def bare(self, variable: Any) -> _Bare | None:
        """The model without a network that a variable is."""
        return next((m for m in self.owner if isinstance(m, _Bare) and variable in m.variables), None)


def _models(game: Game) -> _Models:
    owner: dict[Any, str] = {}
    weights: dict[Any, set[Any]] = {}
    own = {name: _applied_to([player.loss], player.moves) for name, player in game.players.items()}
    settled = {model for owned in own.values() for model in owned}
    for name, player in game.players.items():
        # A network may stand in others' losses only, such as a layer of a critic that its generator is compared by.
        lent = {m: used for m, used in _applied_to(_losses(game), player.moves).items() if m not in settled}
        owned = own[name] | lent
        if not owned:
            label = str(player.moves[0]) if len(player.moves) == 1 else name
            owned = {_Bare(label, player.moves): set(player.moves)}
        for model, used in owned.items():
            owner.setdefault(model, name)
            weights.setdefault(model, used)
    return _Models(owner, weights)


def _told(game: Game, model: Any, models: _Models) -> set[Any]:
    """Everything a model is told: its inputs, and what stands beside its output in its player's loss."""
    player = models.owner[model]
    loss = game[player].loss
    inputs = {s for arg in _arguments(_losses(game), model) for s in _sources(arg, models)}
    for part in _averages(loss):
        if isinstance(model, _Bare) or model in _outermost(part):
            beside = _outside_networks(part, models) - models.of(player)
            inputs |= {s for s in beside if not _is_noise(s)}
    if model in _outermost(loss):
        inputs |= {s for s in _outside_networks(loss, models) if isinstance(s, _Bare)}
    if isinstance(model, _Bare):
        others = {v: name for v, name in game.owner.items() if name != player and v in loss.free_symbols}
        inputs |= {m for name in others.values() for m in models.of(name)}
    return {source for source in inputs if source != model and source not in game.variables}


def _averages(loss: Any) -> list[Any]:
    """The summands of a loss, those under one average taken together."""
    groups: dict[Any, Any] = {}
    for term in sp.Add.make_args(loss):
        over = frozenset(v for part in term.atoms(Expectation) for v in part.variables)
        groups[over] = groups.get(over, sp.S.Zero) + term
    return list(groups.values())


def _losses(game: Game) -> list[Any]:
    return [player.loss for player in game.players.values()]


def _model_of(part: Any) -> Network | _Sampler | None:
    """The model that a node is the answer of: a network applied, a draw from a density, or its log-density."""
    net, law = getattr(part, "network", None), getattr(part, "law", None)
    if isinstance(net, Network):
        return net
    return _Sampler(law.name) if isinstance(law, Density) else None


def _given(part: Any) -> tuple[Any, ...]:
    """What the model that answers a node is told (a log-density also what it scores), its own parameters last."""
    law = getattr(part, "law", None)
    scored = (part.args[1],) if isinstance(part, LogDensity) else ()
    return (*scored, *law.parameters) if isinstance(law, Density) else tuple(getattr(part, "arguments", ()))


def _arguments(expressions: Iterable[Any], net: Any) -> list[Any]:
    parts = (part for expression in expressions for part in sp.preorder_traversal(expression))
    return [argument for part in parts if _model_of(part) == net for argument in _given(part)]


def _applied_to(losses: Iterable[Any], moves: Any) -> dict[Any, set[Any]]:
    """Networks and densities whose last argument is one of a player's variables, with those variables."""
    found: dict[Any, set[Any]] = {}
    for part in (part for loss in losses for part in sp.preorder_traversal(loss)):
        net, given = _model_of(part), _given(part)
        if net is not None and given and given[-1] in moves:
            found.setdefault(net, set()).add(given[-1])
    return found


def _sources(argument: Any, models: _Models) -> set[Any]:
    """Random variables and models an argument is made of; what stands inside another model belongs to that model."""
    net = _model_of(argument)
    if net in models:
        return {net}
    if isinstance(argument, RandomVector | RandomScalar):
        return {argument}
    if (bare := models.bare(argument)) is not None:
        return {bare}
    return {source for part in getattr(argument, "args", ()) for source in _sources(part, models)}


def _outside_networks(expression: Any, models: _Models) -> set[Any]:
    """What a loss itself mentions: environment variables, and models beside others."""
    net = _model_of(expression)
    if net in models:
        return {net}
    if isinstance(expression, RandomVector | RandomScalar):
        return {expression}
    if (bare := models.bare(expression)) is not None:
        return {bare}
    return {source for part in _inside(expression) for source in _outside_networks(part, models)}


def _outermost(expression: Any) -> set[Any]:
    """Models whose output stands in the loss itself, not inside another network."""
    net = _model_of(expression)
    if net is not None:
        return {net}
    return {found for part in _inside(expression) for found in _outermost(part)}


def _inside(expression: Any) -> Any:
    averaged = type(expression).__name__.startswith(("Expectation", "Conditional"))
    return expression.args[:1] if averaged else getattr(expression, "args", ())


def _is_noise(source: Any) -> bool:
    law = getattr(source, "law", None)
    return isinstance(law, Normal | Uniform) or (isinstance(law, Density) and not law.parameters)


def _gradient_edges(game: Game, models: _Models) -> list[tuple[str, str]]:
    found: dict[tuple[str, str], None] = {}
    field = game.field()
    for model in models:
        player = models.owner[model]
        parts = (p for v in models.weights[model] for p in sp.preorder_traversal(field[v]))
        passing = [_model_of(getattr(part, "applied", None)) for part in parts]
        passing += [other for name, _ in game[player].through for other in models.of(name)]
        for other in passing:
            if other is not None and other in models and models.owner[other] != player:
                found[other.name, model.name] = None
    return list(found)
