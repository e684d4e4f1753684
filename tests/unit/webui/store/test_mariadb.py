"""The rules that MariaDB and PostgreSQL must be made to keep: conflicts are tried again, and nothing is cut."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from math import inf
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from fl.protocol.errors import SettingInvalid
from tests.support.databases import new_database
from webui.errors import DatabaseUnavailable
from webui.store.database import Database
from webui.store.job_tables import HandledForm
from webui.store.models import Attempts

LARGE = 3 * 1024 * 1024


@pytest.fixture(params=["postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with new_database(request.param, tmp_path) as made:
        yield made


def test_two_writes_that_lock_each_other_out_are_both_done(url: str) -> None:
    databases, both = [Database(url), Database(url)], Barrier(2)
    databases[0].write(lambda session: session.add_all(Attempts(key=key, count=0, window_ends_at=9) for key in "ab"))

    def write(place: int) -> None:
        order, tries = ("ab", "ba")[place], count(1)

        def work(session: Session) -> None:
            first_try = next(tries) == 1
            for key in order:
                row = session.get_one(Attempts, key, with_for_update=True)
                row.count += 1
                session.flush()
                if first_try and key == order[0]:
                    both.wait(timeout=60)

        databases[place].write(work)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    with databases[0].reading() as session:
        counts = [session.get_one(Attempts, key).count for key in "ab"]
    for database in databases:
        database.close()
    assert counts == [2, 2]


def test_writes_of_many_processes_to_one_row_are_all_done(url: str) -> None:
    """Six, one database object each: what two of them do at the same moment, at least one has to do again."""
    databases = [Database(url) for _ in range(6)]
    databases[0].write(lambda session: session.add(Attempts(key="a", count=0, window_ends_at=9)))

    def count_up(session: Session) -> None:
        session.get_one(Attempts, "a").count += 1

    def write_often(database: Database) -> None:
        for _ in range(10):
            database.write(count_up)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write_often, databases))
    with databases[0].reading() as session:
        assert session.get_one(Attempts, "a").count == 60
    for database in databases:
        database.close()


def test_a_write_that_loses_seven_times_is_done_and_one_that_always_loses_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_database("postgresql", tmp_path) as url:
        database, faster, tries = Database(url), Database(url), count(1)
        database.write(lambda session: session.add(Attempts(key="a", count=0, window_ends_at=9)))

        def be_faster(session: Session) -> None:
            session.get_one(Attempts, "a").count += 1

        def lose(session: Session, times: float) -> None:
            row = session.get_one(Attempts, "a")
            if next(tries) <= times:
                faster.write(be_faster)
            row.count += 100

        database.write(lambda session: lose(session, 7))
        with database.reading() as session:
            assert session.get_one(Attempts, "a").count == 107
        monkeypatch.setattr("webui.store.database.PATIENCE_S", 0.2)
        with pytest.raises(DatabaseUnavailable, match="same moment"):
            database.write(lambda session: lose(session, inf))
        for each in (database, faster):
            each.close()


def test_what_does_not_fit_is_an_error_and_is_not_cut(url: str) -> None:
    database = Database(url)
    with pytest.raises(DataError):
        database.write(lambda session: session.add(Attempts(key="k" * 65, count=0, window_ends_at=9)))
    with pytest.raises(DataError):
        database.write(lambda session: session.add(Attempts(key="k", count=2**40, window_ends_at=9)))
    database.close()


def test_texts_differ_by_case_accent_and_a_space_at_the_end(url: str) -> None:
    database = Database(url)
    keys = ("a", "A", "ä", "a ", "🩺")
    database.write(lambda session: session.add_all(Attempts(key=key, count=0, window_ends_at=9) for key in keys))
    with database.reading() as session:
        assert session.get_one(Attempts, "🩺").key == "🩺"
    with pytest.raises(IntegrityError):
        database.write(lambda session: session.add(Attempts(key="a", count=0, window_ends_at=9)))
    database.close()


def test_long_texts_and_bytes_come_back_whole(url: str) -> None:
    database, text = Database(url), "🩺" * (LARGE // 4)
    database.write(lambda session: session.add(HandledForm(key=bytes(range(32)), begun_at=1, outcome=text)))
    with database.reading() as session:
        assert session.get_one(HandledForm, bytes(range(32))).outcome == text
    database.close()


def test_of_two_who_note_the_same_new_row_one_hears_that_it_is_there(url: str) -> None:
    databases, both = [Database(url), Database(url)], Barrier(2)

    def note(place: int) -> str:
        def work(session: Session) -> None:
            session.get(HandledForm, b"k" * 32, with_for_update=True)
            both.wait(timeout=60)
            session.add(HandledForm(key=b"k" * 32, begun_at=1))

        try:
            databases[place].note(work)
        except IntegrityError:
            return "there"
        return "made"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(note, range(2))) == ["made", "there"]
    for database in databases:
        database.close()


@pytest.mark.parametrize("query", ["charset=latin1", "charset=utf8"])
def test_another_character_set_is_refused_before_a_name_is_lost(query: str) -> None:
    with pytest.raises(SettingInvalid, match="utf8mb4"):
        Database(f"mysql+pymysql://root@127.0.0.1/site?{query}")
