"""A doctor who becomes a trustee hands in the public part of a kit that the browser made.

Invariant: a registration is stored only if its proof verifies for this consortium, chain and contract.

Source: PROTOCOL.md 6 (proof of possession).
"""

from __future__ import annotations

from fl.crypto.hpke_keys import verify_possession
from fl.protocol.codec import JsonValue, sha256
from fl.protocol.errors import EncodingError
from fl.protocol.keys.members import PossessionDomain, possession_message
from fl.protocol.names import ADDRESS_BYTES, Address, parse_hex
from fl.protocol.records import KeyRegistered
from webui.errors import KitRefused
from webui.ports.records import RecordService
from webui.store.trustee_registrations import TrusteeRegistrations

KEY_BYTES = 65
PROOF_BYTES = 64
_WHAT = "public part of a kit"


class TrusteeKits:
    """Registrations of future trustees."""

    def __init__(self, store: TrusteeRegistrations, service: RecordService) -> None:
        self.store = store
        self._service = service

    def chain(self) -> dict[str, JsonValue]:
        """Return the facts that the browser writes into the kit (webui/client/start.js).

        Raises:
            UnavailableError: the chain has not answered since the start.
        """
        sealer = self._service.sealer()
        return {
            "chain_id": sealer.chain_id,
            "authority": sealer.authority.hex(),
            "consortium": sealer.consortium.hex(),
        }

    def register(self, doctor_id: int, account: str, public_key: str, proof: str) -> None:
        """Check and store the public part of a doctor's kit; all three are hexadecimal.

        Raises:
            KitRefused: it is not well formed, or the proof does not verify.
            UnavailableError: as `chain`.
        """
        try:
            address = Address(parse_hex(account, ADDRESS_BYTES, _WHAT))
            key, signature = parse_hex(public_key, KEY_BYTES, _WHAT), parse_hex(proof, PROOF_BYTES, _WHAT)
        except EncodingError as error:
            raise KitRefused from error
        sealer = self._service.sealer()
        record = KeyRegistered(address, 1, key, signature)
        message = possession_message(sealer.consortium, PossessionDomain(sealer.chain_id, sealer.authority), record)
        if not verify_possession(key, message, signature):
            raise KitRefused
        self.store.put(doctor_id, address, key, signature, sha256(message))
