"""The table of weights that a hospital's staff uploaded.

Invariant: a row has no weights. Those are sealed in a folder, under the row's name, until the agent has used them.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Float, ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webui.store.base import DIGEST_BYTES, Base, Id, RawDigest, Seconds
from webui.store.models import Account

WHY_CHARS = 500


class WeightUpload(Base):
    """One upload, also a refused one."""

    __tablename__ = "weight_upload"
    __table_args__ = (
        Index("uq_weight_upload_name", "name", unique=True),
        Index("ix_weight_upload_received_at", "received_at"),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(16))
    """16 hexadecimal digits: the file in the folder. Names ascend with the time."""
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    received_at: Mapped[Seconds]
    size: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[RawDigest]
    """SHA-256 of the file as it came."""
    base: Mapped[bytes | None] = mapped_column(LargeBinary(DIGEST_BYTES))
    """The model that it starts from; None if it was refused."""
    samples: Mapped[int] = mapped_column(Integer)
    correct: Mapped[int] = mapped_column(Integer)
    loss: Mapped[float] = mapped_column(Float)
    norm: Mapped[float | None] = mapped_column(Float)
    """L2 norm of the change; None if it was refused."""
    refused: Mapped[str] = mapped_column(String(WHY_CHARS), default="", server_default="")
    """Why the site refused it; empty if it did not."""
    account: Mapped[Account] = relationship(lazy="joined", innerjoin=True)
