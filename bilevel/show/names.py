"""Names as mathematicians write them: `theta_t` is the letter theta with a subscript t.

Main definitions: `Name` (letter, subscripts, superscripts, accent), `read_name`, `name_text`, `name_mathtext`.
Notation: `_` opens a subscript, `__` a superscript; the words hat, bar, tilde, dot are accents, star and prime are
superscripts; digits at the end of a letter are a subscript; `x@1` is the iterate of x one step ago.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

GREEK: dict[str, str] = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "lamda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ",
    "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ",
    "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Lamda": "Λ", "Xi": "Ξ", "Pi": "Π",
    "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
_ACCENT = {"hat": "^", "bar": "¯", "tilde": "~", "dot": "˙"}
_RAISED = {"star": "∗", "prime": "′", "plus": "+", "minus": "−"}


@dataclass(frozen=True)
class Name:
    """A name taken apart: its letter (Greek already), subscripts, superscripts and accent."""

    letter: str
    subscripts: tuple[str, ...] = ()
    superscripts: tuple[str, ...] = ()
    accent: str = ""


def letter(word: str) -> str:
    """The Greek letter a word names, else the word itself."""
    return GREEK.get(word, word)


def read_name(text: str) -> Name:
    """Take a name apart into letter, subscripts, superscripts and accent; never fails, any text is a name.

    Math:       theta_t -> θ with subscript t; D_star -> D with superscript ∗; x@1 -> x with superscript (−1)
    Reference:  SymPy (2023), module sympy.printing.conventions (split_super_sub)
    Examples:
        >>> read_name("theta_t")
        Name(letter='θ', subscripts=('t',), superscripts=(), accent='')
        >>> read_name("x_bar_12").accent
        '¯'
    """
    text, at, lag = text.partition("@")
    stem = text.rstrip("'")
    raised = ["′"] * (len(text) - len(stem))
    pieces = re.split("(__?)", stem)
    base, lowered, accent = pieces[0], [], ""
    if match := re.fullmatch(r"([A-Za-z]+)([0-9]+)", base):
        base, lowered = match[1], [match[2]]
    for mark, word in zip(pieces[1::2], pieces[2::2], strict=True):
        if word in _ACCENT and not accent:
            accent = _ACCENT[word]
        elif word in _RAISED:
            raised.append(_RAISED[word])
        elif word:
            (raised if mark == "__" else lowered).append(letter(word))
    if at:
        raised.append(f"(−{lag})")
    return Name(letter(base) or "?", tuple(lowered), tuple(raised), accent)


def name_text(text: str) -> str:
    """A name in plain Unicode, for titles and alternative texts.

    Math:       theta_t -> θ_t
    Reference:  The Unicode Consortium (2022), block Greek and Coptic
    Examples:
        >>> name_text("theta_t"), name_text("D_star")
        ('θ_t', 'D∗')
    """
    name = read_name(text)
    mark = {"^": "\u0302", "¯": "\u0304", "~": "\u0303", "˙": "\u0307"}.get(name.accent, "")
    return name.letter + mark + "".join(name.superscripts) + "".join("_" + part for part in name.subscripts)


def name_mathtext(text: str) -> str:
    """A name for matplotlib: set as mathematics if it is a plain identifier, else as literal text.

    Math:       theta_t -> $θ_{t}$; a dollar sign in a hostile name stays a dollar sign
    Reference:  Hunter (2007), doi:10.1109/MCSE.2007.55 (mathtext)
    Examples:
        >>> name_mathtext("theta_t")
        '$θ_{\\\\mathrm{t}}$'
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,30}(@[0-9]+)?'*", text):
        return text.replace("$", r"\$")
    name = read_name(text)
    base = name.letter if len(name.letter) == 1 else rf"\mathrm{{{name.letter}}}"
    accent = {"^": r"\hat", "¯": r"\bar", "~": r"\tilde", "˙": r"\dot"}.get(name.accent)
    base = f"{accent}{{{base}}}" if accent else base
    lowered = "_{" + ",".join(rf"\mathrm{{{part}}}" for part in name.subscripts) + "}" if name.subscripts else ""
    raised = "^{" + "".join(name.superscripts) + "}" if name.superscripts else ""
    return f"${base}{lowered}{raised}$"
