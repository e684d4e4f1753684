"""Names are kept as people write them."""

from __future__ import annotations

import pytest

from webui.errors import NameMalformed
from webui.store.person_names import person_name


@pytest.mark.parametrize(
    "name",
    [
        "Maya Lindqvist",
        "O",
        "U Nu",
        "D’Angelo O'Neil-Smith",
        "ʻOkina Kaʻahumanu",
        "van der Berg",
        "McDonald JR.",
        "Nguyễn Thị Minh Khai",
        "علی‌رضا رضائیان",  # ZWNJ between Persian letters
        "क्‍षितिज",  # ZWJ after a virama
        "ශ්‍රී ලංකා",  # Sinhala
        "അവന്‍",  # a Malayalam chillu of before Unicode 5.1: ZWJ at the end
        "র‍্যাব",  # Bengali: ZWJ before the virama
        "葛󠄀城",  # a variation selector after a Chinese character
        "山田太郎",
        "Łukasz Żółć",
        "ẞtraße",
        "İpek Iğdır",
        "אברהם",
        "n" * 120,
        "क्षि" * 100,
    ],
)
def test_a_name_is_kept_as_it_is(name: str) -> None:
    assert person_name(name) == name


def test_only_form_and_white_space_are_made_one() -> None:
    assert person_name("  Ine\u0302s\u00a0\u2003 Carvalho \n") == "In\u00eas Carvalho"
    assert len(person_name("e\u0301" * 120)) == 120


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "...",
        "1234",
        "n" * 121,
        "e\u0301" * 121,
        "a" + "\u0301" * 600,
        "Ada\x00Byron",
        "Ada\nByron",
        "Ada\tByron",
        "Ada\u2028Byron",
        "Ada\u202eByron",
        "Ada\u2066Byron",
        "\u200fAda",
        "A\u00adda",
        "A\u200bda",
        "A\ufeffda",
        "A\u2060da",
        "A\u034fda",
        "A\ufe0fda",
        "A\U000e0061da",
        "A\u3164da",
        "A\u200dda",
        "Ada\u200c",
        "علی\u200c",
        "علی\u200c\u200cرضا",
        "\u200cعلی",
        "A\u200cعلی",
        "A\ue000",
        "A\ud800",
        "A\x1b[31m",
    ],
)
def test_what_nobody_sees_or_nobody_is_called_is_refused(name: str) -> None:
    with pytest.raises(NameMalformed):
        person_name(name)
