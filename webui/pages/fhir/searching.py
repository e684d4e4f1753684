"""The parameters of FHIR searches, and what a sent Appointment asks for.

Invariant: an unknown or strange parameter is refused; it is never ignored, for then the answer would be wrong.

Source: HL7 FHIR 4.0.1, "Search" (3.1.1.4.7, prefixes of dates); "Appointment".
Not here: fhir.resources is loaded at the first write only, because that takes a quarter of a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from flask import Response, json, request

from fl.protocol import strict_json
from fl.protocol.errors import TooLarge
from webui.errors import NotFound
from webui.http.bearer import BODY_CAP, MAX_PAGE, whole
from webui.http.headers import MAX_INTEGER
from webui.http.machines import FHIR
from webui.ports.api_errors import FieldRefused
from webui.presentation.fhir_views import Resource, bundle

MAX_DATES = 2
DATE = re.compile(r"(?P<prefix>eq|ge|gt|le|lt)?(?P<text>\d{4}-\d{2}-\d{2}(T.{5,30})?)")
SLOT = re.compile(r"Slot/(?P<doctor>\d{1,18})-(?P<start>\d{1,18})")


@dataclass(frozen=True)
class Span:
    """A stretch of time, seconds since 1970: from `first` on, before `end`."""

    first: int = 0
    end: int = MAX_INTEGER

    def has(self, moment: int) -> bool:
        return self.first <= moment < self.end


def page_of_search(*allowed: str) -> int:
    """Return the asked page, from 0; raise FieldRefused if there is a parameter that is not `allowed`."""
    for name in request.args:
        if name not in {"page", "_format", *allowed}:
            raise FieldRefused(name, "this search does not know it")
    return whole(request.args.get("page", "0"), "page", MAX_PAGE)


def span(name: str) -> Span:
    """Return the time that the parameter `name` asks for; it may be there twice."""
    first, end = 0, MAX_INTEGER
    values = request.args.getlist(name)
    if len(values) > MAX_DATES:
        raise FieldRefused(name, "give it at most twice")
    for value in values:
        found = DATE.fullmatch(value)
        if found is None:
            raise FieldRefused(name, "write a date like ge2026-11-23")
        begins, ends = _moments(found["text"], name)
        prefix = found["prefix"] or "eq"
        if prefix in {"eq", "ge"}:
            first = max(first, begins)
        if prefix == "gt":
            first = max(first, ends)
        if prefix in {"eq", "le"}:
            end = min(end, ends)
        if prefix == "lt":
            end = min(end, begins)
    return Span(first, end)


def _moments(text: str, name: str) -> tuple[int, int]:
    """Return the first second of a day or moment, and the one after its last."""
    try:
        if "T" in text:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                raise FieldRefused(name, "a time needs a zone, like 2026-11-23T12:00:00Z")
            return int(moment.timestamp()), int(moment.timestamp()) + 1
        day = datetime.combine(date.fromisoformat(text), time(), UTC)
        return int(day.timestamp()), int((day + timedelta(days=1)).timestamp())
    except (ValueError, OverflowError) as error:
        raise FieldRefused(name, "write a date like ge2026-11-23") from error


def reference(name: str, kind: str) -> int | None:
    """Return the number of `?name=KIND/7` or `?name=7`; None if it is not asked for."""
    text = request.args.get(name)
    return None if text is None else number(text.removeprefix(f"{kind}/"))


def number(text: str) -> int:
    """Return the number of a resource; raise NotFound if it cannot be one."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MAX_INTEGER)) or int(text) > MAX_INTEGER:
        raise NotFound
    return int(text)


def base() -> str:
    return f"{request.host_url}fhir"


def found_on_page(resources: Iterable[Resource], page: int, *, more: bool) -> Response:
    """Return one page of a search."""
    links = {"self": f"{request.host_url.rstrip('/')}{request.full_path.rstrip('?')}"}
    if more:
        asked = [(name, value) for name, value in request.args.items(multi=True) if name != "page"]
        links["next"] = f"{request.host_url.rstrip('/')}{request.path}?{urlencode([*asked, ('page', page + 1)])}"
    return send(bundle(list(resources), base(), links))


def send(resource: Resource, status: int = 200) -> Response:
    return Response(json.dumps(resource), status, content_type=FHIR)


def sent_appointment() -> Resource:
    """Return the Appointment that was sent, after a check against the R4 model.

    Raises:
        EncodingError, TooLarge, FieldRefused: it is not one.
    """
    size = request.content_length or 0
    if size > BODY_CAP:
        raise TooLarge(size, BODY_CAP)
    document = strict_json.loads(request.get_data(), "request", BODY_CAP)
    from fhir.resources.R4B.appointment import Appointment  # noqa: PLC0415 loaded at the first write
    from pydantic import ValidationError  # noqa: PLC0415

    if not isinstance(document, dict) or document.get("resourceType") != "Appointment":
        raise FieldRefused("resourceType", "it must be Appointment")
    try:
        Appointment.model_validate(document)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise FieldRefused(place or "Appointment", "FHIR R4 does not allow this value") from error
    return document


def wanted_slot(sent: Resource) -> tuple[int, int]:
    """Return the doctor and the start of the one slot that an Appointment names."""
    slots = sent.get("slot") or [{}]
    found = SLOT.fullmatch(str(slots[0].get("reference", ""))) if len(slots) == 1 else None
    if found is None:
        raise FieldRefused("slot", "name one free Slot of this server, like Slot/3-1795510800")
    return int(found["doctor"]), int(found["start"])


def patients_of(sent: Resource) -> set[str]:
    """Return the references to patients among the participants."""
    actors = [str((each.get("actor") or {}).get("reference", "")) for each in sent.get("participant", [])]
    return {actor for actor in actors if actor.startswith("Patient/")}
