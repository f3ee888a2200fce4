"""How an update is printed: text, LaTeX as papers print it, Python source.

Main definitions: `text_lines`, `latex_block`, `python_source`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.language import calculus
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.mean import Mean
from bilevel.language.names import check_name
from bilevel.language.source import SourcePrinter


def _named(variable: Any, name: str) -> Any:
    """A printing-only symbol of the variable's kind."""
    if isinstance(variable, sp.Symbol):
        return sp.Symbol(name, **variable._assumptions_orig)
    return variable.func(name, *variable.args[1:])


def _text_stamp(variable: Any, when: str) -> Any:
    shown = {"now": variable.name, "next": f"{variable.name}[t+1]", "rate": f"d{variable.name}/dt"}
    return _named(variable, shown.get(when, f"{variable.name}_{when}"))


def abbreviated(value: Any, points: Any) -> Any:
    """A value with the points that unrolling passes (see `reply_points`) under their names, the last one first."""
    for name, _, whole in reversed(points):
        value = value.xreplace({whole: name})
    return value


def text_lines(update: Any) -> list[str]:
    """Each equation on a line: `x[t+1] = x - h*y`, or `0 = ...` where the next value solves it."""
    lines = []
    for left, right in update.lines(_text_stamp):
        if _solves(left, right, {left.name.removesuffix("[t+1]"), left.name.rpartition("_")[0]}):
            lines.append(f"0 = {left - right}")
            continue
        lines.append(f"{left.name} = {leading(left.name, right)}")
    return lines


def _solves(left: Any, right: Any, before: set[str]) -> bool:
    """Whether a line is an equation for the next value, rather than the value before and what is added to it."""
    here = {str(part) for part in right.args} - {left.name}
    return isinstance(right, sp.Expr) and left in right.free_symbols and not here & before


def leading(name: str, right: Any) -> str:
    """A right side that begins with the variable itself."""
    # x - h*y reads as an update; SymPy's own order would give -h*y + x.
    here = {str(part) for part in getattr(right, "args", ())}
    own = name.removesuffix("[t+1]")
    stem = own.rpartition("_")[0]
    earlier = sorted(part for part in here if part.startswith(f"{stem}_") and part.isidentifier())
    base = own if own in here else stem if stem in here or not earlier else earlier[0]
    if isinstance(right, sp.MatrixExpr):
        return _vector_line(base, right)
    if isinstance(right, sp.Add):
        order = lambda term: (str(term) != base, term.could_extract_minus_sign(), term.sort_key())
        terms = sorted(right.args, key=order)
        first, *rest = map(str, terms)
        return first + "".join(f" - {term[1:]}" if term.startswith("-") else f" + {term}" for term in rest)
    return str(right)


def _vector_line(base: str, right: Any) -> str:
    """A sum of vectors, the variable itself first and no summand with a bracketed sign: `phi - h*(...)`."""
    whole = calculus.pushed_transposes(right)
    parts = whole.args if isinstance(whole, sp.MatAdd) else (whole,)
    found = [(str(part) != base, *_signed(part)) for part in parts]
    text = ""
    for _, minus, piece in sorted(found, key=lambda entry: entry[0]):
        joint = ("-" if minus else "") if not text else (" - " if minus else " + ")
        text += joint + piece
    return text


def _signed(term: Any) -> tuple[bool, str]:
    """Whether a vector carries a minus sign, and its text without it."""
    from bilevel.language.latex import plain

    coefficient, factors = term.as_coeff_matrices() if isinstance(term, sp.MatMul) else (sp.S.One, [term])
    if calculus.is_model_level(coefficient):
        text = plain(term)
        return text.startswith("-"), text.removeprefix("-")
    minus = coefficient.could_extract_minus_sign()
    size = -coefficient if minus else coefficient
    body = plain(factors[0]) if len(factors) == 1 else plain(sp.MatMul(*factors))
    if len(factors) == 1 and isinstance(factors[0], sp.MatAdd) and (size != 1 or minus):
        body = f"({body})"
    weight = f"({size})" if isinstance(size, sp.Add) else str(size)
    return minus, body if size == 1 else f"{weight}*{body}"


def _latex_stamp(variable: Any, when: str) -> Any:
    base = sp.latex(sp.Symbol(variable.name))
    below = {"now": "t", "next": "t+1", "rate": "t", "previous": "t-1"}.get(when, f"({when})")
    stem, _, index = base.partition("_")
    index = index.strip("{}")
    return _named(variable, f"{stem}_{{{index + ',' if index else ''}{below}}}")


def latex_block(update: Any) -> str:
    """An aligned block: one line an equation, variables stamped with the time."""
    from bilevel.language import latex

    rows = []
    for left, right in update.lines(_latex_stamp):
        if _solves(left, right, {left.name.rpartition(mark)[0] + "t}" for mark in ("t+1}", "(")}):
            rows.append(f"0 &= {_latex_update('', left - right, latex)}")
            continue
        name = rf"\frac{{d}}{{dt}} {left.name}" if update.continuous and "(" not in left.name else left.name
        rows.append(rf"{name} &= {_latex_update(left.name, right, latex)}")
    return r"\begin{aligned}" + "\n" + " \\\\\n".join(rows) + "\n" + r"\end{aligned}"


def _latex_update(name: str, right: Any, latex: Any) -> str:
    stem = name.split("_{")[0]
    if isinstance(right, sp.Add | sp.MatAdd):
        first = [term for term in right.args if getattr(term, "name", "").startswith(stem + "_{")]
        rest = [term for term in right.args if term not in first]
        if first and rest:
            tail = latex(calculus.pushed_transposes(right.func(*rest)))
            joint, tail = (" - ", tail[1:].lstrip()) if tail.startswith("-") else (" + ", tail)
            return str(latex(right.func(*first)) + joint + tail)
    return str(latex(calculus.pushed_transposes(right)))


def python_source(update: Any, name: str = "step") -> str:
    """A function of the variables, the memory and the parameters that returns the next values as a tuple."""
    check_name(name)
    if not update.game.is_coordinate:
        raise GameError("Python source needs scalar variables; instantiate the model-level game first")
    if any(line.implicit for line in update.assignments):
        raise GameError(f"{update.rule.name} is an implicit rule; its step is no list of assignments")
    if any(line.has(Mean) for line in (*(a.value for a in update.assignments), *update.after.values())):
        raise UnknownAnswer(
            "an average E(...) of the update has no closed form to be written as Python",
            next_step="choose laws with finitely many values, or use bilevel.numeric",
        )
    printer = SourcePrinter()
    memory = list(update.remembered.values())
    results = [*update.after.values(), *(value for part in update.memory_after.values() for value in part.values())]
    used = {s for e in [*results, *(line.value for line in update.assignments)] for s in e.free_symbols}
    inner = {line.target for line in update.assignments}
    parameters = sorted(used - inner - set(update.game.variables) - set(memory), key=str)
    arguments = ", ".join(check_name(s.name) for s in (*update.game.variables, *memory))
    keywords = "".join(f", {check_name(s.name)}" for s in parameters)
    body = [f"    {line.target.name} = {printer.formula(line.value)}" for line in update.assignments]
    body.append(f"    return ({', '.join(printer.formula(value) for value in results)},)")
    starred = f", *{keywords}" if keywords else ""
    return "\n".join(["import math", "", "", f"def {name}({arguments}{starred}):", *body, ""])
