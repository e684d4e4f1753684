"""Makes a proof of one entry of the log under a checkpoint that log and witnesses signed.

Invariant: what is made has been checked: a proof is returned only if it verifies with the same trust.

Source: PROTOCOL.md 8T.4.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fl.crypto import note_keys
from fl.proofs.log_view import LogView
from fl.proofs.verify import verify
from fl.protocol.errors import ProofChanged, ProofMalformed
from fl.protocol.ports import ChainFacts, ChainSource
from fl.protocol.records import Entry
from fl.protocol.tlog.checkpoint import parse_checkpoint
from fl.protocol.tlog.extra import Extra, Inner
from fl.protocol.tlog.notes import Note, SignatureLine, cosigned_at
from fl.protocol.tlog.proof_file import SOFT_CAP, ProofFile
from fl.protocol.tlog.trust import Trust


@dataclass(frozen=True)
class Maker:
    """What every proof is made from."""

    view: LogView
    source: ChainSource
    facts: ChainFacts
    trust: Trust
    note: Note
    """The checkpoint with its signatures; it must meet the trust's quorum."""

    def proof_of(self, entry: Entry, inner: Inner | None = None, *, bind: bool = True) -> bytes:
        """Return the proof of an entry of the chain.

        Args:
            entry: One that the checkpoint covers.
            inner: What the proof shows inside the record.
            bind: Whether to tie the checkpoint to the chain, if a keeper has recorded it there.

        Raises:
            ProofMalformed: the checkpoint does not cover the entry.
            ProofChanged: the checkpoint is not of the tree that this reader of the chain computes.
            LogSignatureInvalid, CosignatureInvalid, WitnessesMissing: its signatures do not meet the trust file.
            UnavailableError: the node does not answer, or shows another event.
        """
        checkpoint = parse_checkpoint(self.note.text)
        if checkpoint.size > len(self.view.tree) or self.view.checkpoint(checkpoint.size) != checkpoint:
            raise ProofChanged(5, "the checkpoint is of another history than the one on this chain")
        index = self.view.index_of(entry.position)
        if index >= checkpoint.size:
            raise ProofMalformed("checkpoint", "it was made before this record; wait for the next one")
        anchor = self.view.anchor_of(checkpoint) if bind else None
        event = self.source.event(entry)
        extra = Extra(
            entry=event.encoded(),
            data=event.data if event.data_are_hashed else b"",
            transaction=self.source.transaction(entry),
            inner=inner,
            binding=self.source.binding(anchor) if anchor is not None else None,
        )
        path = self.view.tree.inclusion(index, checkpoint.size)
        proof = ProofFile(extra, index, path, Note(self.note.text, self._lines(self.note.lines)))
        data = proof.encoded()
        if len(data) > SOFT_CAP:
            data = replace(proof, note=Note(self.note.text, self._fewest(proof.note.lines))).encoded()
        verify(data, self.trust, self.facts)
        return data

    def _lines(self, lines: tuple[SignatureLine, ...]) -> tuple[SignatureLine, ...]:
        """Return the lines of logs and witnesses of the policy, each once, in the policy's order."""
        policy = self.trust.policy
        keys = (*policy.logs, *policy.witnesses.values())
        found = (next((line for line in lines if line.is_of(key)), None) for key in keys)
        return tuple(line for line in found if line is not None)

    def _fewest(self, lines: tuple[SignatureLine, ...]) -> tuple[SignatureLine, ...]:
        """Return the log's lines and those of one smallest quorum of witnesses."""
        policy = self.trust.policy
        by_name = {
            name: line
            for line in lines
            for name, key in policy.witnesses.items()
            if cosigned_at(line, key, self.note.text, note_keys.verify) is not None
        }
        kept = [by_name[name] for name in policy.smallest_of(list(by_name))]
        return tuple(line for line in lines if line in kept or any(line.is_of(key) for key in policy.logs))
