"""One check of one image, from upload to stored result.

Invariant: the file is decoded completely before anything else uses it; only pixels that we encoded are stored.

Source: OWASP File Upload Cheat Sheet (image rewriting).
"""

from __future__ import annotations

import hashlib
import io

from werkzeug.datastructures import FileStorage

from fl.protocol.errors import TooLarge
from fl.protocol.names import Digest
from fl.training.pictures.decode import PictureReading
from fl.training.pictures.images import decode_image, encode_png, shrunk
from webui.http.metrics import counted
from webui.site import Site
from webui.store.throttle import Meter

STORED_SIDE_PX = 1024
"""Stored pictures are only for viewing; larger ones are scaled down to this."""
PART_BYTES = 2**20
NEUTRAL_NAME = "you uploaded"
"""Never the name of the file: it may be a patient's name."""


@counted
def check_image(site: Site, patient_id: int, upload: FileStorage, reading: PictureReading) -> int:
    """Predict, seal and store; return the row of the check. `reading` is what the patient knows about the file.

    Raises:
        TooManyAttempts: the patient has checked too many images.
        SiteBusy: the site is checking too many pictures at this moment.
        ImageUnreadable, TooLarge: the upload is not an acceptable image.
        NoAnswer: the image is not one that the model may judge.
        UnavailableError, TamperedError: there is no prediction (ports/federation.py).
        NoCommittee: the patient chose that only a quorum opens records, and nobody holds the key.
    """
    site.throttle.take(Meter("check", str(patient_id), site.config.limits.checks))
    data = read_capped(upload, site.config.image_cap)
    with site.doors.checks.enter():
        pixels = decode_image(data, NEUTRAL_NAME, reading)
        prediction = site.services.predictions.predict(pixels, site.config.picture_frame)
        return site.patient_records.add_check(patient_id, encode_png(shrunk(pixels, STORED_SIDE_PX)), prediction)


def read_capped(upload: FileStorage, cap: int) -> bytes:
    """Return the bytes of the file.

    Raises:
        TooLarge: more than `cap` bytes.
    """
    data = upload.stream.read(cap + 1)
    _check_size(upload, len(data), cap)
    return data


def digest_capped(upload: FileStorage, cap: int) -> Digest:
    """Return the SHA-256 of the file, without another copy in memory.

    Raises:
        TooLarge: more than `cap` bytes.
    """
    state, size = hashlib.sha256(), 0
    while part := upload.stream.read(PART_BYTES):
        size += len(part)
        _check_size(upload, size, cap)
        state.update(part)
    return Digest(state.digest())


def _check_size(upload: FileStorage, read: int, cap: int) -> None:
    if read > cap:
        upload.stream.seek(0, io.SEEK_END)
        raise TooLarge(upload.stream.tell(), cap)
