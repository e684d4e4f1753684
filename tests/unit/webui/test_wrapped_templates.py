"""Every text of every template passes through gettext, so each language can have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.template_texts import unwrapped

TEMPLATES = Path(__file__).parents[3] / "webui" / "templates"


@pytest.mark.parametrize("name", sorted(str(file.relative_to(TEMPLATES)) for file in TEMPLATES.rglob("*.html")))
def test_a_template_gives_each_text_to_gettext(name: str) -> None:
    assert unwrapped((TEMPLATES / name).read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Hello {{ name }}</p>", ["Hello …"]),
        ("<p>{% if a %}Yes{% else %}{{ _('No') }}{% endif %}</p>", ["Yes…"]),
        ('<img alt="A cell">', ['alt="A cell"']),
        ('<p data-working="Please wait"></p>', ['data-working="Please wait"']),
        ('<input type="submit" value="send">', ['value="send"']),
        ("<p>{{ 'found' if a else 'not found' }}</p>", ["found…not found"]),
        ("<p>{{ count ~ ' records' }}</p>", ["… records"]),
        ("{{ pill('wait', 'unread') }}", ["unread"]),
        ("{{ other('The title', 1) }}", ["The title"]),
        ("{{ other(name='The title') }}", ["The title"]),
        ("{% set title = 'The title' %}", ["The title"]),
        ("{% set titles = {'one': 'The title'} %}", ["The title"]),
        ("{% macro summary(title='The title') %}{% endmacro %}", ["The title"]),
        ("{{ _(text) }}", ["_ of a value: nothing finds its text"]),
        ("{{ _('About %(what)s', what='a cell' if cell else thing) }}", ["a cell……"]),
        ("{{ name | default('no name yet') }}", ["no name yet"]),
    ],
)
def test_a_text_without_gettext_is_found(source: str, found: list[str]) -> None:
    assert unwrapped(source) == found


@pytest.mark.parametrize(
    "source",
    [
        "<p>{{ _('Hello %(name)s', name=name) }}</p>",
        "<p>{% trans count=some %}{{ count }} <b>record</b>{% pluralize %}{{ count }} records{% endtrans %}</p>",
        "<a title=\"{{ _('A cell') }}\" class=\"btn {{ 'active now' if a }}\">CSV</a>",
        "<pre><code>hemaledger trustee kit</code></pre>",
        "<p>Hemaledger · {{ '{:,}'.format(count) }} wei</p>",
        "{{ icon('arrow-left') }}{{ form.submit(class='btn btn-primary') }}",
    ],
)
def test_what_no_language_changes_may_stay(source: str) -> None:
    assert unwrapped(source) == []
