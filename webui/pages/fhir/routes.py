"""The blueprint of /fhir, and what the server says about itself."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from webui.errors import NotFound
from webui.http.bearer import caller
from webui.pages.fhir.searching import send
from webui.presentation.fhir_views import capability
from webui.site import site
from webui.store.models import SiteRole

blueprint = Blueprint("fhir", __name__, url_prefix="/fhir")
READERS = (SiteRole.PATIENT, SiteRole.DOCTOR)


@blueprint.get("/metadata")
def metadata() -> ResponseReturnValue:
    """Say what this server can do."""
    return send(capability(site().config.hospital_name))


def patient_asked(asked: int | None) -> int:
    """Return whose resources are asked for: a patient's own, or those of a patient in the doctor's care.

    Raises:
        NotFound: the caller may not see this patient, or a doctor names none.
    """
    reader = caller()
    if reader.role is SiteRole.PATIENT:
        if asked not in {None, reader.id}:
            raise NotFound
        return reader.id
    if asked is None:
        raise NotFound
    return site().record_store.patient_of(reader.id, asked).account_id
