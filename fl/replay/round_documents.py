"""Reads the documents that the ledger names by digest: the configuration of a round, the manifest of its models.

Invariant: a document is used only if it has the digest on the ledger.

Source: PROTOCOL.md 4 and 5S.
"""

from __future__ import annotations

from dataclasses import replace

from fl.protocol.errors import WrongPhase
from fl.protocol.federation import LedgerOpening
from fl.protocol.names import NO_DIGEST, Digest, Suite
from fl.protocol.ports import Vault
from fl.protocol.rounds.config import CONFIG_CAP, RoundConfig
from fl.protocol.rounds.round import Round
from fl.replay.vault_files import read_document
from fl.training.model.weights import Manifest

MANIFEST_CAP = 4 * 1024 * 1024


def digest_of(source: Round | LedgerOpening) -> Digest:
    """Return the digest of a round's proposed model or of the ledger's first one, or raise WrongPhase."""
    if isinstance(source, LedgerOpening):
        return source.record.model_digest
    if source.proposal is None:
        raise WrongPhase(source.number, source.phase)
    return source.proposal.model_digest


def read_config(current: Round, vault: Vault) -> RoundConfig:
    """Return the round's configuration, checked against the digest in its terms; it knows the size of the roster."""
    return replace(_read_config(current.terms.config_digest, vault), roster=len(current.roster))


def _read_config(digest: Digest, vault: Vault) -> RoundConfig:
    return RoundConfig.from_bytes(read_document(vault, digest, CONFIG_CAP))


def read_manifest(opening: LedgerOpening, vault: Vault) -> Manifest:
    """Return the model's manifest, checked against the digest with which the ledger opened."""
    return Manifest.from_bytes(read_document(vault, opening.record.manifest_digest, MANIFEST_CAP))


def suite_of(source: Round | LedgerOpening, vault: Vault) -> Suite:
    """Return how the files of a round are sealed, from its configuration.

    A model with which a later ledger opens is sealed as in the round that made it; the first one of all has suite 1.
    """
    digest = config_digest_of(source)
    return Suite.P256 if digest == NO_DIGEST else _read_config(digest, vault).suite


def config_digest_of(source: Round | LedgerOpening) -> Digest:
    """Return the digest of the configuration of the round that made a model, or NO_DIGEST."""
    return source.terms.config_digest if isinstance(source, Round) else source.config_digest
