"""Which hospitals committed to a round but are not in its set, and why; everybody can compute this again.

Source: PROTOCOL.md 5S (Who is left out, and why).
"""

from __future__ import annotations

from fl.crypto.envelope_form import check_file
from fl.protocol.errors import HemaledgerError, MalformedError, RefusedError, TamperedError, UnavailableError
from fl.protocol.federation import Federation
from fl.protocol.names import Address
from fl.protocol.ports import Vault
from fl.protocol.rounds.round import Round
from fl.replay.expected_files import update_files
from fl.replay.file_reader import FileReader, check_readers
from fl.replay.long_keys import masked_readers
from fl.replay.round_documents import read_config
from fl.replay.round_replay import Tools
from fl.replay.vault_files import read_document


def excluded_updates(current: Round, tools: Tools) -> dict[Address, HemaledgerError | None]:
    """Return the hospitals that committed to a sealed round but are not in its set, with the error in the update.

    None means that the update has no error; perhaps it came too late, which only its hospital can know.
    """
    config = read_config(current, tools.vault)
    excluded: dict[Address, HemaledgerError | None] = {}
    for hospital in current.commitments:
        if current.masked or hospital in current.hospitals:
            continue
        try:
            tools.sums.reader.update(current, hospital, config)
        except (TamperedError, MalformedError, RefusedError, UnavailableError) as error:
            excluded[hospital] = error
        else:
            excluded[hospital] = None
    return excluded


def why_excluded(
    federation: Federation, current: Round, hospital: Address, vault: Vault, reader: FileReader | None
) -> str:
    """Return the error in an update outside the set; without a `reader`, check only the update's head."""
    try:
        required = masked_readers(federation, current, vault) if current.masked else ()
        if reader is None:
            for part in update_files(current, hospital, vault):
                file = read_document(vault, part.expected.digest, part.expected.cap)
                check_file(file, part.expected)
                check_readers(file, required)
        elif current.masked:
            for _ in reader.masked(current, hospital, required):
                pass  # opening shows the error
        else:
            reader.update(current, hospital, read_config(current, vault))
    except HemaledgerError as error:
        return f"{error.name}: {error}"
    return "no error was found in it, so it came late, or the coordinator excluded it on purpose"
