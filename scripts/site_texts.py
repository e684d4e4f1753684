"""Finds the texts of errors, tasks and tables for the catalogues of the site's languages (`make translations`).

Invariant: it reads source text and imports nothing of it. A text that it cannot find stays English on a page.

Source: Babel documentation, "Writing Extraction Methods"; webui/http/error_words.py (which says them).
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any, BinaryIO, cast

from babel.messages.extract import extract_python

SHOWN = {"MalformedError", "RefusedError"}
"""Of the errors of fl/protocol/errors, a page shows only the sentences of these families."""
WITH_REASON = {
    "Admission", "AnswerMismatch", "AnswerOutdated", "NameMalformed", "NoAnswer", "PasswordMalformed",
    "PolicyNotApproved", "ImageUnreadable", "ReviewMalformed", "TableFileUnusable", "UploadUnusable", "Why",
}  # fmt: skip
"""What is called with the words of a sentence."""
Message = tuple[int, Any, Any, Any]
"""Line, name of the function (none), the text, comments: as babel.messages.extract wants them."""


def texts(
    file: BinaryIO, keywords: Mapping[str, Any], tags: Sequence[str], options: Mapping[str, Any]
) -> Iterator[Message]:
    """Yield what a module of the site gives to gettext, the sentences of its errors, and what it raises them with."""
    source = file.read()
    yield from extract_python(BytesIO(source), keywords, tags, cast("Any", options))
    tree = ast.parse(source)
    yield from _sentences(tree, None)
    yield from _reasons(tree)


def sentences(
    file: BinaryIO,
    _keywords: Mapping[str, Any],
    _tags: Sequence[str],
    options: Mapping[str, Any],  # noqa: ARG001
) -> Iterator[Message]:
    """Yield the sentences of the errors that a page can show."""
    yield from _sentences(ast.parse(file.read()), SHOWN)


def reasons(
    file: BinaryIO,
    _keywords: Mapping[str, Any],
    _tags: Sequence[str],
    options: Mapping[str, Any],  # noqa: ARG001
) -> Iterator[Message]:
    """Yield the texts that a module raises its errors with, and its constants of several words."""
    tree = ast.parse(file.read())
    yield from _reasons(tree)
    filled = {name for call in ast.walk(tree) if _is_made(call, {"Why"}) for name in _names(call)}
    for node in tree.body:
        text = (_text(node.value) or "") if isinstance(node, ast.Assign) else ""
        if isinstance(node, ast.Assign) and " " in text and ("{" not in text or ast.unparse(node.targets[0]) in filled):
            yield _message(node.value)


def tasks(
    file: BinaryIO,
    _keywords: Mapping[str, Any],
    _tags: Sequence[str],
    options: Mapping[str, Any],  # noqa: ARG001
) -> Iterator[Message]:
    """Yield the names of tasks and classes, and what the tasks report."""
    for node in ast.walk(ast.parse(file.read())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            named = [each.value for each in node.keywords if each.arg in {"name", "reported"}]
            named += node.args[1:2] if node.func.id == "TaskClass" else []
            yield from (_message(each) for each in named if _text(each))


def titles(
    file: BinaryIO,
    _keywords: Mapping[str, Any],
    _tags: Sequence[str],
    options: Mapping[str, Any],  # noqa: ARG001
) -> Iterator[Message]:
    """Yield the values of the dictionary `TITLES`."""
    for node in ast.parse(file.read()).body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Dict)
            and ast.unparse(node.targets[0]) == "TITLES"
        ):
            yield from (_message(each) for each in node.value.values if _text(each))


def schemas(
    file: BinaryIO,
    _keywords: Mapping[str, Any],
    _tags: Sequence[str],
    options: Mapping[str, Any],  # noqa: ARG001
) -> Iterator[Message]:
    """Yield what a table reports, about whom, and what its columns are called."""
    schema = json.load(file)
    texts = [
        *(schema.get(name) for name in ("reported", "population", "warning")),
        *(each.get("text") for each in schema.get("columns", ())),
    ]
    yield from ((1, None, text, []) for text in texts if text)


def _sentences(tree: ast.Module, bases: set[str] | None) -> Iterator[Message]:
    for each in ast.walk(tree):
        if not isinstance(each, ast.ClassDef):
            continue
        if bases is not None and not bases & {base.id for base in each.bases if isinstance(base, ast.Name)}:
            continue
        for node in each.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "sentence" and _is_words(node.value):
                yield _message(node.value)


def _reasons(tree: ast.Module) -> Iterator[Message]:
    """Yield the words that errors are made with."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_made(node, WITH_REASON):
            yield from (_message(each) for each in node.args if _text(each))


def _is_made(node: ast.AST, names: set[str]) -> bool:
    """Return whether a node calls one of these names."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def _names(call: ast.AST) -> list[str]:
    return [each.id for each in call.args if isinstance(each, ast.Name)] if isinstance(call, ast.Call) else []


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _is_words(node: ast.expr) -> bool:
    """Return whether it is a text, and more than one field."""
    return " " in (_text(node) or "")


def _message(node: ast.expr) -> Message:
    return node.lineno, None, _text(node), []
