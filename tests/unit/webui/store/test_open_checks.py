"""Which checks are open: those without a review, and for their patient those with a review that is not read."""

from __future__ import annotations

from tests.support.site_town import INES, MAYA, OMAR, Town
from webui.store.open_checks import OpenChecks


def rows_of(town: Town, reader: str, most: int = 9) -> tuple[list[int], bool]:
    rows, more = OpenChecks(town.site.database).of(town.members[reader].id, [town.members[MAYA].id], most)
    return [row.row_id for row in rows], more


def test_open_checks_are_the_unread_reviews_and_then_the_newest_without_one(any_town: Town) -> None:
    town = any_town
    first, second, third = (town.add_check(MAYA) for _ in range(3))
    other = town.add_check(OMAR)
    town.book(MAYA, INES)
    assert rows_of(town, MAYA) == ([third, second, first], False)
    assert town.visitor(INES).post(f"/reviews/{first}", decision="confirmed").status_code == 302
    assert rows_of(town, MAYA) == ([first, third, second], False)
    assert rows_of(town, MAYA, 2) == ([first, third], True)
    assert rows_of(town, INES) == ([third, second], False), "who wrote it has read it"
    town.visitor(MAYA).get(f"/checks/{first}")
    assert rows_of(town, MAYA) == ([third, second], False)
    town.site.record_store.erase(third, town.members[MAYA].id)
    assert rows_of(town, MAYA) == ([second], False)
    assert other not in rows_of(town, MAYA)[0]
