"""The dispatcher: a certificate's "kind" names a module of `bilevel.certificate.kinds`, which checks it.

A kind's module defines `KIND` (its name), `FIELDS` (field name -> whether it must be there) and
`check(certificate) -> Result`. Adding a kind is adding a file.
Main definitions: `check`, `check_text`, `known_kinds`.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from types import ModuleType
from typing import Any

from bilevel.certificate import kinds as folder
from bilevel.certificate.errors import CertificateBudget, CertificateError, Result

MAX_TEXT = 4_000_000
COMMENTS = ("statement", "source", "note")  # free text for people, which no checker reads


def known_kinds() -> tuple[str, ...]:
    """The kinds of certificate that can be checked.

    Math: see `bilevel.certificate` for the claim that each kind makes.
    Reference: the folder `bilevel/certificate/kinds` is the list.

    Examples:
        >>> {"identity", "schur", "region"} <= set(known_kinds())
        True
    """
    return tuple(
        sorted(_module(m.name).KIND for m in pkgutil.iter_modules(folder.__path__) if not m.name.startswith("_"))
    )


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{folder.__name__}.{name}")


def check(certificate: Any) -> Result:
    """Whether a certificate's claim is proved, by exact rational arithmetic alone.

    Math: see `bilevel.certificate` for the claim that each kind makes. The answer is true only if the whole proof was
        gone through; any doubt is a refusal.
    Raises: `CertificateError` when the certificate cannot be read, `CertificateBudget` when checking costs too much.
    Reference: the conditions are those of Hurwitz 1895, Lienard and Chipart 1914, Schur 1917, Jury 1964.

    Examples:
        >>> check({"kind": "identity", "symbols": {"x": "real"},
        ...        "left": ["*", ["exp", "x"], ["exp", ["-", "x"]]], "right": "1"}).ok
        True
    """
    module = _kind_of(certificate)
    known = {"kind": True, **module.FIELDS, **dict.fromkeys(COMMENTS, False)}
    for field in certificate:
        if field not in known:
            raise CertificateError(
                f"a certificate of kind {module.KIND!r} has no field {field!r}; it has {', '.join(known)}"
            )
    for field, needed in known.items():
        if needed and field not in certificate:
            raise CertificateError(f"a certificate of kind {module.KIND!r} needs the field {field!r}")
    for field in COMMENTS:
        if not isinstance(certificate.get(field, ""), str):
            raise CertificateError(f"the field {field!r} is text for people")
    try:
        result = module.check(certificate)
    except CertificateError:
        raise
    except (RecursionError, MemoryError, OverflowError) as problem:
        raise CertificateBudget(f"the certificate is too large to check ({type(problem).__name__})") from problem
    except Exception as problem:  # nothing unexpected may ever count as a proof
        raise CertificateError(f"the certificate cannot be checked: {type(problem).__name__}: {problem}") from problem
    if not isinstance(result, Result) or result.kind != module.KIND:
        raise CertificateError(f"the checker of {module.KIND!r} gave no answer")
    return result


def _kind_of(certificate: Any) -> ModuleType:
    if not isinstance(certificate, dict) or not all(isinstance(key, str) for key in certificate):
        raise CertificateError(f'a certificate is a JSON object with a field "kind"; came {type(certificate).__name__}')
    for entry in pkgutil.iter_modules(folder.__path__):
        if not entry.name.startswith("_") and certificate.get("kind") == _module(entry.name).KIND:
            return _module(entry.name)
    raise CertificateError(
        f"no kind of certificate is called {certificate.get('kind')!r}; known: {', '.join(known_kinds())}"
    )


def check_text(text: str) -> Result:
    """Check a certificate given as JSON text.

    Math: as `check`.
    Raises: `CertificateError` when the text is no JSON object of a known kind.
    Reference: RFC 8259 (JSON).

    Examples:
        >>> check_text('{"kind": "schur", "matrix": [["1/2"]], "claim": "unstable"}').why
        'the matrix is stable: 1 eigenvalue inside, 0 on and 0 outside the boundary'
    """
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise CertificateBudget(f"a certificate is JSON text of at most {MAX_TEXT} characters")
    try:
        return check(json.loads(text, object_pairs_hook=_no_twins, parse_float=_no_floats, parse_constant=_no_floats))
    except (json.JSONDecodeError, RecursionError) as problem:
        raise CertificateError(f"the certificate is no JSON: {problem}") from problem


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON allows a name twice, and readers differ on which one counts."""
    table = dict(pairs)
    if len(table) != len(pairs):
        raise CertificateError("a name occurs twice in one object of the certificate")
    return table


def _no_floats(text: str) -> Any:
    raise CertificateError(f'numbers in certificates are exact strings such as "1/10"; came {text}')
