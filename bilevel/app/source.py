"""A problem file as text and tables, with errors that name the file, the line and the column.

Main definitions: `Source`.
"""

from __future__ import annotations

import pathlib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from bilevel.app.places import Path, Places
from bilevel.language.errors import GameError, ReadError
from bilevel.language.names import nearest

LARGEST = 1_000_000  # bytes of a problem file

_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True)
class Source:
    """The tables of a TOML text and where each key and value stands in it."""

    text: str
    file: str | None
    data: Mapping[str, Any]
    places: Places

    @classmethod
    def parse(cls, text: str, file: str | None = None) -> Source:
        """The text read as TOML; numbers keep their decimals."""
        text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        try:
            data = tomllib.loads(text, parse_float=Decimal)
        except RecursionError:
            raise ReadError("brackets are nested too deeply", line=1, column=1, file=file) from None
        except ValueError as problem:
            line, column, message = _toml_place(text, str(problem))
            raise ReadError(f"not TOML: {message}", line=line, column=column, file=file) from None
        return cls(text, file, data, Places(text))

    def fail(self, message: str, *path: str | int, key: bool = False) -> NoReturn:
        """Raise a ReadError at a value (or at a key)."""
        line, column = self.places.key(path) if key else self.places.value(path)
        raise ReadError(message, line=line, column=column, file=self.file)

    def read(
        self, path: Path, how: Callable[..., Any], *given: Any, shift: int = 0, key: bool = False, **named: Any
    ) -> Any:
        """What `how(*given, **named)` returns; its errors point into the value at `path`, moved by `shift`."""
        try:
            return how(*given, **named)
        except ReadError as problem:
            if problem.line is None or problem.column is None:
                self.fail(problem.message, *path, key=key)
            line, column = self.places.inside(path, problem.line, problem.column + (shift if problem.line == 1 else 0))
            raise ReadError(problem.message, line=line, column=column, file=self.file) from None
        except GameError as problem:
            self.fail(str(problem), *path, key=key)

    def table(
        self, path: Path, value: Any, known: Iterable[str] | None = None, what: str = "a table"
    ) -> dict[str, Any]:
        """The value as a table whose keys are all known."""
        if not isinstance(value, dict):
            self.fail(f"{_name(path)} must be {what}, not {describe(value)}", *path)
        if known is not None:
            known = tuple(known)
            for name in value:
                if name not in known:
                    self.fail(f"{_what(path)} {name!r} is not known; {advice(name, known)}", *path, name, key=True)
        return value

    def words(self, path: Path, value: Any, what: str) -> list[str]:
        """The value as a list of texts; one text stands for a list of one."""
        if isinstance(value, str):
            return [value]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            example = '"gamma < 4"' if what == "inequalities" else '"x"'
            self.fail(f"{_name(path)} must be a list of {what}, for example [{example}]", *path)
        return value

    def word(self, path: Path, value: Any) -> str:
        """The value as a text."""
        if not isinstance(value, str):
            self.fail(f"{_name(path)} must be text in quotation marks, not {describe(value)}", *path)
        return value


def text_of(path_or_text: Any) -> tuple[str, str | None]:
    """(text, file name): what has a line break or an equals sign is the text itself, everything else a path."""
    if isinstance(path_or_text, str) and ("\n" in path_or_text or "=" in path_or_text):
        return path_or_text, None
    if not isinstance(path_or_text, str | pathlib.Path):
        raise ReadError(f"a path or a text was expected, not {type(path_or_text).__name__}")
    file = str(path_or_text)
    try:
        with open(path_or_text, "rb") as stream:
            raw = stream.read(LARGEST + 1)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "no such path"
        raise ReadError(
            f"cannot be read: {reason.lower()}; give a problem file (TOML) or a model name", file=shown(file)
        ) from None
    if len(raw) > LARGEST:
        raise ReadError(f"is larger than {LARGEST:,} bytes, too large for a problem file", file=shown(file))
    try:
        return raw.decode("utf-8"), shown(file)
    except UnicodeDecodeError as problem:
        before = raw[: problem.start]
        line, column = before.count(b"\n") + 1, problem.start - before.rfind(b"\n")
        raise ReadError(
            "not text in UTF-8; a problem file is a TOML text", line=line, column=column, file=shown(file)
        ) from None


def shown(name: str) -> str:
    """A file name as it can stand in a message of one line."""
    plain = "".join(c if c.isprintable() else "?" for c in name)
    return plain if len(plain) <= 200 else plain[:200] + "..."


def advice(name: str, known: Iterable[str]) -> str:
    """What to write instead: the nearest known name, or all of them when they are few."""
    known = sorted(set(known))
    if near := nearest(name, known):
        return f"did you mean {near}?"
    if not known:
        return "nothing may stand here"
    return "known: " + ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")


def describe(value: Any) -> str:
    """What kind of TOML value came."""
    kinds = {dict: "a table", list: "a list", str: "text", bool: "true or false", int: "a number", Decimal: "a number"}
    return kinds.get(type(value), "a date")


def _name(path: Path) -> str:
    return ".".join(str(part) for part in path) or "the file"


def _what(path: Path) -> str:
    return f"in [{_name(path)}] the key" if path else "the section or key"


def _toml_place(text: str, message: str) -> tuple[int, int, str]:
    found = _AT.search(message)
    if found is None:
        long = "a whole number has more than 4300 digits" if "digits" in message else message[:200]
        return 1, 1, long
    plain = message[: found.start()]
    if twice := re.search(r"Cannot declare \((.*?),?\) twice", plain):
        names = re.findall(r"'(.*?)'", twice.group(1))
        plain = f"the table [{'.'.join(names)}] stands twice; keep one"
    elif "Cannot overwrite a value" in plain:
        plain = "the key on this line has a value already; keep one"
    if found.group(1):
        return int(found.group(1)), int(found.group(2)), plain
    return text.count("\n") + 1, len(text) - text.rfind("\n"), f"{plain} at the end of the file"
