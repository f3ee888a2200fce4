"""Certificates: claims as small JSON data, checked again by exact arithmetic without SymPy.

Main definitions: `check`, `check_text`, `Result`, `CertificateError`; builders of trees in `bilevel.certificate.trees`.

Expressions are trees: a symbol `"x"`, a rational `"3/7"` (always a string), or a list
    `["+", a, b, ...]  ["*", a, b, ...]  ["-", a]  ["-", a, b]  ["/", a, b]  ["^", a, 3]  ["^", a, b]` (a > 0)
    `["exp", a]  ["log", a]  ["sqrt", a]  ["sin", a]  ["cos", a]`
    `sigmoid softplus tanh sinh cosh tan abs` (one argument), `max min` (two): abbreviations of the above
    `["call", "f", [1], a]`: the first derivative of an unknown smooth function f at a (one order per argument).
Every claim is about real numbers: "symbols" gives each symbol `real positive negative nonnegative nonpositive nonzero`,
"assume" is a list of relations `["<", left, right]`, and a claim holds where its expressions are defined.
"example" may give a rational point at which assumptions hold, when the checker finds none by itself.
"statement", "source" and "note" are free text which no checker reads.

    identity              left, right                                     left = right
    derivative            of, in, is                                      d of / d in = is
    field                 players, field                                  field[v] = derivative of the owner's cost in v
    jacobian              order, functions, rows, [at], [time]            rows = derivatives; with time: an equilibrium
    schur                 matrix, claim, [radius], [boundary], [characteristic_polynomial]
    hurwitz               matrix, claim, [abscissa], [boundary], [characteristic_polynomial]
    spectrum              time, matrix, inside, on, outside, [semisimple], [characteristic_polynomial]
    region                time, jacobian, claim, [order], [coefficients], [conditions], [steps]
    lyapunov              time, matrix, P, [rate]                           z' P z decreases
    lyapunov_polynomial   time, order, functions, V, positive, decrease, claim, [at], [region]
    conserved             time, order, functions, quantity                  the quantity keeps its value
    double_oracle         payoff, start, rounds                           the run is one, and ends at an equilibrium
    correspondence        relation, first, second, map, [factors]; or parts

Each kind is described in its own file under `kinds/`; the folder is the list.
What a checker cannot see is whether the statement is the one of a paper: statements are written to be read.
"""

from bilevel.certificate.checker import check, check_text, known_kinds
from bilevel.certificate.errors import CertificateBudget, CertificateError, Result

__all__ = ["CertificateBudget", "CertificateError", "Result", "check", "check_text", "known_kinds"]
