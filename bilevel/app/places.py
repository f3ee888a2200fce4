"""Where every key and value of a TOML text stands, so that an error can point at it.

Main definitions: `Places`.

The text has already been read by `tomllib`, so it is valid; this second, smaller reading only remembers offsets.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN = re.compile(r"[^,\]}\s#]+")
_BLANK = re.compile(r"[ \t]*")
_BLANKS = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_ESCAPED = {"u": 6, "U": 10}


class Places:
    """Line and column (from 1) of keys, values and characters inside values."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.keys: dict[Path, int] = {}
        self.values: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        with contextlib.suppress(IndexError, RecursionError):  # odd but valid text: what was seen so far still helps
            self._document()

    def position(self, offset: int) -> tuple[int, int]:
        """(line, column) of an offset."""
        return self.text.count("\n", 0, offset) + 1, offset - self.text.rfind("\n", 0, offset)

    def key(self, path: Path) -> tuple[int, int]:
        """Where a key is written, or the nearest key around it."""
        while path and path not in self.keys:
            path = path[:-1]
        return self.position(self.keys.get(path, 0))

    def value(self, path: Path) -> tuple[int, int]:
        """Where a value begins, or the key it belongs to."""
        return self.position(self.values[path]) if path in self.values else self.key(path)

    def inside(self, path: Path, line: int, column: int) -> tuple[int, int]:
        """Where a character of a text value stands in the file; line and column count inside the value."""
        start = self.values.get(path)
        if start is None or self.text[start] not in "\"'":
            return self.value(path)
        characters = list(self._characters(start))
        content = "".join(character for character, _ in characters[:-1])
        before = sum(len(part) for part in content.splitlines(keepends=True)[: line - 1])
        return self.position(characters[min(before + column - 1, len(characters) - 1)][1])

    # --- one pass over the text
    def _skip(self, pattern: re.Pattern[str] = _BLANK) -> str:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.text[self.at : self.at + 1]

    def _document(self) -> None:
        table: Path = ()
        while next_one := self._skip(_BLANKS):
            if next_one == "[":
                start, many = self.at, self.text.startswith("[[", self.at)
                self.at += 1 + many
                table = self._header(self._dotted(), many, start)
                self.keys.setdefault(table, start)
                self._skip()
                self.at += 1 + many
            else:
                self._pair(table)

    def _header(self, names: tuple[str, ...], many: bool, start: int) -> Path:
        path: Path = ()
        for place, name in enumerate(names):
            path += (name,)
            self.keys.setdefault(path, start)
            if many and place == len(names) - 1:
                self._counts[path] = self._counts.get(path, 0) + 1
            if path in self._counts:
                path += (self._counts[path] - 1,)
        return path

    def _pair(self, table: Path) -> None:
        self._skip()
        start, names = self.at, self._dotted()
        for length in range(1, len(names) + 1):
            self.keys.setdefault(table + names[:length], start)
        self.at += 1  # the equals sign
        self._value(table + names)

    def _dotted(self) -> tuple[str, ...]:
        names = []
        while True:
            if self._skip() in ("'", '"'):
                names.append("".join(character for character, _ in list(self._characters(self.at, move=True))[:-1]))
            else:
                found = _BARE.match(self.text, self.at)
                if found is None:
                    raise IndexError(self.at)
                names.append(found.group())
                self.at = found.end()
            if self._skip() != ".":
                return tuple(names)
            self.at += 1

    def _value(self, path: Path) -> None:
        first = self._skip()
        self.values[path] = self.at
        if first in ("'", '"'):
            list(self._characters(self.at, move=True))
        elif first == "[":
            self._items(path)
        elif first == "{":
            self.at += 1
            while (following := self._skip(_BLANKS)) != "}":
                if following == ",":
                    self.at += 1
                else:
                    self._pair(path)
            self.at += 1
        elif (found := _PLAIN.match(self.text, self.at)) is not None:
            self.at = found.end()
        else:
            raise IndexError(self.at)

    def _items(self, path: Path) -> None:
        self.at += 1
        index = 0
        while (following := self._skip(_BLANKS)) != "]":
            if following == ",":
                self.at += 1
            else:
                self._value((*path, index))
                index += 1
        self.at += 1

    def _characters(self, at: int, move: bool = False) -> Iterator[tuple[str, int]]:
        """(character, offset) of the text value that begins at an offset, then ("", offset of its end)."""
        text, quote = self.text, self.text[at]
        mark = quote * 3 if text.startswith(quote * 3, at) else quote
        at += len(mark)
        if len(mark) == 3 and text[at] == "\n":
            at += 1
        while not text.startswith(mark, at) or (len(mark) == 3 and text.startswith(quote, at + 3)):
            if text[at] == "\\" and quote == '"':
                if text[at + 1] in " \t\n":  # a backslash at the end of a line swallows the blanks after it
                    at += len(text[at + 1 :]) - len(text[at + 1 :].lstrip()) + 1
                    continue
                yield "?", at
                at += _ESCAPED.get(text[at + 1], 2)
            else:
                yield text[at], at
                at += 1
        yield "", at
        if move:
            self.at = at + len(mark)
