"""FHIR R4 for other systems of the clinic: read and search, and book and cancel an Appointment.

Invariant: the same tokens, scopes, roles and stores as the API; nothing is visible here that the page hides.

Source: HL7 FHIR 4.0.1, "RESTful API".
"""

from __future__ import annotations

from webui.pages.fhir import appointments, results  # noqa: F401 their routes
from webui.pages.fhir.routes import blueprint as blueprint
