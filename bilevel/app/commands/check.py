"""`bilevel check`: certificates checked again, or advice on a problem file.

Main definitions: `run`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bilevel.app import budget
from bilevel.app.layout import dumps
from bilevel.app.source import shown
from bilevel.language.errors import ReadError

LARGEST = 4_000_000  # bytes of a certificate


def run(options: Any) -> int:
    """Check what the file holds: JSON holds certificates, everything else is a problem."""
    if _looks_like_json(options.file):
        return _certificates(options)
    from bilevel.app.commands.advice import advice_on

    answer = advice_on(options.file, options.set)
    budget.stop()
    if options.json:
        print(dumps(answer))
    else:
        print("\n".join([f"{answer['file']}: understood", *(f"  {line}" for line in answer["advice"])]))
    return 0


def _looks_like_json(name: str) -> bool:
    try:
        with open(name, "rb") as stream:
            start = stream.read(4096).lstrip()
    except (OSError, ValueError):
        return False
    return (
        start.startswith(b"{") or re.match(rb"\[\s*[\[{\]]\s*(?!\w)", start) is not None or Path(name).suffix == ".json"
    )


def _certificates(options: Any) -> int:
    file = shown(options.file)
    found = list(_held(_json(options.file)))
    if not found:
        raise ReadError('holds no certificate: a JSON object with a field "kind" was expected', file=file)
    results = [_checked(place, certificate, file) for place, certificate in found]
    verdicts = [result["ok"] for result in results]
    budget.stop()
    if options.json:
        print(dumps({"file": file, "kind": "certificate", "ok": all(verdicts), "certificates": results}))
    else:
        print("\n".join(_line(result, file) for result in results))
    return 1 if False in verdicts else 3 if None in verdicts else 0


def _checked(place: str, certificate: Any, file: str) -> dict[str, Any]:
    """One certificate's answer; ok is None when checking it costs more than the checker's budget."""
    from bilevel.certificate import CertificateBudget, CertificateError, check

    try:
        result = check(certificate)
    except CertificateBudget as stop:
        return {"at": place, "kind": certificate["kind"], "ok": None, "reason": str(stop), "rests_on": []}
    except CertificateError as stop:
        raise ReadError(f"{place + ': ' if place else ''}{stop}", file=file) from None
    return {"at": place, "kind": result.kind, "ok": result.ok, "reason": result.why, "rests_on": list(result.rests_on)}


def _line(result: dict[str, Any], file: str) -> str:
    word = {True: "proved again", False: "REJECTED", None: "unknown"}[result["ok"]]
    notes = [result["reason"], *(f"rests on {step}" for step in result["rests_on"])]
    return f"{result['at'] or file}: {word}" + "".join(f" ({note})" for note in notes if note)


def _json(name: str) -> Any:
    with open(name, "rb") as stream:
        raw = stream.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise ReadError(f"is larger than {LARGEST:,} bytes, too large for a certificate", file=shown(name))
    try:
        return json.loads(raw.decode("utf-8"))
    except json.JSONDecodeError as stop:
        raise ReadError(f"not JSON: {stop.msg}", line=stop.lineno, column=stop.colno, file=shown(name)) from None
    except (UnicodeDecodeError, RecursionError, ValueError):
        raise ReadError("not JSON in UTF-8", line=1, column=1, file=shown(name)) from None


def _held(data: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """The certificates in a JSON text: the whole, or what stands under "certificate" anywhere in it."""
    if isinstance(data, dict) and isinstance(data.get("kind"), str):
        yield place, data
    elif isinstance(data, dict):
        for key, part in data.items():
            yield from _held(part, f"{place}.{key}" if place else str(key))
    elif isinstance(data, list):
        for index, part in enumerate(data):
            yield from _held(part, f"{place}[{index}]")
