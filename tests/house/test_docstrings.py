"""The docstring grammar: what every public name says about itself."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import types

from tests.house.source import complain, files, module_name, parse, public_objects

ORDER = ("Math", "Shapes", "Raises", "Reference", "Examples")
REQUIRED = ("Math", "Reference", "Examples")


def sections(text: str) -> list[str]:
    """The section names of a docstring, in order."""
    return [name for name in re.findall(r"^\s*(\w+):", text, re.MULTILINE) if name in ORDER]


def faults(name: str, found: object) -> list[str]:
    """What the docstring of one public function or class lacks."""
    text = inspect.getdoc(found) or ""
    generated = text.startswith(f"{getattr(found, '__name__', name)}(")  # dataclasses write their signature there
    if not text.strip() or generated:
        return [f"{name}: no docstring"]
    if isinstance(found, type) and issubclass(found, BaseException):
        return []
    present = sections(text)
    wrong = [f"{name}: no {section}:" for section in REQUIRED if section not in present]
    if "Raises" not in present and raises(found):
        wrong.append(f"{name}: raises, but has no Raises:")
    if "Examples" in present and ">>>" not in text:
        wrong.append(f"{name}: Examples: without a doctest")
    if present != sorted(present, key=ORDER.index):
        wrong.append(f"{name}: sections stand as {', '.join(present)}; the order is {', '.join(ORDER)}")
    return wrong


def raises(found: object) -> bool:
    """Whether the body of a function, or what makes an object of a class, holds a `raise`."""
    if not isinstance(found, type):
        return _holds_raise(found)
    makers = {"__new__", "__init__", "__post_init__"} & vars(found).keys()
    written = (vars(found)[maker] for maker in makers)
    # a Protocol is given an __init__ by typing
    return any(_holds_raise(maker) for maker in written if getattr(maker, "__module__", None) != "typing")


def _holds_raise(function: object) -> bool:
    function = inspect.unwrap(getattr(function, "__func__", function))
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError):  # made at run time, as a dataclass' __init__ is
        return False
    raised = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    return any("NotImplementedError" not in line for line in raised)


def ours() -> list[tuple[str, object]]:
    """Public functions and classes defined in the package (not constants, not re-exported SymPy)."""
    return [
        (name, found)
        for name, found in public_objects()
        if (inspect.isroutine(found) or isinstance(found, type)) and (found.__module__ or "").startswith("bilevel")
    ]


def test_public_docstrings_have_the_agreed_sections():
    wrong = [fault for name, found in ours() for fault in faults(name, found)]
    complain(wrong, "a public docstring has a first line, then Math:, [Shapes:], [Raises:], Reference:, Examples:")


def test_public_methods_say_what_they_do():
    wrong = [
        f"{name}.{attribute}"
        for name, found in ours()
        if isinstance(found, type)
        for attribute, value in vars(found).items()
        if not attribute.startswith("_")
        and isinstance(value, (types.FunctionType, property, classmethod, staticmethod))
        and not inspect.getdoc(getattr(found, attribute))
    ]
    complain(wrong, "a public method has at least one line of docstring")


def test_every_module_opens_with_its_title():
    wrong = [module_name(path) for path in files() if not ast.get_docstring(parse(path))]
    complain(wrong, "a module opens with its title and main definitions")


def test_the_grammar_reader_sees_what_is_missing():
    def raising():
        """Compute nothing.

        Reference: none
        """
        raise ValueError

    missing = ["raising: no Math:", "raising: no Examples:", "raising: raises, but has no Raises:"]
    assert faults("raising", raising) == missing
    assert faults("empty", lambda: None) == ["empty: no docstring"]
