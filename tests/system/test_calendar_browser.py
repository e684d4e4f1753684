"""The week of a doctor's free times in a real browser: by arrow keys, without scripts, and never too wide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.approval_site import served
from tests.support.browser import follow, says
from tests.support.site_browser import sign_in
from tests.support.site_town import INES, MAYA, Town

WIDE, PHONE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}, {"width": 320, "height": 640}
FOCUS = "() => document.activeElement.getAttribute('aria-label')"
SEEN = "() => [...document.querySelectorAll('.time')].filter((each) => each.offsetParent).length"


def test_arrow_keys_move_between_times_and_days(tmp_path: Path, chromium: Any) -> None:
    town = Town(tmp_path)
    with served(town.app) as address:
        page = chromium.new_context(viewport=WIDE).new_page()
        sign_in(page, address, MAYA)
        page.goto(f"{address}/appointments/doctors/{town.members[INES].id}?day=2026-11-30")
        page.focus(".time")
        stops = [page.evaluate(FOCUS)]
        for key in ("ArrowDown", "ArrowRight", "ArrowUp", "End", "ArrowRight", "Home", "ArrowLeft", "ArrowLeft"):
            page.keyboard.press(key)
            stops.append(page.evaluate(FOCUS))
        page.context.close()
    monday, tuesday, wednesday = (
        f"{day}, {date}"
        for day, date in (
            ("Monday", "30 November 2026"),
            ("Tuesday", "1 December 2026"),
            ("Wednesday", "2 December 2026"),
        )
    )
    assert stops == [
        f"{monday}, 09:00",
        f"{monday}, 09:30",
        f"{tuesday}, 09:30",
        f"{tuesday}, 09:00",
        "11 more times on Tuesday, 1 December 2026",
        "11 more times on Wednesday, 2 December 2026",
        f"{wednesday}, 09:00",
        f"{tuesday}, 09:00",
        f"{monday}, 09:00",
    ]


def test_a_phone_without_scripts_shows_one_day_and_books_and_moves(tmp_path: Path, chromium: Any) -> None:
    town = Town(tmp_path)
    with served(town.app) as address:
        page = chromium.new_context(viewport=PHONE, java_script_enabled=False).new_page()
        sign_in(page, address, MAYA)
        page.goto(f"{address}/appointments/doctors")
        follow(page, "text=Dr Inês Carvalho")
        follow(page, "text=Week after")
        follow(page, ".day-tabs a:has-text('Tue 1 Dec')")
        assert [page.locator(".week-day").nth(day).is_visible() for day in range(7)] == [False, True] + [False] * 5
        follow(page, ".week-day.is-chosen .time >> nth=1")
        follow(page, "main button[type=submit]")
        follow(page, "text=Move…")
        follow(page, "text=Show one day" if page.locator("text=Show one day").count() else ".is-chosen .more")
        follow(page, ".time >> nth=-1")
        follow(page, "text=Move it")
        says(page, "Your appointment has a new time.")
        page.context.close()
    assert [row.state for row in town.site.appointments.of_patient(town.members[MAYA].id)] == ["booked"]


def test_no_page_of_the_calendar_is_wider_than_the_screen(tmp_path: Path, chromium: Any) -> None:
    town = Town(tmp_path)
    booking, ines = town.book(), town.members[INES].id
    paths = {
        MAYA: [
            "/appointments/",
            "/appointments/doctors",
            f"/appointments/doctors/{ines}",
            f"/appointments/doctors/{ines}?day=2026-11-30&all=1",
            f"/appointments/doctors/{ines}/{town.free()[20]}",
            f"/appointments/{booking}/move",
            f"/appointments/waiting/doctors/{ines}",
            "/calendar/",
        ],
        INES: ["/doctor/", "/doctor/calendar", "/doctor/calendar?view=day", "/doctor/schedule"],
    }
    paths[INES].append(f"/doctor/appointments/{booking}/cancel")
    widths: dict[tuple[str, int], int] = {}
    with served(town.app) as address:
        for email, own in paths.items():
            page = chromium.new_context(viewport=WIDE).new_page()
            sign_in(page, address, email)
            for path in own:
                page.goto(address + path)
                assert page.evaluate(SEEN) <= 42
                for view in (WIDE, PHONE, NARROW):
                    page.set_viewport_size(view)
                    widths[path, view["width"]] = page.evaluate("document.documentElement.scrollWidth")
            page.context.close()
    assert {place: width for place, width in widths.items() if width != place[1]} == {}
