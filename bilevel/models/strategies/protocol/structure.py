"""What strategies ask of a game: who judges and who acts, costs and players added, what the critic is shown.

Main definitions: `critic_of`, `actor_of`, `with_costs`, `with_followers`, `with_replies`, `samples_of`, `with_samples`,
`with_ratio`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.game import Game, Player, minimize
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.models.samples import ChangedGame, SampledGame, Samples
from bilevel.rules import along, catalogue, followed
from bilevel.rules.protocol.point import PerPlayer
from bilevel.rules.protocol.rule import Rule

CRITICS, ACTORS = ("discriminator", "critic", "upper"), ("generator", "actor", "lower", "controller")


def _role(game: Any, names: tuple[str, ...], role: str) -> str:
    found = [name for name in names if name in game.players]
    if not found:
        listed = ", ".join(game.players)
        raise GameError(f"which player is the {role}? it is called {' or '.join(names[:2])}; the players are {listed}")
    return found[0]


def critic_of(game: Any, name: str | None = None) -> str:
    """The player that judges: the one named, else the discriminator or critic."""
    return _named(game, name) if name else _role(game, CRITICS, "critic")


def actor_of(game: Any, name: str | None = None) -> str:
    """The player that acts: the one named, else the generator or actor."""
    return _named(game, name) if name else _role(game, ACTORS, "actor")


def _named(game: Any, name: str) -> str:
    if name not in game.players:
        raise GameError(f"there is no player {name!r}; the players are {', '.join(game.players)}")
    return name


def with_costs(game: Any, costs: Mapping[str, Any]) -> Any:
    """The game in which players also pay these costs (to be minimised, whatever their sense)."""
    wanted = {name: cost for name, cost in costs.items() if cost != 0}
    if isinstance(game, SampledGame):
        return game.changed(costs=wanted.items())
    players = {}
    for name, cost in wanted.items():
        player = game[name]
        loss = player.loss + cost if player.sense == "min" else player.loss - cost
        players[name] = replace(player, loss=loss)
    return game.with_players(**players)


def with_losses(game: Any, losses: Mapping[str, Any]) -> Game:
    """The game in which players minimise other losses; what the critic is shown is no longer known."""
    players = {name: Player(p.moves, losses.get(name, p.cost), "min", p.through) for name, p in game.players.items()}
    return ChangedGame(players, assuming=game.assuming, title=game.title, source=game.source)


def with_followers(
    game: Any, rule: Rule, name: str, aims: Mapping[Any, Any], rate: Any, **how: Any
) -> tuple[Any, Rule]:
    """A player beside the others whose variables go the fraction `rate` of the way to their aims with each step; `how`
    and when is as for the rule `followed`."""
    name = free_name(game, name)
    player = minimize(sum((copy - aim) ** 2 / 2 for copy, aim in aims.items()), *aims)
    if isinstance(game, SampledGame):
        game = game.changed(others=[(name, player)])
    else:
        players = {**game.players, name: player}
        game = ChangedGame(players, assuming=game.assuming, title=game.title, source=game.source)
    return game, followed(rule, rate, [name], **how)


def moves_before(rule: Rule, one: str, other: str, players: Any) -> bool:
    """Whether players step in turn, and one of them before the other."""
    arguments = dict(rule.parameters)
    if rule.name in ("followed", "delayed"):
        return moves_before(arguments["base"], one, other, players)
    turn = list(arguments.get("order") or players)
    return rule.name == "alternating" and turn.index(one) < turn.index(other)


def free_name(game: Any, stem: str) -> str:
    """A name no player has."""
    while stem in game.players:
        stem += "_"
    return stem


def copies(game: Any, variables: Any, stamp: str) -> dict[Any, Any]:
    """A symbol like each variable, called name_stamp."""
    taken = {str(s) for s in (*game.variables, *game.parameters)}
    while any(f"{v.name}_{stamp}" in taken for v in variables):
        stamp += "_"
    return {v: sp.Symbol(f"{v.name}_{stamp}", **v._assumptions_orig) for v in variables}


def with_replies(game: Any, player: str, replies: Mapping[str, Any]) -> Any:
    """The game in which a player differentiates through others' replies."""
    if isinstance(game, SampledGame):
        return game.changed(through=[(player, tuple(replies.items()))])
    mover = game[player]
    return game.with_players(**{player: replace(mover, through=tuple({**dict(mover.through), **replies}.items()))})


def samples_of(game: Any, name: str) -> Samples:
    """What the critic is shown; unknown where the game does not say it."""
    if not isinstance(game, SampledGame):
        raise UnknownAnswer(
            f"{name} acts on what the critic is shown, and this game gives its losses only",
            next_step="write it with gan_in_samples or sampled_game, and apply this strategy first",
        )
    return game.samples


def with_samples(game: SampledGame, samples: Samples) -> SampledGame:
    """The game of other samples."""
    return game.changed(samples)


def with_ratio(rule: Rule, ratios: Mapping[str, Any], players: Any) -> Rule:
    """The rule whose steps are multiplied player by player."""
    arguments = dict(rule.parameters)
    if rule.name == "followed":
        rest = [name for name in players if name not in arguments["followers"]]
        return catalogue()["followed"](**arguments | {"base": with_ratio(arguments["base"], ratios, rest)})
    if rule.name not in catalogue() or "step" not in arguments:
        raise UnknownAnswer(f"{rule.name} has no step to be scaled", next_step="use a rule with a step")
    step = arguments["step"]
    own = {n: (step[n] if isinstance(step, PerPlayer) else step) * ratios.get(n, sp.S.One) for n in players}
    return catalogue()[rule.name](**arguments | {"step": own})


def modified(rule: Rule, change: Rule) -> Rule:
    """The rule run along the field that another rule descends, followers left out of it."""
    if rule.name == "followed":
        arguments = dict(rule.parameters)
        return catalogue()["followed"](**arguments | {"base": modified(arguments["base"], change)})
    return along(rule, change)
