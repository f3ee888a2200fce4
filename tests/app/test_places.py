"""Places in TOML text, against tomllib's own reading."""

from __future__ import annotations

import tomllib

import pytest

from bilevel.app.places import Places

TEXT = '''# comment
title = "a # b" # c
"quoted key" = 1
a.b . c = [1, [2, "three"], # inside
  { x = 'y', z.w = 2 }, ]
long = """
one \\
   two
three"""
raw = \'\'\'q\'\'\'
[table]   # here
k = 'v'
[[many]]
n = 1
[[many]]
n = 2
[many.deep]
date = 1979-05-27T07:32:00Z
'''


def leaves(data, path=()):
    if isinstance(data, dict):
        for key, value in data.items():
            yield from leaves(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from leaves(value, (*path, index))
    else:
        yield path, data


def test_every_value_has_its_place():
    places = Places(TEXT)
    found = dict(leaves(tomllib.loads(TEXT)))
    assert found.keys() <= places.values.keys()
    for path, value in found.items():
        rest = TEXT[places.values[path] :]
        if isinstance(value, int):
            assert rest.startswith(str(value))
        elif isinstance(value, str):
            assert rest[0] in "'\""


@pytest.mark.parametrize(
    ("path", "line", "column", "expected"),
    [
        (("title",), 1, 3, (2, 12)),
        (("a", "b", "c", 1, 1), 1, 1, (4, 20)),
        (("a", "b", "c", 2, "x"), 1, 1, (5, 10)),
        (("long",), 1, 1, (7, 1)),
        (("long",), 1, 5, (8, 4)),
        (("long",), 2, 2, (9, 2)),
        (("raw",), 1, 1, (10, 10)),
        (("many", 1, "deep", "date"), 1, 1, (18, 8)),
    ],
)
def test_places_inside_values(path, line, column, expected):
    assert Places(TEXT).inside(path, line, column) == expected


def test_keys_and_their_surroundings():
    places = Places(TEXT)
    assert places.key(("table",)) == (11, 1)
    assert places.key(("table", "nothing")) == (11, 1)
    assert places.key(("quoted key",)) == (3, 1)
    assert places.key(("many", 1, "n")) == (16, 1)
