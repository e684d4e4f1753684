"""The answers to a file of many patients as a CSV file.

Invariant: a spreadsheet reads the file as text and numbers, never as formulas. A decimal sign is what the upload used.
"""

from __future__ import annotations

from collections.abc import Iterator

from flask_babel import gettext, ngettext

from fl.training.tables.schema import Schema
from webui.presentation.risk_wording import row_problem
from webui.usecases.risk_rows import NAMES, write_file
from webui.usecases.risks import FileAnswers, RowAnswer, SavedRows

HEADER = ("line", NAMES[0], "risk_percent", "low_percent", "high_percent", "unlike_training", "problems")


def answers_csv(answers: FileAnswers) -> bytes:
    """Return one line per row of the upload, with its answer or what is wrong with which cell."""
    return write_file(HEADER, _lines(answers), answers.file.separator)


def example_csv(schema: Schema) -> bytes:
    """Return a file with the first line that an upload needs, and no patient."""
    return write_file((NAMES[0], *schema.names), (), ";")


def row_problems(answer: RowAnswer) -> str:
    """Return what is wrong with a row, cell by cell."""
    parts = []
    for problem in answer.row.problems:
        where = problem.column.name if problem.column is not None else ""
        said = row_problem(problem)
        parts.append(gettext("%(column)s: %(problem)s", column=where, problem=said) if where else said)
    return " ".join(parts)


def saved_words(rows: SavedRows) -> str:
    """Return how many answers were saved, and which lines were not."""
    text = str(ngettext("%(num)s answer is saved.", "%(num)s answers are saved.", rows.saved))
    if rows.left_out:
        listed = ", ".join(map(str, rows.left_out))
        why = gettext(
            "Not saved, because there is no answer or no such patient in your care: lines %(lines)s.", lines=listed
        )
        return f"{text} {why}"
    return text


def _lines(answers: FileAnswers) -> Iterator[list[str]]:
    for each in answers.rows:
        shares = each.chances or ()
        numbers = [_number(100 * share, answers.file.separator) for share in shares] or ["", "", ""]
        yield [str(each.row.line), each.row.name, *numbers, ", ".join(each.unlike), row_problems(each)]


def _number(value: float, separator: str) -> str:
    """Return a number with one decimal place; where `;` separates cells, the decimal sign is a comma."""
    text = f"{value:.1f}"
    return text.replace(".", ",") if separator == ";" else text
