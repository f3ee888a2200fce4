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
        print(json.dumps(answer, indent=1))
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
    from bilevel.certificate import CertificateBudget, CertificateError, check

    found = list(_held(_json(options.file)))
    if not found:
        raise ReadError(
            'holds no certificate: a JSON object with a field "kind" was expected', file=shown(options.file)
        )
    results, status = [], 0
    for place, certificate in found:
        try:
            result = check(certificate)
            entry = {
                "at": place,
                "kind": result.kind,
                "ok": bool(result.ok),
                "reason": result.why,
                "rests_on": list(result.rests_on),
            }
            status = max(status, 0 if result.ok else 1)
        except CertificateBudget as stop:
            entry, status = {"at": place, "ok": None, "reason": str(stop)}, 3
        except CertificateError as stop:
            raise ReadError(f"{place + ': ' if place else ''}{stop}", file=shown(options.file)) from None
        results.append(entry)
    budget.stop()
    if options.json:
        print(
            json.dumps(
                {"file": shown(options.file), "kind": "certificate", "ok": status == 0, "certificates": results},
                indent=1,
            )
        )
    else:
        words: dict[Any, str] = {True: "proved again", False: "REJECTED", None: "unknown"}
        print(
            "\n".join(
                f"{r['at'] or shown(options.file)}: {words[r['ok']]}" + (f" ({r['reason']})" if r["reason"] else "")
                for r in results
            )
        )
    return status


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
