"""Words in class names, in the languages of public data sets.

Invariant: each word is in only one list; all are lower case, without accents, in the singular.
"""

from __future__ import annotations

HEALTHY = (
    *("healthy", "normal", "negative", "control", "unaffected", "healthy control", "normal control"),
    *("gesund", "gesunde", "sain", "saine", "sano", "sana", "normale", "saludable", "saudavel"),
)
"""For a task with disease and exactly one healthy class."""
DISEASED = (
    *("diseased", "disease", "sick", "ill", "positive", "case", "affected", "abnormal", "patient", "unhealthy"),
    *("krank", "kranke", "malade", "enfermo", "enferma", "malato", "malata", "doente"),
)
"""For a task with disease."""
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
"""Words without meaning for the class."""
SPELLINGS = {
    **dict.fromkeys(("leukemia", "leukaemia", "leukamie", "leukaemie", "leucemia", "leucemie", "leukemie"), "leukemia"),
    **dict.fromkeys(("leukemic", "leukaemic"), "leukemic"),
    **dict.fromkeys(("pneumonia", "pneumonie", "neumonia", "polmonite"), "pneumonia"),
    **dict.fromkeys(("haematogone", "hematogone"), "hematogone"),
    **{word: word for word in ("lymphoblast", "blast", "healthy", "normal", "benign", "disease", "diseased")},
}
"""The standard spelling of a word; `non` may be attached to a word in this table."""
