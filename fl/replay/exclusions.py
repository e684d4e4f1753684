"""Who committed to a round and is not in its set, and why, as everybody can find again.

Source: PROTOCOL.md 5S (Who is left out, and why).
"""

from __future__ import annotations

from fl.crypto.envelope import check_file
from fl.protocol.errors import HemaledgerError, MalformedError, RefusedError, TamperedError, UnavailableError
from fl.protocol.federation import Federation
from fl.protocol.names import Address
from fl.protocol.ports import Vault
from fl.protocol.rounds.round import Round
from fl.replay.expected_files import (
    FileReader,
    check_readers,
    expected_masked,
    expected_update,
    masked_recipients,
    read_config,
)
from fl.replay.round_replay import Tools
from fl.replay.vault_files import read_document


def left_out(current: Round, tools: Tools) -> dict[Address, HemaledgerError | None]:
    """Return who committed to a sealed round and is not in its set, with what is wrong with the update, if anything.

    An update that is right may have come too late; nobody but its hospital can tell.
    """
    config = read_config(current, tools.vault)
    found: dict[Address, HemaledgerError | None] = {}
    for hospital in current.commitments:
        if current.masked or hospital in current.hospitals:
            continue
        try:
            tools.sums.reader.update(current, hospital, config)
        except (TamperedError, MalformedError, RefusedError, UnavailableError) as error:
            found[hospital] = error
        else:
            found[hospital] = None
    return found


def why_left_out(
    federation: Federation, current: Round, hospital: Address, vault: Vault, reader: FileReader | None
) -> str:
    """Return what is wrong with an update that the set does not hold: all of it with a `reader`, else its head."""
    expected = expected_masked(current, hospital) if current.masked else expected_update(current, hospital)
    due = masked_recipients(current, federation.book) if current.masked else ()
    try:
        if reader is None:
            file = read_document(vault, expected.digest, expected.cap)
            check_file(file, expected)
            check_readers(file, due)
        elif current.masked:
            reader.masked(current, hospital, due)
        else:
            reader.update(current, hospital, read_config(current, vault))
    except HemaledgerError as error:
        return f"{error.name}: {error}"
    return "nothing is wrong with it here, so it came late, or the coordinator left it out on purpose"
