"""Words that names of classes are made of, in the languages of those who made public data sets.

Invariant: a word stands in one list only; all are lower case, without accents, in the singular.

Not here: how a name is read (labels.py).
"""

from __future__ import annotations

HEALTHY = (
    *("healthy", "normal", "negative", "control", "unaffected", "healthy control", "normal control"),
    *("gesund", "gesunde", "sain", "saine", "sano", "sana", "normale", "saludable", "saudavel"),
)
"""Where a task has one class that is no disease, and others that are."""
DISEASED = (
    *("diseased", "disease", "sick", "ill", "positive", "case", "affected", "abnormal", "patient", "unhealthy"),
    *("krank", "kranke", "malade", "enfermo", "enferma", "malato", "malata", "doente"),
)
"""Where a task has one class that is disease."""
EXTRA: dict[str, dict[str, tuple[str, ...]]] = {
    "leukemia": {
        "healthy": ("hem", "hematogone", "benign", "non blast"),
        "leukemia": (
            *("all", "aml", "cll", "cml", "blast", "lymphoblast", "leukemic", "malignant", "cancer"),
            *("acute leukemia", "acute lymphoblastic leukemia", "acute myeloid leukemia", "leukemia all"),
            *("early", "pre", "pro", "early pre b", "pre b", "pro b", "malignant early", "malignant pre"),
            *("malignant pro", "malignant early pre b", "malignant pre b", "malignant pro b"),
        ),
    },
    "leukemia-stages": {
        "benign": ("hematogone", "benign hematogone"),
        "early": ("early pre b", "malignant early pre b", "malignant early"),
        "pre": ("pre b", "malignant pre b", "malignant pre"),
        "pro": ("pro b", "malignant pro b", "malignant pro"),
    },
    "pneumonia": {"pneumonia": ("bacterial pneumonia", "viral pneumonia", "bacteria pneumonia", "virus pneumonia")},
    "cell-disease": {"healthy": ("benign",), "diseased": ("malignant", "cancer")},
}
"""By task and class code."""
NEGATIONS = frozenset(
    {"no", "not", "non", "without", "free", "negative", "neg", "ohne", "kein", "keine", "nicht", "sans", "sin", "senza"}
)
AFFIRMATIONS = frozenset({"positive", "pos"})
"""`leukemia positive` is leukemia."""
NOISE = frozenset(
    {
        *("cell", "image", "picture", "photo", "class", "folder", "label", "type", "sample", "smear", "slide", "img"),
        *("zelle", "zellen", "bild", "bilder", "cellule", "celula", "imagen", "immagine", "xray", "data", "wbc"),
    }
)
"""Words beside the one that counts."""
SPELLINGS = {
    **dict.fromkeys(("leukemia", "leukaemia", "leukamie", "leukaemie", "leucemia", "leucemie", "leukemie"), "leukemia"),
    **dict.fromkeys(("leukemic", "leukaemic"), "leukemic"),
    **dict.fromkeys(("pneumonia", "pneumonie", "neumonia", "polmonite"), "pneumonia"),
    **dict.fromkeys(("haematogone", "hematogone"), "hematogone"),
    **{word: word for word in ("lymphoblast", "blast", "healthy", "normal", "benign", "disease", "diseased")},
}
"""One spelling of a word; a word listed here may also be glued to `non`."""
