"""The names of a problem file and what they mean: parameters, moved variables, functions, random variables.

Main definitions: `Scope`, `read_scope`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NoReturn

import sympy as sp

from bilevel.app.source import Source, advice, describe
from bilevel.language.coordinate_laws import Law, read_law
from bilevel.language.errors import ReadError
from bilevel.language.known_function import known_function
from bilevel.language.mean import mean
from bilevel.language.names import check_name
from bilevel.language.nodes import stop_gradient
from bilevel.language.reader import read, read_assumptions, read_function, read_value

Path = tuple[str | int, ...]

_NO_LAWS = (
    'E(...) averages over random variables, and the file has none; declare one under [random], x = "normal(0, 1)"'
)


@dataclass
class Scope:
    """What the names of one file mean while it is read."""

    source: Source
    parameters: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    functions: dict[str, Any] = field(default_factory=dict)
    laws: dict[Any, Law] = field(default_factory=dict)
    assuming: list[Any] = field(default_factory=list)
    domain: list[Any] = field(default_factory=list)
    used: set[Any] = field(default_factory=set)

    def declare(self, name: str, *path: str | int, key: bool = True) -> None:
        """Check a new name: well formed, and not taken."""
        self.source.read(path, check_name, name, key=key)
        taken = {**self.parameters, **self.variables, **self.functions, **{s.name: s for s in self.laws}}
        if name in taken:
            self.source.fail(f"the name {name!r} is declared twice; rename one of them", *path, key=key)

    def constants(self) -> dict[str, Any]:
        """Parameters by name, those with a value by their value."""
        return {name: self.values.get(name, symbol) for name, symbol in self.parameters.items()}

    def expression(
        self, path: Path, value: Any, *, moving: bool = True, random: bool = False, loss: bool = False, shift: int = 0
    ) -> Any:
        """A number or text as an expression; `moving`: variables may stand in it, `random`: E(...) may, `loss`:
        stop_gradient(...) too, whose value nobody differentiates."""
        if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
            self.source.fail(f"a number or an expression in quotation marks was expected, not {describe(value)}", *path)
        if isinstance(value, Decimal) and not value.is_finite():
            self.source.fail(f"{value} is no number here; write a finite one", *path)
        names = {**self.constants(), **(self.variables if moving else {})}
        functions = dict(self.functions)
        if random:
            names |= {s.name: s for s in self.laws}
            functions["E"] = lambda body: mean(body, self.laws) if self.laws else _refused(_NO_LAWS)
        if loss:
            functions["stop_gradient"] = stop_gradient
        found = self.source.read(path, read_value, value, names, functions=functions, shift=shift)
        if not isinstance(found, sp.Expr):
            self.source.fail("an expression was expected, this is a condition; remove the comparison", *path)
        if loose := found.free_symbols & self.laws.keys():
            some = min(map(str, loose))
            self.source.fail(f"the random variable {some} stands outside E(...); average it, as in E({some}^2)", *path)
        self.used |= found.free_symbols
        return found

    def condition(self, path: Path, text: Any) -> Any:
        """Text as an inequality in the parameters (those with values substituted)."""
        found = self.source.read(path, read, self.source.word(path, text), self.constants(), dict(self.functions))
        if isinstance(found, sp.Expr):
            self.source.fail('an inequality was expected, for example "gamma < 4"', *path)
        self.used |= found.free_symbols
        return found


def read_parameters(scope: Scope, table: Any, given: Mapping[str, Any], values: Any) -> None:
    """[parameters] and [values] (and the values given from outside)."""
    source = scope.source
    bounds: list[tuple[str, Any]] = []
    waiting = dict(source.table(("parameters",), table))
    while waiting:
        problem: ReadError | None = None
        for name in list(waiting):
            path = ("parameters", name)
            text = source.word(path, waiting[name])
            try:
                keywords, found = source.read(path, read_assumptions, text or "real", scope.parameters)
            except ReadError as stop:
                problem = problem or stop
                continue
            scope.declare(name, *path)
            scope.parameters[name] = sp.Symbol(name, **keywords)
            bounds += [(name, bound) for bound in found]
            del waiting[name]
            break
        else:
            if problem is not None:
                raise problem
    _values(scope, values, given)
    for name, bound in bounds:
        fact = bound(scope.parameters[name]).subs(scope_values(scope))
        if fact == sp.false:
            _contradiction(scope, name, given)
        if fact != sp.true and fact.free_symbols:
            scope.assuming.append(fact)


def scope_values(scope: Scope) -> dict[Any, Any]:
    """Symbols of the parameters that have a value, with it."""
    return {scope.parameters[name]: value for name, value in scope.values.items()}


def _values(scope: Scope, table: Any, given: Mapping[str, Any]) -> None:
    source = scope.source
    names = scope.parameters
    found: dict[str, Any] = {}
    for name, value in source.table(("values",), table).items():
        if name not in names:
            source.fail(f"{name!r} has a value but is no parameter; {advice(name, names)}", "values", name, key=True)
        if name not in given:
            found[name] = scope.expression(("values", name), value, moving=False)
    for name, value in given.items():
        if name not in names:
            raise ReadError(f"there is no parameter {name!r} to set; {advice(name, names)}", file="--set")
        found[name] = read_set(name, value, names)
    fixed = {names[name]: value for name, value in found.items()}
    for _ in fixed:
        fixed = {symbol: value.subs(fixed) for symbol, value in fixed.items()}
    for symbol, value in fixed.items():
        if value.free_symbols & fixed.keys():
            source.fail(f"the value of {symbol} leads back to itself; give it a number", "values", symbol.name)
        scope.values[symbol.name] = value
        if not fits(symbol, value):
            _contradiction(scope, symbol.name, given)


def read_set(name: str, value: Any, names: Mapping[str, Any]) -> Any:
    """A value given from outside (`--set name=value`)."""
    try:
        found = read_value(value, names)
    except ReadError as problem:
        raise ReadError(problem.message, line=problem.line, column=problem.column, file=f"--set {name}") from None
    if not isinstance(found, sp.Expr):
        raise ReadError(f"{name} is set to a condition; give a number or an expression", file=f"--set {name}")
    return found


def fits(symbol: Any, value: Any) -> bool:
    """Whether a value can be what the symbol's assumptions say (False only when it cannot)."""
    return not any(
        getattr(value, f"is_{word}") is (not wanted)
        for word, wanted in symbol._assumptions_orig.items()
        if wanted is not None and hasattr(value, f"is_{word}")
    )


