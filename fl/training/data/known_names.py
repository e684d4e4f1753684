"""Names of files and folders in public data sets and operating systems.

Invariant: data only, in lower case. A name here helps to recognise the layout of a folder; it never gives a class a
meaning.

Source: folder names of Synology, QNAP, macOS and Windows; MedMNIST and data sets on Kaggle.
"""

from __future__ import annotations

from fl.training.data.listing import Part

_JUNK = "thumbs.db|ehthumbs.db|desktop.ini|.ds_store|icon\r|__macosx|.localized"
_THUMBNAILS = (
    "@eadir|@recycle|@tmp|#recycle|#snapshot|.@__thumb|@__thumb|.thumbnails|thumbnails|.thumb|.thumbs|.picasaoriginals|"
    ".appledouble|.appledb|.appledesktop|network trash folder|temporary items|.trashes|.trash|.spotlight-v100|"
    ".fseventsd|$recycle.bin|recycler|system volume information|lost+found|.snapshot|.zfs|.@upload_cache|@sharebin"
)
_SIDE_SUFFIXES = (
    ".csv .tsv .txt .md .rst .json .jsonl .xml .yml .yaml .html .htm .pdf .doc .docx .odt .rtf .xls .xlsx .ods .log "
    ".ini .cfg .toml .py .ipynb .r .m .sh .bat .tex .bib .sha256 .sha1 .md5 .url .lnk"
)
_SIDE_NAMES = "readme license licence copying notice changelog makefile md5sums sha256sums"
_CLASS_WORDS = (
    "all hem leukemia leukaemia leukemic leukaemic nonleukemia nonleukaemia nonleukemic healthy normal sick benign "
    "malignant malign early pre pro cancer tumor tumour positive negative pneumonia control disease diseased blast "
    "blasts aml cll cml lymphoma basophil eosinophil erythroblast ig lymphocyte monocyte neutrophil platelet covid "
    "infected uninfected parasitized"
)
_WRAPPER_WORDS = "data dataset datasets images image imgs img pictures photos download archive cells"
_FILLERS = "data set dataset images image imgs img pictures folder split part phase"

JUNK = frozenset(_JUNK.split("|"))
THUMBNAIL_FOLDERS = frozenset(_THUMBNAILS.split("|"))
SIDE_SUFFIXES = frozenset(_SIDE_SUFFIXES.split())
SIDE_NAMES = frozenset(_SIDE_NAMES.split())
CLASS_WORDS = frozenset(_CLASS_WORDS.split())
WRAPPER_WORDS = frozenset(_WRAPPER_WORDS.split())
"""Words in the name of a folder that contains a data set."""
PART_FILLERS = frozenset(_FILLERS.split())
"""Words that may stand beside the name of a part: "train_data", "Test Set"."""
PARTS = {
    **dict.fromkeys(("train", "training", "val", "valid", "validation"), Part.TRAIN),
    **dict.fromkeys(("test", "testing", "holdout", "heldout"), Part.TEST),
}
