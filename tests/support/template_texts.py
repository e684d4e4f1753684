"""Finds texts in a template that a person reads or hears, but that no translation can reach.

Method: Jinja's own parser gives the nodes; everything that may be shown is written one after the other (both branches
of an `if`; for a value that only the page knows, one mark). An HTML parser then tells texts and attributes apart.

Limits: it sees neither what Python returns, nor a sentence that is glued of translated parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from jinja2 import Environment, nodes

UNKNOWN = "\ue000"
"""Where a value of the page appears; a private character, so no text has it."""
GETTEXT = {"_", "gettext", "ngettext", "pgettext", "npgettext"}
SPOKEN = {
    "alt",
    "title",
    "placeholder",
    "label",
    "abbr",
    "aria-label",
    "aria-description",
    "aria-valuetext",
    "data-label",
}
"""Attributes that people see or hear. `data-*` counts if it looks like words, `value` if it is that of a button."""
SILENT = ("script", "style", "code", "pre", "kbd")
"""What stands in them is a command, code or a key, the same in every language."""
NAMES = {"hemaledger", "csv", "json", "html", "pdf", "zip", "sha", "mb", "wei"}
"""Words that are the same in every language: the product's name, formats, units."""
MACROS = {
    "pill": {1}, "empty": {1, 2}, "field": {2}, "drop": {1}, "icon": {1}, "error_summary": {1},
    "input": {1, 3}, "choose": {1}, "press": {1},
}  # fmt: skip
"""The places of arguments that these macros show; a text elsewhere counts only if it looks like words."""
WORD = re.compile(r"[^\W\d_]{2,}")
ID_END = re.compile(UNKNOWN + r"-[a-z]+")
"""The end of an id that a macro makes, such as that of `{{ input.id }}-help`."""
PHRASE = re.compile(r"[A-Z][a-z]{2,}[.:?!]?|\W*[^\W\d_]+[,;:]?(?: \W*[^\W\d_]+[.,;:?!…]*)+\W*")
"""One word with a capital letter, or several words; a list of CSS classes has hyphens."""


def unwrapped(source: str) -> list[str]:
    """Return the texts of a template that do not pass through gettext."""
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    environment.newstyle_gettext = True  # type: ignore[attr-defined] # the extension adds it
    page = _Page()
    page.feed("".join(_shown(environment.parse(source), page.found)))
    page.close()
    return page.found


class _Page(HTMLParser):
    """Collects texts and attributes that a person reads or hears."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.silent += tag in SILENT
        button = tag == "button" or given.get("type") in ("submit", "button", "reset")
        for name, value in given.items():
            spoken = name in SPOKEN or (name == "value" and tag == "input" and button)
            if (spoken and _words(value)) or (name.startswith("data-") and _phrase(value)):
                self.found.append(f'{name}="{_plain(value)}"')

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in SILENT

    def handle_data(self, data: str) -> None:
        if not self.silent and _words(data):
            self.found.append(_plain(data))


def _shown(node: nodes.Node, found: list[str]) -> Iterator[str]:
    """Give what a node may write; texts in its expressions that are never written go to `found`."""
    if isinstance(node, nodes.Expr):
        yield _value(node, found)
        return
    for child in node.iter_child_nodes():
        if isinstance(node, nodes.Output) or not isinstance(child, nodes.Expr):
            yield from _shown(child, found)
        else:
            _said_in(child, found)


def _value(node: nodes.Expr, found: list[str]) -> str:
    """Return every text that an expression may become, with a mark for each value that only the page knows."""
    if isinstance(node, nodes.TemplateData):
        return node.data
    if isinstance(node, nodes.Const):
        return node.value if isinstance(node.value, str) else UNKNOWN
    if isinstance(node, nodes.CondExpr):
        _value(node.test, found)
        branches = [node.expr1] if node.expr2 is None else [node.expr1, node.expr2]
        return UNKNOWN.join(_value(each, found) for each in branches)
    if isinstance(node, (nodes.Concat, nodes.Or, nodes.And, nodes.Add)):
        return "".join(_value(each, found) for each in node.iter_child_nodes() if isinstance(each, nodes.Expr))
    if isinstance(node, nodes.Filter) and node.node is not None:
        _arguments(node, set(), found)
        return _value(node.node, found)
    if isinstance(node, nodes.Call):
        _call(node, found)
    elif not isinstance(node, nodes.Compare):
        for child in node.iter_child_nodes():
            _said_in(child, found)
    return UNKNOWN


def _call(node: nodes.Call, found: list[str]) -> None:
    name = node.node.name if isinstance(node.node, nodes.Name) else ""
    if name in GETTEXT:
        found += [] if isinstance(node.args[0], nodes.Const) else [f"{name} of a value: nothing finds its text"]
        for keyword in node.kwargs:
            _said_in(keyword.value, found)
        return
    if not isinstance(node.node, nodes.Getattr) or not isinstance(node.node.node, nodes.Const):
        _value(node.node, found)
    _arguments(node, MACROS.get(name, set()), found)


def _arguments(node: nodes.Call | nodes.Filter, shown: set[int], found: list[str]) -> None:
    for place, argument in enumerate(node.args):
        text = _value(argument, found)
        found += [_plain(text)] if _phrase(text) or (place in shown and _words(text)) else []
    for child in (*node.kwargs, node.dyn_args, node.dyn_kwargs):
        if child is not None:
            _said_in(child, found)


def _said_in(node: nodes.Node, found: list[str]) -> None:
    """Look for texts in a part of an expression: a value of a dictionary, an item of a list, a named argument."""
    if isinstance(node, nodes.Expr):
        text = _value(node, found)
        found += [_plain(text)] if _phrase(text) else []
    elif isinstance(node, nodes.Pair):
        _said_in(node.value, found)  # a key is never shown
    else:
        for child in node.iter_child_nodes():
            _said_in(child, found)


def _plain(text: str) -> str:
    return " ".join(text.replace(UNKNOWN, "…").split())


def _words(text: str) -> bool:
    return any(word.lower() not in NAMES for word in WORD.findall(ID_END.sub("", text)))


def _phrase(text: str) -> bool:
    return _words(text) and any(PHRASE.fullmatch(part.strip()) for part in text.split(UNKNOWN))
