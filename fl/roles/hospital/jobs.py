"""What a hospital is asked to train or count in a round, from ledger and vault.

Source: PROTOCOL.md 5 (phase 0; Other rules).
"""

from __future__ import annotations

from fl.protocol.branch import Branch
from fl.protocol.federation import Federation
from fl.protocol.names import Address
from fl.protocol.ports import Vault
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.replay.branches import branch_began, start_of, turn
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Ports
from fl.replay.round_documents import read_config, read_manifest
from fl.replay.round_work import checked_work
from fl.replay.trained_rounds import is_untrained
from fl.roles.hospital.background_training import TrainingJob
from fl.training.aggregation.choice import SCAFFOLD, Aggregation
from fl.training.aggregation.work import SumSpec


def training_job(ports: Ports, reader: FileReader, federation: Federation, current: Round) -> TrainingJob:
    """Return the job of the newest round.

    Raises:
        EncodingError, WordsMismatch: configuration and terms name no work that fits.
        VaultMissing, HashMismatch: a file.
    """
    config, manifest = read_config(current, ports.vault), read_manifest(federation.opening, ports.vault)
    checked_work(current, config, manifest)
    model = start_of(config, manifest, reader.model(federation.source, manifest))
    return TrainingJob(
        round=current.number,
        previous=manifest.weights_of(model),
        config=config,
        trained=_trained(federation, config, ports.vault),
        state=model[manifest.weights :],
        context=current.context,
        counted=_counted(federation, ports.ledger.account, config, ports.vault),
        base=federation.model_digest,
        turn=turn(federation, current, config),
    )


def _counted(federation: Federation, account: Address, config: RoundConfig, vault: Vault) -> bytes | None:
    """Return the context of the branch's newest final round that summed this hospital's control variate, or None."""
    if not _controlled(config):
        return None
    began = branch_began(federation)
    own = (each for each in reversed(federation.rounds) if account in each.hospitals)
    final = (each for each in own if each.phase == Phase.FINAL and (began is None or each.opened.position > began))
    return next((each.context for each in final if _controlled(read_config(each, vault))), None)


def _trained(federation: Federation, config: RoundConfig, vault: Vault) -> bool:
    """Return whether a round trained the weights of the current model, on this ledger or before its first branch."""
    final, branch = federation.final_round, Branch.of(config.training)
    if branch is not None and branch.after:
        return True
    return final is not None and not is_untrained(federation, final, vault)


def _controlled(config: RoundConfig) -> bool:
    trains = SumSpec.from_dict(config.training) is None
    return trains and Aggregation.of(config.training).rule == SCAFFOLD
