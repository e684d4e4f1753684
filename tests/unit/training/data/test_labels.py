"""What the names of a hospital's folders mean: known ones are recognised, no name is ever taken for its opposite."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl.protocol.errors import DatasetUnusable, EncodingError, LabelsUnknown
from fl.protocol.task import Domain, Origin, Task, TaskClass, TaskKind
from fl.protocol.task_catalogue import CELL_DISEASE, LEUKEMIA, LEUKEMIA_DRAWN, LEUKEMIA_STAGES, PNEUMONIA
from fl.training.data.dataset import Dataset
from fl.training.data.labels import LabelMap, propose

HEALTHY = (
    *("hem", "HEM", "Hem", "healthy", "Healthy cells", "normal", "NORMAL", "0_normal", "2 - Normal", "control"),
    *("non-leukemia", "non_leukemia", "nonleukemia", "NonLeukemia", "no_leukemia", "not leukemia", "NON LEUKAEMIA"),
    *("leukemia-free", "leukemia negative", "negative", "Benign", "hematogones", "no blasts", "without leukemia"),
    *("gesund", "gesunde Zellen", "sain", "sano", "ohne Leukämie", "sans leucémie", "sin leucemia"),
)
DISEASED = (
    *("all", "ALL", "All", "ＡＬＬ", "ALL_cells", "leukemia", "Leukaemia", "leukemias", "1 - leukemia", "1.leukemia"),
    *("blast", "Blasts", "lymphoblasts", "sick", "positive", "leukemia positive", "not healthy", "abnormal"),
    *("Early", "Pre", "Pro", "Early Pre-B", "[Malignant] Pre-B", "Acute Lymphoblastic Leukemia"),
    *("krank", "Leukämie", "Leuka\u0308mie", "leucémie", "malade", "enfermo", "leucemia"),
)


@pytest.mark.parametrize("name", HEALTHY)
def test_names_of_healthy_cells_are_known(name: str) -> None:
    assert propose([name], LEUKEMIA) == {name: "healthy"}


@pytest.mark.parametrize("name", DISEASED)
def test_names_of_leukemic_cells_are_known(name: str) -> None:
    assert propose([name], LEUKEMIA) == {name: "leukemia"}


UNCERTAIN = (
    *("0", "1", "class 0", "7", "test", "train", "unlabelled", "unknown", "misc", "basophil", "", " ", "-", "???"),
    *("leukemia?", "all images", "allergy", "hem2", "preview", "project", "non", "not", "no", "non-non-leukemia"),
    *("leukemia or healthy", "healthy leukemia", "small", "ball", "scall", "themes", "sickle", "casein", "leukemiaX"),
)


@pytest.mark.parametrize("name", UNCERTAIN)
@pytest.mark.parametrize("task", [LEUKEMIA, LEUKEMIA_STAGES, PNEUMONIA, CELL_DISEASE])
def test_what_is_not_certain_stays_unknown(name: str, task: Task) -> None:
    assert propose([name], task) == {}


@given(
    st.sampled_from(DISEASED), st.sampled_from(["non-{}", "no {}", "not_{}", "{}-free", "without {}", "{} negative"])
)
def test_a_negated_name_never_means_the_same(name: str, form: str) -> None:
    assert propose([form.format(name)], LEUKEMIA).get(form.format(name)) != "leukemia"


@given(st.sampled_from(HEALTHY + DISEASED), st.sampled_from(["{}", " {} ", "3_{}", "{}_images", "{}.cells", "({})"]))
def test_case_spaces_and_words_around_change_nothing(name: str, form: str) -> None:
    changed = form.format(name)
    expected = propose([name], LEUKEMIA)[name]
    assert propose([changed], LEUKEMIA).get(changed, expected) == expected


@given(st.text(max_size=30))
def test_any_text_is_a_class_of_the_task_or_unknown(name: str) -> None:
    for task in (LEUKEMIA, LEUKEMIA_STAGES):
        assert set(propose([name], task).values()) <= set(task.codes)


def test_stages_are_their_own_classes_and_the_reported_word_alone_is_none_of_them() -> None:
    names = ["Benign", "Early", "Pre", "Pro", "non-leukemia", "leukemia", "hem", "non-early"]
    assert propose(names, LEUKEMIA_STAGES) == {
        "Benign": "benign", "Early": "early", "Pre": "pre", "Pro": "pro", "non-leukemia": "benign",
    }  # fmt: skip


def test_x_rays_and_drawn_cells_have_the_same_rules() -> None:
    assert propose(["NORMAL", "PNEUMONIA", "non-pneumonia", "ALL"], PNEUMONIA) == {
        "NORMAL": "normal", "PNEUMONIA": "pneumonia", "non-pneumonia": "normal",
    }  # fmt: skip
    assert propose(["hem", "ALL"], LEUKEMIA_DRAWN) == {"hem": "healthy", "ALL": "leukemia"}


def test_own_classes_are_known_by_code_and_name_and_no_disease_gives_no_generic_words() -> None:
    names = ("basophil", "eosinophil", "immature granulocyte")
    classes = tuple(TaskClass(name.replace(" ", "-"), name) for name in names)
    cells = Task("cells", "Kinds of cells", TaskKind.CLASSES, classes, "", Domain.STAINED_CELL)
    assert propose([*names, "Basophils", "IMMATURE_GRANULOCYTE", "healthy", "sick"], cells) == {
        "basophil": "basophil",
        "eosinophil": "eosinophil",
        "immature granulocyte": "immature-granulocyte",
        "Basophils": "basophil",
        "IMMATURE_GRANULOCYTE": "immature-granulocyte",
    }


# --- Mapping -------------------------------------------------------------------------------------------------------


def _data(names: tuple[str, ...], labels: list[int]) -> Dataset:
    count = len(labels)
    images = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 16, 16, 3), np.uint8)
    groups = np.array([f"person {row}" for row in range(count)])
    return Dataset(images, np.array(labels, np.int64), groups, np.zeros(count, np.uint8), names, "folder")


@pytest.mark.parametrize("names", [("leukemia", "non-leukemia"), ("non-leukemia", "leukemia"), ("ALL", "HEM")])
def test_images_keep_their_meaning_whatever_the_order_of_names(names: tuple[str, str]) -> None:
    data = _data(names, [0, 1, 1, 0, 1])
    mapped = LabelMap(LEUKEMIA, propose(names, LEUKEMIA)).apply(data)
    assert mapped.class_names == ("healthy", "leukemia")
    sick = [names[label] in ("leukemia", "ALL") for label in data.labels]
    assert [mapped.class_names[label] == "leukemia" for label in mapped.labels] == sick
    assert (mapped.images == data.images).all()


def test_two_names_may_mean_one_class_and_a_class_may_have_no_image() -> None:
    names = ("ALL", "all", "Early")
    mapped = LabelMap(LEUKEMIA_STAGES, {"ALL": "pre", "all": "pre", "Early": "early"}).apply(_data(names, [0, 1, 2]))
    assert mapped.class_names == ("benign", "early", "pre", "pro")
    assert mapped.labels.tolist() == [2, 2, 1]
    assert mapped.class_counts().tolist() == [0, 1, 2, 0]


def test_ignored_images_are_left_out_and_only_they() -> None:
    data = _data(("leukemia", "rubbish", "healthy"), [0, 1, 2, 1, 0])
    mapped = LabelMap(LEUKEMIA, {"leukemia": "leukemia", "rubbish": "ignore", "healthy": "healthy"}).apply(data)
    assert mapped.images[:, 0, 0, 0].tolist() == [0, 2, 4]
    assert mapped.labels.tolist() == [1, 0, 1]
    with pytest.raises(DatasetUnusable, match="all ignored"):
        LabelMap(LEUKEMIA, dict.fromkeys(data.class_names, "ignore")).apply(data)


def test_an_unknown_name_is_refused_with_the_name_the_classes_and_what_to_give() -> None:
    with pytest.raises(LabelsUnknown) as refusal:
        LabelMap(LEUKEMIA, {"leukemia": "leukemia"}).apply(_data(("leukemia", "other"), [0, 1]))
    for part in ("'other'", "healthy, leukemia", "--label NAME=CLASS", "--labels FILE"):
        assert part in str(refusal.value)


def test_a_name_without_images_needs_no_meaning() -> None:
    mapped = LabelMap(LEUKEMIA, {"leukemia": "leukemia"}).apply(_data(("leukemia", "other"), [0, 0]))
    assert mapped.labels.tolist() == [1, 1]


def test_the_file_comes_back_and_a_person_may_lay_it_out() -> None:
    labels = LabelMap(replace(LEUKEMIA, origin=Origin.DRAWN), {"Leukämie": "leukemia", "rubbish": "ignore"}, "ward 7")
    assert LabelMap.from_bytes(labels.to_bytes()) == labels
    assert LabelMap.from_bytes(labels.to_bytes().replace(b"  ", b"\t")) == labels


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"ignore"', b'"nothing"'),
        (b'"ignore"', b"7"),
        (b'"labels"', b'"label"'),
        (b'"disease": true', b'"disease": false'),
        (b'"data": ""', b'"data": "\\u001b[31m"'),
        (b"{", b"["),
        (b"}", b""),
    ],
)
def test_a_file_that_is_none_of_labels_is_refused(old: bytes, new: bytes) -> None:
    data = LabelMap(LEUKEMIA, {"rubbish": "ignore"}).to_bytes()
    assert old in data
    with pytest.raises(EncodingError):
        LabelMap.from_bytes(data.replace(old, new))


def test_a_file_without_bounds_is_refused() -> None:
    for data in (b" " * 300_000, b"[" * 6000, LabelMap(LEUKEMIA, {f"n{n}": "ignore" for n in range(1001)}).to_bytes()):
        with pytest.raises(EncodingError):
            LabelMap.from_bytes(data)
