"""What a hospital promised in one masked round: its keys and its files, made once, kept before they are told.

Invariant: the same question gives the same bytes after any crash; nothing is made twice.

Source: PROTOCOL.md, masked rounds (what is journalled before what leaves); PROTOCOL.md 5, phase 3 of the design.
"""

from __future__ import annotations

from collections.abc import Callable

from fl.crypto.envelope import MAX_RECIPIENTS, sealed_size
from fl.crypto.roundkeys import RoundKeys
from fl.protocol.names import Blob, Digest
from fl.protocol.round import Round
from fl.roles.artefacts import ANSWER_CAP
from fl.roles.participants import BUNDLE_CAP
from fl.roles.view import Ports
from fl.training.quantise import body_bytes


class Promises:
    """The journal and the outbox of a masked round."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def keys(self, current: Round) -> RoundKeys:
        """Return the round's keys, drawn once and journalled before anything of them leaves."""
        key = key_of("keys", current)
        kept = self._ports.journal.get(key)
        if kept is None:
            kept = self._ports.journal.once(key, RoundKeys.generate(current.terms.threshold).to_bytes())
        return RoundKeys.from_bytes(kept)

    def file(self, what: str, current: Round, make: Callable[[], Blob]) -> Digest:
        """Return the digest of the one file of this kind in this round, made and kept now if it was not yet."""
        key = key_of(what, current)
        kept = self._ports.journal.get(key)
        if kept is None:
            file = make()
            with self._ports.watch("vault"):
                kept = self._ports.journal.once(key, self._ports.outbox.put(file))
        return Digest(kept)

    def deliver(self, what: str, current: Round) -> bool:
        """Put a promised file into the vault unless it is there; False when there was nothing to do."""
        kept = self._ports.journal.get(key_of(what, current))
        if kept is None or self._ports.vault.has(Digest(kept)):
            return False
        caps = {"bundle": BUNDLE_CAP, "update": body_bytes(current.terms.parameters), "answer": ANSWER_CAP}
        with self._ports.watch("vault"):
            self._ports.vault.put(self._ports.outbox.get(Digest(kept), sealed_size(caps[what], MAX_RECIPIENTS)))
        return True


def key_of(what: str, current: Round) -> str:
    """Return the journal key of a promise in one round; the context tells consortium, chain and contract apart."""
    return f"{what}/{current.context.hex()}"
