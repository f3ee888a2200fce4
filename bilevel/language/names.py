"""Names that a person may give to variables, parameters, players and functions.

Main definitions: `check_name`, `name_problem`, `memory_name`, `RESERVED`, `nearest`.

A name ends up in Python, JAX, LaTeX and HTML that we print, so its form is checked before anything is built from it.
"""

from __future__ import annotations

import difflib
import keyword
import re
import unicodedata
from collections.abc import Iterable

from bilevel.language.errors import GameError

__all__ = ["RESERVED", "check_name", "memory_name", "name_problem", "nearest"]

FUNCTION_NAMES = (
    *("sqrt", "exp", "log", "abs", "min", "max", "sin", "cos", "tan", "tanh", "sigmoid", "softplus"),
    *("sinh", "cosh", "asin", "acos", "atan", "asinh", "acosh", "atanh"),
    "stop_gradient",  # in losses
    *("erf", "erfc", "besselk", "lambertw", "sign", "heaviside"),  # in averages, solutions and slopes at kinks
)
COUNT_NAMES = ("roots_outside_circle", "roots_on_circle", "roots_right_of_axis", "roots_on_axis")
CONSTANT_NAMES = ("E", "I", "pi")
WORDS = ("true", "false", "and", "or", "not")
#: Names with a fixed meaning in every text.
RESERVED = frozenset(FUNCTION_NAMES + COUNT_NAMES + CONSTANT_NAMES + WORDS)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,30}")
_MEMORY = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,30})@([1-9][0-9]{0,3})")


def name_problem(name: object, *, memory: bool = False) -> str | None:
    """What is wrong with `name`, and what to try; None when it may be used (`memory`: also `x@1`)."""
    if not isinstance(name, str):
        return f"a name must be text, not {type(name).__name__}"
    shown = name if len(name) <= 40 else name[:40] + "..."
    remembered = _MEMORY.fullmatch(name) if memory else None
    if remembered:
        return name_problem(remembered[1])
    if not name.isascii():
        plain = "".join(spelled(character) for character in name)
        advice = f"; try {plain}" if _NAME.fullmatch(plain) else ""
        return f"the name {shown!a} has letters outside a-z, A-Z, 0-9 and _{advice}"
    if not _NAME.fullmatch(name):
        return f"{shown!r} is no name; write a letter first, then at most 30 letters, digits or _ (for example theta_1)"
    if keyword.iskeyword(name):
        return f"the name {name!r} is a keyword of Python; try {name}_"
    if name in RESERVED:
        return f"the name {name!r} has a fixed meaning here; try {name}_ or {name}0"
    return None


def check_name(name: str, *, memory: bool = False) -> str:
    """The name itself, when it may stand in a game and in every text and code we print.

    Math:
        A letter, then at most 30 letters, digits or underscores; no keyword of Python; none of `RESERVED`.
        With `memory`, also `x@k`: the value of x k steps ago, as rules with memory name it in their output.
    Raises:
        GameError: with what is wrong and what to try.
    Reference:
        Python's data model on identifiers; SymPy issue 24990 on names reaching `lambdify`.
    Examples:
        >>> check_name("theta_1")
        'theta_1'
        >>> check_name("lambda")
        Traceback (most recent call last):
        bilevel.language.errors.GameError: the name 'lambda' is a keyword of Python; try lambda_
    """
    problem = name_problem(name, memory=memory)
    if problem:
        raise GameError(problem)
    return name


def memory_name(name: str, steps: int = 1) -> str:
    """Name of the value that `name` had `steps` steps ago, as it is printed: `x@1`."""
    if steps < 1:
        raise GameError(f"a remembered value is at least 1 step old, not {steps}; try steps=1")
    return f"{check_name(name)}@{steps}"


def spelled(character: str) -> str:
    """A character in ASCII where there is an obvious spelling: Greek letters by name, NFKC forms, else itself."""
    plain = unicodedata.normalize("NFKC", character)
    if plain.isascii():
        return plain
    words = unicodedata.name(character, "").split()
    if words[:1] == ["GREEK"] and "LETTER" in words and len(words) == 4:
        return {"LAMDA": "LAMBDA"}.get(words[3], words[3]).capitalize() if words[1] == "CAPITAL" else words[3].lower()
    return character


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like `name`, or None when none does.

    Math:
        Fewest slips (see `slips`), capitals aside, then nearest in length; a name left off in the middle is one slip
        away. At most one slip on three letters, unless `difflib` finds the two alike.
    Reference:
        Damerau 1964, doi 10.1145/363958.363994: one slip is four misspellings out of five.
    Examples:
        >>> nearest("tahn", ["tan", "tanh"]), nearest("dirac", ["darts", "dirac_gan"]), nearest("zzz", ["gamma"])
        ('tanh', 'dirac_gan', None)
    """
    name = name[:40].lower()
    alike = {other: other.lower()[:40] for other in sorted(set(known))}
    cut = [other for other, low in alike.items() if len(name) > 2 and low.startswith(name)]
    ranks = {
        other: (min(slips(name, low), 1 if other in cut else 40), abs(len(low) - len(name)), other)
        for other, low in alike.items()
    }
    close = set(difflib.get_close_matches(name, alike.values(), n=len(alike) or 1, cutoff=0.6))
    near = [rank for other, rank in ranks.items() if 3 * rank[0] <= len(alike[other]) or alike[other] in close]
    return min(near)[-1] if near else None


def absent(module: str, name: str, known: Iterable[str]) -> AttributeError:
    """The error for a name that a module does not have: the nearest it has, or how to see them all.

    Math: see `nearest`.
    Reference: PEP 562, for modules that answer for their names themselves.
    Examples:
        >>> absent("bilevel.rules", "extragradent", ["extragradient", "flow"])
        AttributeError("module 'bilevel.rules' has no attribute 'extragradent'; did you mean 'extragradient'?")
    """
    near = nearest(name, known)
    hint = f"did you mean {near!r}?" if near else f"dir({module}) lists what there is"
    return AttributeError(f"module {module!r} has no attribute {name!r}; {hint}")


def slips(left: str, right: str) -> int:
    """How many slips of the pen lie between two words.

    Math:
        Damerau-Levenshtein distance (optimal string alignment): letters left out, put in, replaced, and neighbours
        exchanged count one each.
    Reference:
        Damerau 1964, doi 10.1145/363958.363994; Levenshtein 1966, Soviet Physics Doklady 10, 707.
    Examples:
        >>> slips("tahn", "tanh"), slips("gama", "gamma"), slips("", "psi")
        (1, 1, 3)
    """
    before: list[int] = []
    above, row = before, list(range(len(right) + 1))
    for i, letter in enumerate(left):
        before, above, row = above, row, [i + 1]
        for j, other in enumerate(right):
            row.append(min(above[j] + (letter != other), above[j + 1] + 1, row[j] + 1))
            if i and j and (letter, left[i - 1]) == (right[j - 1], other) and letter != other:
                row[-1] = min(row[-1], before[j - 1] + 1)
    return row[-1]
