"""Games: named players, what each moves, which loss each minimises or maximises, who differentiates through whom.

Main definitions: `Game`, `Player`, `minimize`, `maximize`.

Notation: player i moves x_i and descends its cost c_i (the loss, or minus the loss of a maximiser). The game's field is
F = (d c_1/d x_1, ..., d c_n/d x_n); the gradient flow is z' = -F(z). What stands in `through` decides which derivative
d is. Variables are SymPy symbols (coordinate level) or model-level vectors of unspecified dimension; a game uses either
or both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import sympy as sp

from bilevel.language import calculus
from bilevel.language.errors import GameError
from bilevel.language.names import check_name
from bilevel.language.values import conjuncts, expression
from bilevel.response import settled_gradient

Variable: TypeAlias = sp.Symbol | sp.MatrixSymbol
Sense: TypeAlias = Literal["min", "max"]


@dataclass(frozen=True)
class Player:
    """One player: what it `moves`, its `loss`, whether it minimises or maximises it, and whose replies it sees.

    Math: the player descends `cost` = loss (sense "min") or -loss (sense "max") in its own variables; `through` maps
        other players' names to the way this player differentiates through their replies (see `bilevel.response`).

    Reference: von Stackelberg (1934) for leaders and followers; Foerster et al. (2018), arXiv:1709.04326, for one-step
        replies.

    Examples:
        >>> import sympy as sp
        >>> x = sp.Symbol("x", real=True)
        >>> maximize(-x**2, x).cost
        x**2
    """

    moves: tuple[Variable, ...]
    loss: sp.Expr
    sense: Sense = "min"
    through: tuple[tuple[str, Any], ...] = ()

    @property
    def cost(self) -> sp.Expr:
        """The function this player descends."""
        return self.loss if self.sense == "min" else -self.loss


def _player(loss: Any, moves: tuple[Any, ...], sense: Sense, through: Mapping[Any, Any] | None) -> Player:
    moved = tuple(variable for move in moves for variable in (move if isinstance(move, list | tuple) else (move,)))
    if not moved:
        raise GameError("a player must move something; give the variables after the loss, as in minimize(loss, x)")
    for variable in moved:
        if not isinstance(variable, sp.Symbol | sp.MatrixSymbol):
            raise GameError(f"a player moves symbols or vectors; got {variable!r} of type {type(variable).__name__}")
    if isinstance(loss, str):
        raise GameError(f"a loss is an expression, not text: {loss!r}; read text with bilevel.language.read first")
    return Player(
        moved, expression(loss, "a loss"), sense, tuple((str(key), how) for key, how in (through or {}).items())
    )


def minimize(loss: Any, *moves: Any, through: Mapping[Any, Any] | None = None) -> Player:
    """A player that minimises `loss` over the variables it moves.

    Math: the player descends c = loss.

    Raises: GameError if nothing is moved, if something moved is no symbol, or if the loss is text.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, equations 1 and 2.

    Examples:
        >>> import sympy as sp
        >>> x, y = sp.symbols("x y", real=True)
        >>> minimize(x*y, x).moves
        (x,)
    """
    return _player(loss, moves, "min", through)


def maximize(loss: Any, *moves: Any, through: Mapping[Any, Any] | None = None) -> Player:
    """A player that maximises `loss` over the variables it moves.

    Math: the player descends c = -loss.

    Raises: GameError if nothing is moved, if something moved is no symbol, or if the loss is text.

    Reference: Goodfellow et al. (2014), arXiv:1406.2661, equation 1.

    Examples:
        >>> import sympy as sp
        >>> x, y = sp.symbols("x y", real=True)
        >>> maximize(x*y, y).cost
        -x*y
    """
    return _player(loss, moves, "max", through)


@dataclass(frozen=True, init=False)
class Game:
    """A game: named players in order, and further inequalities the parameters satisfy.

    `points` may name equilibria that are known by theory; they are tested before they are used.

    Math: F_i(z) = d c_i/d x_i, by the chain rule through the replies each player declares; the Jacobian is dF/dz, its
        symmetric part S = (J + J^T)/2 and antisymmetric part A = (J - J^T)/2.

    Shapes: a game of n scalar variables has an n x n Jacobian; model-level vectors give blocks of symbolic shape.

    Raises: GameError if two players move one variable, if a reply leads to no player, or if replies run in a circle.

    Reference: Balduzzi et al. (2018), arXiv:1802.05642, for the decomposition of a game's Jacobian.

    Examples:
        >>> import sympy as sp
        >>> x, y = sp.symbols("x y", real=True)
        >>> game = Game(x_player=minimize(x*y, x), y_player=maximize(x*y, y))
        >>> game.field()
        {x: y, y: -x}
        >>> game.jacobian()
        Matrix([
        [ 0, 1],
        [-1, 0]])
    """

    players: Mapping[str, Player]
    assuming: tuple[sp.Basic, ...] = ()
    title: str = ""
    source: str = field(default="", compare=False)
    points: tuple[Mapping[Any, Any], ...] = field(default=(), compare=False)

    def __init__(
        self,
        players: Mapping[str, Player] | None = None,
        /,
        *,
        assuming: Iterable[Any] = (),
        title: str = "",
        source: str = "",
        points: Iterable[Mapping[Any, Any]] = (),
        **named: Player,
    ) -> None:
        chosen = {**(players or {}), **named}
        for name, player in chosen.items():
            check_name(name)
            if not isinstance(player, Player):
                raise GameError(
                    f"player {name!r} must come from minimize(...) or maximize(...); got {type(player).__name__}"
                )
        object.__setattr__(self, "players", _resolve(chosen))
        object.__setattr__(self, "assuming", tuple(expression(condition, "an assumption") for condition in assuming))
        object.__setattr__(self, "title", title)
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "points", tuple(points))
        self._check_variables()

    def __hash__(self) -> int:
        return hash((tuple(self.players.items()), self.assuming))

    def _check_variables(self) -> None:
        owners: dict[Variable, str] = {}
        for name, player in self.players.items():
            for variable in player.moves:
                if variable in owners:
                    raise GameError(
                        f"both {owners[variable]!r} and {name!r} move {variable}; each variable has one owner: "
                        "make one player of what shares it, whose loss is the sum, with stop_gradient(...) around what "
                        "a part does not learn from"
                    )
                owners[variable] = name
        names = [str(variable) for variable in owners]
        for name in names:
            if names.count(name) > 1:
                raise GameError(f"two different variables are called {name!r}; rename one of them")
        for name, player in self.players.items():
            if not set(player.moves) & _free(player.loss) and not player.through:
                others = sorted({owners[v] for v in _free(player.loss) if v in owners})
                how = [f"or say through whom it acts, through={{{other!r}: best_response()}}" for other in others[:1]]
                raise GameError(
                    f"player {name!r} moves {_listed(player.moves)}, but its loss depends only on "
                    f"{_listed(player.loss.free_symbols)}; add {player.moves[0]} to the loss, "
                    + ", ".join(["let another player move it", *how] if how else ["or let another player move it"])
                )

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """Every moved variable, player by player."""
        return tuple(variable for player in self.players.values() for variable in player.moves)

    @cached_property
    def owner(self) -> dict[Variable, str]:
        """The player that moves each variable."""
        return {variable: name for name, player in self.players.items() for variable in player.moves}

    @cached_property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """Scalar symbols of the losses (and of steps inside replies) that nobody moves, by name."""
        terms = [player.loss for player in self.players.values()]
        terms += [how.step for player in self.players.values() for _, how in player.through if hasattr(how, "step")]
        free = {symbol for term in terms for symbol in term.free_symbols}
        scalars = {s for s in free if isinstance(s, sp.Symbol) and not isinstance(s, sp.Dummy)} - set(self.variables)
        return tuple(sorted(scalars, key=str))

    @cached_property
    def is_coordinate(self) -> bool:
        """Whether every variable is a scalar symbol."""
        return all(isinstance(variable, sp.Symbol) for variable in self.variables)

    def cost(self, player: str) -> sp.Expr:
        """The function the named player descends."""
        return self[player].cost

    def __getitem__(self, player: str) -> Player:
        if player not in self.players:
            raise GameError(f"there is no player {player!r}; the players are {_listed(self.players)}")
        return self.players[player]

    def gradient(self, *, of: str, wrt: str | Iterable[Variable] | None = None) -> dict[Variable, Any]:
        """Partial derivative of one player's cost in any variables (default: its own), everything else held fixed."""
        wanted = self[of].moves if wrt is None else self[wrt].moves if isinstance(wrt, str) else tuple(wrt)
        return {variable: calculus.released(calculus.derivative(self.cost(of), variable)) for variable in wanted}

    def field(self) -> dict[Variable, Any]:
        """F: for each variable the derivative of its owner's cost, through the replies that player declares."""
        return dict(self._field)

    @cached_property
    def _field(self) -> dict[Variable, Any]:
        # A stopped gradient has done its work once the gradient is taken: the field's own Jacobian sees its value.
        gradients = (settled_gradient(self, name) for name in self.players)
        return {variable: value for gradient in gradients for variable, value in gradient.items()}

    def jacobian(self, *, of: str | None = None, wrt: str | None = None) -> Any:
        """dF/dz, whole (coordinate level) or the block of one player's row and another's column."""
        rows = self.variables if of is None else self[of].moves
        columns = self.variables if wrt is None else self[wrt].moves
        blocks = [[calculus.jacobian(self._field[row], column) for column in columns] for row in rows]
        if all(isinstance(v, sp.Symbol) for v in (*rows, *columns)):
            return sp.ImmutableMatrix(blocks)
        return blocks[0][0] if len(rows) == len(columns) == 1 else sp.BlockMatrix(blocks)

    def symmetric_part(self) -> sp.Matrix:
        """(J + J^T)/2 of the field's Jacobian."""
        return (self.jacobian() + self.jacobian().T) / 2

    def antisymmetric_part(self) -> sp.Matrix:
        """(J - J^T)/2 of the field's Jacobian."""
        return (self.jacobian() - self.jacobian().T) / 2

    def with_players(self, **changed: Player) -> Game:
        """The same game with some players replaced or added."""
        return self._again({**self.players, **changed})

    def map_losses(self, change: Any) -> Game:
        """The same players with every loss passed through `change` (an expression to an expression)."""
        players = {n: Player(p.moves, change(p.loss), p.sense, p.through) for n, p in self.players.items()}
        return self._again(players)

    def under(self, *facts: Any) -> Game:
        """The same game under further assumptions."""
        more = conjuncts(facts)
        return self._again(self.players, more) if more else self

    def _again(self, players: Mapping[str, Player], more: tuple[Any, ...] = ()) -> Game:
        facts = (*self.assuming, *more)
        return Game(players, assuming=facts, title=self.title, source=self.source, points=self.points)

    def __str__(self) -> str:
        lines = [self.title] if self.title else []
        for name, player in self.players.items():
            replies = "".join(f", through {other}: {how}" for other, how in player.through)
            lines.append(f"{name} moves {_listed(player.moves)} to {player.sense}imize {player.loss}{replies}")
        return "\n".join(lines)


def _free(loss: Any) -> frozenset[Any]:
    """What a loss depends on, also through the laws of the random variables it averages over."""
    if not calculus.is_model_level(loss):
        return frozenset(loss.free_symbols)
    from bilevel.language.scope import free_variables

    return free_variables(loss)


def _listed(things: Iterable[Any]) -> str:
    return ", ".join(sorted(map(str, things))) or "nothing"


def _resolve(players: Mapping[str, Player]) -> dict[str, Player]:
    """Replies are written through players or their variables: name the player in both cases."""
    owners = {str(variable): name for name, player in players.items() for variable in player.moves}
    resolved = {}
    for name, player in players.items():
        through: dict[str, Any] = {}
        for key, how in player.through:
            other = key if key in players else owners.get(key)
            if other is None or other == name:
                wrong = "itself" if other == name else f"{key!r}, which is no player and no moved variable"
                raise GameError(
                    f"player {name!r} differentiates through {wrong}; choose among {_listed(set(players) - {name})}"
                )
            if through.setdefault(other, how) != how:
                raise GameError(
                    f"player {name!r} differentiates through {other!r} in two ways: {through[other]} and {how}"
                )
        resolved[name] = Player(player.moves, player.loss, player.sense, tuple(through.items()))
    return resolved
