"""Files and functions stay short enough to be read in one go."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

from tests.house.source import ROOT, complain, files, parse

FILE_LINES = 330  # the aim is 300
FUNCTION_LINES = 40
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(path: Path) -> set[int]:
    """The numbers of the lines that hold code: no comments, blanks or docstrings."""
    text = path.read_text(encoding="utf-8")
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in SILENT:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines - docstring_lines(parse(path))


def docstring_lines(tree: ast.Module) -> set[int]:
    """The lines taken by docstrings: expression statements that are a string."""
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def sources() -> list[Path]:
    """The package, the proofs, and the tools beside them."""
    beside = sorted(path for folder in ("proofs", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
    return [*files(), *beside, ROOT / "dev.py"]


def test_files_are_short():
    long = [
        f"{path.relative_to(ROOT)}: {count} lines"
        for path in sources()
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > FILE_LINES
    ]
    complain(long, f"a file has at most about 300 lines (never more than {FILE_LINES})")


def test_functions_are_short():
    long = []
    for path in sources():
        lines = code_lines(path)
        for node in ast.walk(parse(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                count = sum(node.lineno <= line <= (node.end_lineno or 0) for line in lines)
                if count > FUNCTION_LINES:
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {count} code lines")
    complain(long, f"a function has at most {FUNCTION_LINES} code lines")


def test_code_lines_are_counted_without_comments_and_docstrings(tmp_path):
    path = tmp_path / "sample.py"
    path.write_text('def f(x):\n    """Doc.\n\n    More.\n    """\n    # why\n\n    y = [\n        x,\n    ]\n')
    assert code_lines(path) == {1, 8, 9, 10}
