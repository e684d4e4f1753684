"""Names of constraints, column types and text lengths for all tables.

Invariant: a constraint has the same name in every database, so that a migration can name it.

Source: Alembic documentation, "The Importance of Naming Constraints".
"""

from __future__ import annotations

from typing import Annotated

from sqlalchemy import BigInteger, Integer, LargeBinary, MetaData, String
from sqlalchemy.orm import DeclarativeBase, mapped_column

NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
EMAIL_CHARS = 254
NAME_CHARS = 120
"""Graphemes: characters as people count them."""
NAME_UNITS = 480
"""Code points; a letter with its marks may have several."""
DIGEST_BYTES = 32

Id = Annotated[int, mapped_column(Integer, primary_key=True)]
Seconds = Annotated[int, mapped_column(BigInteger)]
Name = Annotated[str, mapped_column(String(NAME_CHARS))]
RawDigest = Annotated[bytes, mapped_column(LargeBinary(DIGEST_BYTES))]


class Base(DeclarativeBase):
    """All tables of the site."""

    metadata = MetaData(naming_convention=NAMES)
