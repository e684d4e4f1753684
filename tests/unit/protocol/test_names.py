"""Names of members: which the ledger takes, which are proposed to it, and what a terminal gets to see."""

from __future__ import annotations

import pytest

from fl.protocol.errors import NameInvalid, NameTaken, SettingInvalid
from fl.protocol.keys.member_names import check_bytes, proper
from fl.protocol.names import Address, shown, shown_lines

WHO = Address(b"\x11" * 20)


@pytest.mark.parametrize("name", ["", "x" * 65, "é" * 33, "a\nb", "\x1b[2J", "a\x00", "a\x7f", "a\x9b", "\ud800"])
def test_the_ledger_refuses_what_is_no_text(name: str) -> None:
    with pytest.raises(NameInvalid):
        check_bytes(name, WHO, ())


def test_the_ledger_gives_a_name_once() -> None:
    check_bytes("Alpha", WHO, {"alpha"})
    with pytest.raises(NameTaken):
        check_bytes("alpha", WHO, {"alpha"})


@pytest.mark.parametrize(
    "other",
    ["ALPHA", "alpha", " alpha ", "ａｌｐｈａ", "alph\u00aa"],
)
def test_a_name_that_looks_the_same_is_not_registered(other: str) -> None:
    with pytest.raises(SettingInvalid, match="which looks the same"):
        proper(other, {"alpha", "operator"})


@pytest.mark.parametrize("mixed", ["\u0430lpha", "alph\u0430", "g\u0430mma 2", "b\u03bfta", "\u13aalpha"])
def test_letters_of_two_scripts_are_no_name(mixed: str) -> None:
    with pytest.raises(SettingInvalid, match="several scripts"):
        proper(mixed, ())


@pytest.mark.parametrize(
    ("latin", "other"),
    [("HOBA", "\u041d\u041e\u0412\u0410"), ("coco", "\u0441\u043e\u0441\u043e"), ("TAO", "\u03a4\u0391\u039f")],
)
def test_letters_of_another_script_with_the_same_shape_are_the_same_name(latin: str, other: str) -> None:
    assert proper(other, {"alpha"}) == other
    with pytest.raises(SettingInvalid, match="looks the same"):
        proper(other, {latin})
    with pytest.raises(SettingInvalid, match="looks the same"):
        proper(latin, {other})


def test_composed_and_decomposed_accents_are_one_name() -> None:
    assert proper("Hôpital Élysée".encode().decode().replace("É", "E\u0301"), ()) == "Hôpital Élysée"
    with pytest.raises(SettingInvalid):
        proper("Élysée", {"E\u0301lyse\u0301e"})
    with pytest.raises(SettingInvalid):
        proper("STRASSE", {"straße"})


@pytest.mark.parametrize(
    "hidden", ["\u202e", "\u200b", "\u200d", "\u2066", "\ufeff", "\x1b", "\x85", "\u2028", "\U000e0041"]
)
def test_what_nobody_sees_is_neither_registered_nor_printed(hidden: str) -> None:
    with pytest.raises(SettingInvalid):
        proper(f"al{hidden}pha", ())
    assert shown(f"al{hidden}pha").isprintable()
    assert hidden not in shown(f"al{hidden}pha")
    assert shown(f"al{hidden}pha") != "alpha"


@pytest.mark.parametrize(
    "name",
    [
        "Klinikum Köln",
        "東京病院",
        "בית חולים",
        "مستشفى",
        "St. Mary's (2)",
        "a b",
        "Больница 5",
        "Νοσοκομείο",
        "NTT東京病院",
        "세브란스 병원",
    ],
)
def test_real_names_stay_as_they_are(name: str) -> None:
    check_bytes(proper(name, {"operator"}), WHO, ())
    assert shown(proper(name, ())) == name


def test_lines_stay_lines_and_nothing_else_moves_the_cursor() -> None:
    assert shown_lines("one\ntwo\x1b[1A\rthree") == "one\ntwo\\x1b[1A\\rthree"
    assert shown("\ud800") == "\\ud800"
