"""One check of one or more images, from upload to stored result.

Invariant: the file is decoded completely before anything else uses it; only pixels that we encoded are stored.

Source: OWASP File Upload Cheat Sheet (image rewriting).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial

from werkzeug.datastructures import FileStorage

from fl.protocol.errors import HemaledgerError, ImageUnreadable, TooLarge, Why
from fl.training.pictures.decode import PictureReading
from fl.training.pictures.field import Frame
from fl.training.pictures.images import Pixels
from webui.errors import NoHeadAnnounced, OnePictureOnly, PrivateWayFailed, TooManyPictures
from webui.http.metrics import counted
from webui.ports.federation import Prediction
from webui.site import Site
from webui.store.throttle import Meter
from webui.usecases.record_pictures import MAX_PICTURES
from webui.usecases.sampling import Ask, File, check_pictures, name_of, pictures_in


@counted
def check_images(
    site: Site,
    patient_id: int,
    uploads: Sequence[FileStorage],
    reading: PictureReading,
    server: str = "",
    *,
    private: bool = False,
) -> tuple[int, Sequence[ImageUnreadable]]:
    """Predict, seal and store the pictures of one sample.

    Return the row of the check, and for who sent the files which of them could not be read: their names are not stored.

    Args:
        site: The site.
        patient_id: Whose pictures.
        uploads: The files.
        reading: What the patient knows about them.
        server: The hospital whose server the patient chose; empty for no choice.
        private: Whether the patient chose a private prediction.

    Raises:
        TooManyAttempts: the patient has checked too many images; each page of a file counts as one.
        TooManyPictures: one check may have fewer pictures.
        SiteBusy: the site is checking too many pictures at this moment.
        ImageUnreadable, TooLarge, NoneReadable: no upload is an acceptable image (sampling.check_pictures).
        NoAnswer: the images are not ones that the model may judge.
        UnavailableError, TamperedError: there is no prediction (ports/federation.py).
        NoCommittee: the patient chose that only a quorum opens records, and nobody holds the key.
        OnePictureOnly, or as PrivateService.predict: there is no private prediction.
    """
    if len(uploads) > MAX_PICTURES:
        raise TooManyPictures(len(uploads), MAX_PICTURES)
    charge = partial(Meter, "check", str(patient_id), site.config.limits.checks)
    site.throttle.take(charge(len(uploads)))
    names = [upload.filename or "" for upload in uploads]
    files = [_read(upload, site.config.image_cap, place, names) for place, upload in enumerate(uploads)]
    more = pictures_in(files, reading) - len(files)
    if more:
        site.throttle.take(charge(more))
    ask = (
        _private(site, patient_id, len(files) + more)
        if private
        else partial(site.services.predictions.predict, server=server)
    )
    with site.doors.checks.enter():
        checked = check_pictures(files, reading, site.config.picture_frame, ask, names)
        return site.patient_records.add(patient_id, checked), checked.unreadable


def _private(site: Site, patient_id: int, pictures: int) -> Ask:
    """Return what judges one picture privately, after all that can be checked before an answer is used."""
    service = site.services.private
    if service is None:
        raise NoHeadAnnounced
    if pictures != 1:
        raise OnePictureOnly(pictures)
    service.offer()
    meter = Meter("private", str(patient_id), site.config.limits.private)

    def ask(pixels: Pixels, frame: Frame | None) -> Prediction:
        site.throttle.take(meter)
        try:
            return service.predict(pixels, frame)
        except PrivateWayFailed:
            raise  # a bought answer is lost
        except HemaledgerError:
            site.throttle.give_back(meter)
            raise

    return ask


def _read(upload: FileStorage, cap: int, place: int, names: Sequence[str]) -> File:
    """Return the bytes of a file; among several files one that is too large does not refuse the others."""
    try:
        return read_capped(upload, cap)
    except TooLarge as error:
        if len(names) == 1:
            raise
        why = Why("it has {size} bytes; at most {cap} are accepted", size=error.size, cap=cap)
        return ImageUnreadable(name_of(place, names), why)


def read_capped(upload: FileStorage, cap: int) -> bytes:
    """Return the bytes of the file.

    Raises:
        TooLarge: more than `cap` bytes.
    """
    data = upload.stream.read(cap + 1)
    _check_size(upload, len(data), cap)
    return data


def _check_size(upload: FileStorage, read: int, cap: int) -> None:
    if read > cap:
        upload.stream.seek(0, io.SEEK_END)
        raise TooLarge(upload.stream.tell(), cap)
