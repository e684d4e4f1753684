"""What doctors wrote about a check, for the file with all data of a patient.

Invariant: a part of a review that its doctor keeps among doctors is named here, but its text is not: the patient reads
it on no page either.

Source: GDPR, Art. 15; usecases/review_format.py (who reads what).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from fl.protocol.task import Task
from webui.usecases.patient_records import Shown
from webui.usecases.review_format import Part, Review


def written(about: Sequence[Shown], task: Task | None) -> dict[str, list[dict[str, object]]]:
    """Return the notes and the reviews of a check by the name of their file; without empty files.

    A record that this site cannot open is among the notes, because nobody knows its kind.
    """
    notes = [note_data(each) for each in about if each.review is None]
    reviews = [review_data(each.review, task) for each in about if each.review is not None]
    return {name: found for name, found in (("notes", notes), ("reviews", reviews)) if found}


def note_data(each: Shown) -> dict[str, object]:
    """Return a note; only the state of a record that this site cannot open now."""
    if each.note is None:
        return {"state": each.state, "written_at": _time(each.row.created_at)}
    return {"author": each.note.author, "written_at": _time(each.note.written_at), "text": each.note.text}


def review_data(review: Review, task: Task | None) -> dict[str, object]:
    """Return a review as its patient may read it; without the task of its check, classes have no names."""
    names = {one.code: one.name for one in task.classes} if task is not None else {}
    texts = {Part.REASON: review.reason, Part.NOTE: review.note}
    return {
        "author": review.author,
        "written_at": _time(review.written_at),
        "decision": review.decision.value,
        "labels": {code: names.get(code, code) for code in review.labels},
        "message": review.message,
        **{part.value: text for part, text in texts.items() if text and review.shows(part)},
        "kept_among_doctors": [part.value for part, text in texts.items() if text and not review.shows(part)],
    }


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
