"""What can go wrong while a certificate is read and checked, and the form of the answer.

Main definitions: `CertificateError`, `CertificateBudget`, `Result`.
"""

from __future__ import annotations

from dataclasses import dataclass


class CertificateError(ValueError):
    """The certificate cannot be read: what was meant, what came, what to try."""


class CertificateBudget(CertificateError):
    """The certificate may be right, but checking it costs more than the checker's budget allows."""


@dataclass(frozen=True)
class Result:
    """The checker's answer: whether the claim was proved, why not if not, and what else it rests on.

    `rests_on` is empty when the checker itself proved everything; otherwise each entry names a step which some other
    program (such as z3) is trusted for.

    Math: `ok` is true only when every step of the proof was gone through again.
    Reference: de Bruijn 1970 (a proof is checked by a program smaller than the one that found it).

    Examples:
        >>> bool(Result(False, "identity", "the two sides differ"))
        False
    """

    ok: bool
    kind: str
    why: str = ""
    rests_on: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.ok