def _contradiction(scope: Scope, name: str, given: Mapping[str, Any]) -> None:
    message = f"{name} = {scope.values.get(name, name)} contradicts what is assumed of {name}; change one of the two"
    if name in given:
        raise ReadError(message, file=f"--set {name}")
    scope.source.fail(message, "values", name)


def read_variables(scope: Scope, moved: list[tuple[str, Path]], domains: Mapping[str, tuple[Path, Any]]) -> None:
    """The moved variables: real, further restricted by their domain."""
    source = scope.source
    for name, (path, _) in domains.items():
        if name not in {moved_name for moved_name, _ in moved}:
            source.fail(
                f"a domain is given for {name!r}, which nobody moves; {advice(name, [n for n, _ in moved])}",
                *path,
                key=True,
            )
    for name, path in moved:
        scope.declare(name, *path, key=False)
        keywords: dict[str, bool] = {"real": True}
        bounds: tuple[Any, ...] = ()
        if name in domains:
            place, text = domains[name]
            word = source.word(place, text)
            keywords, bounds = source.read(place, read_assumptions, word, scope.constants())
        scope.variables[name] = sp.Symbol(name, **keywords)
        facts = [bound(scope.variables[name]) for bound in bounds]
        scope.domain += [fact for fact in facts if fact != sp.true]


def read_functions(scope: Scope, table: Any) -> None:
    """[functions]: texts like "t -> t^2", or tables of values at points; a function may use the ones before it."""
    source = scope.source
    waiting = dict(source.table(("functions",), table))
    while waiting:
        name, value = next(iter(waiting.items()))
        path = ("functions", name)
        if isinstance(value, str):
            names = {**scope.constants(), **scope.variables}
            below = {other: _not_yet(name, other) for other in waiting}
            found = source.read(path, read_function, value, names, {**below, **scope.functions})
        elif isinstance(value, dict | list):
            found = _known(scope, name, path, value if isinstance(value, list) else [value], isinstance(value, list))
        else:
            source.fail('a function is text such as "t -> t^2", or a table of its values at points', *path)
        scope.declare(name, *path)
        scope.functions[name] = found
        del waiting[name]


def _not_yet(name: str, other: str) -> Callable[..., Any]:
    """A function that may not stand in another's definition, because it is that one or comes after it."""
    why = "leads back to itself; write it without" if other == name else f"stands below {name}; move it above"
    return lambda *_: _refused(f"the function {other} {why}")


def _refused(message: str) -> NoReturn:
    raise ReadError(message)


def _known(scope: Scope, name: str, path: Path, tables: list[Any], many: bool) -> Any:
    source = scope.source
    points: dict[Any, tuple[Any, ...]] = {}
    for index, table in enumerate(tables):
        here = (*path, index) if many else path
        source.table(
            here, table, ("argument", "at", "value", "derivatives"), "a table { argument, at, value, derivatives }"
        )
        if "at" not in table or "value" not in table:
            source.fail(
                'at and value are needed: { argument = "t", at = 0, value = "g0", derivatives = ["g1"] }', *here
            )
        if "argument" in table:
            source.word((*here, "argument"), table["argument"])
        place = scope.expression((*here, "at"), table["at"], moving=False)
        slopes = table.get("derivatives", [])
        if not isinstance(slopes, list):
            source.fail('derivatives must be a list, for example ["g1", "g2"]', *here, "derivatives")
        given = [scope.expression((*here, "value"), table["value"], moving=False)]
        given += [scope.expression((*here, "derivatives", k), slope, moving=False) for k, slope in enumerate(slopes)]
        if place in points:
            source.fail(f"the point {place} is given twice; join the two tables", *here)
        points[place] = tuple(given)
    if not points:
        source.fail("a list of known points must not be empty", *path)
    return source.read(path, known_function, name, tuple(points.items()), key=True)


def read_random(scope: Scope, table: Any) -> None:
    """[random]: independent random variables and their laws."""
    source = scope.source
    found: dict[Any, Law] = {}
    names = {**scope.constants(), **scope.variables}
    for name, value in source.table(("random",), table).items():
        path = ("random", name)
        scope.declare(name, *path)
        if isinstance(value, dict):
            _law_table(source, path, value)
        elif not isinstance(value, str):
            source.fail('a law is text such as "normal(0, 1)", or a table of values and probabilities', *path)
        law = source.read(path, read_law, value, names)
        scope.used |= sp.Tuple(*vars(law).values()).free_symbols
        found[sp.Symbol(name, real=True)] = law
    scope.laws.update(found)


def _law_table(source: Source, path: Path, table: dict[str, Any]) -> None:
    source.table(path, table, ("values", "probabilities"))
    for entry in ("values", "probabilities"):
        if not isinstance(table.get(entry), list):
            source.fail('a finite law has two lists: { values = [0, 1], probabilities = ["p", "1 - p"] }', *path)
