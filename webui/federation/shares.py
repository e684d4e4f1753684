"""A trustee's sealed share of K_REC, from ledger and vault.

A refresh adds to the share before it, so its parcels come together with those of the ceremonies before, back to the one
that made the share.

Invariant: the public share follows from the dealings (`committee_keys` checks that); nothing here needs a secret.

Source: webui/ports/shares.py (the port); PROTOCOL.md 9, Ceremonies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from fl.crypto.group import encode_point, scalar_bytes
from fl.crypto.sharing import lagrange
from fl.protocol.codec import JsonValue
from fl.protocol.errors import NoCommittee, NotInCommittee
from fl.protocol.federation import Federation
from fl.protocol.keys.ceremony import Ceremony, CeremonyPhase
from fl.protocol.keys.threshold import ThresholdKeys
from fl.protocol.names import Address, CeremonyKind, KeyUse, Role
from fl.protocol.ports import Relay, Vault
from fl.protocol.records import KeyRegistered
from fl.replay.committees import committee_keys, parcel_of, setting_of
from webui.ports.shares import ShareFacts

USE = KeyUse.RECORDS
FIRST_EPOCH = 1


@dataclass(frozen=True)
class FederationShares:
    """Implements ShareService."""

    federation: Callable[[], Federation]
    """Folds the ledger up to now."""
    vault: Vault
    relay: Relay

    def joining(self, account: Address) -> Mapping[str, JsonValue] | None:
        federation = self.federation()
        member, anchor = federation.book.members.get(account), federation.anchor
        if member is None or member.revoked or member.role != Role.TRUSTEE or member.key is not None:
            return None
        terms = self.relay.key_terms(account)
        return {
            "account": account.hex(),
            "chain_id": anchor.chain_id,
            "authority": anchor.authority.hex(),
            "consortium": anchor.consortium.hex(),
            "nonce": terms.nonce,
            "fees": {
                "gas": terms.gas,
                "max_fee_per_gas": terms.max_fee_per_gas,
                "max_priority_fee_per_gas": terms.max_priority_fee_per_gas,
            },
        }

    def join(self, record: KeyRegistered, transaction: bytes) -> None:
        self.relay.send_key(transaction, record)

    def share_of(self, trustee: Address) -> ShareFacts | None:
        keys = self.federation().threshold
        committee = keys.in_force(USE)
        if committee is None or committee.party(trustee) is None:
            return None
        made = keys.ceremonies[USE][committee.epoch - 1]
        own = all(each.keys[trustee].epoch == FIRST_EPOCH for each in _chain(keys, made))
        return ShareFacts(committee.epoch, made.phase_since, committee.expires_at, own)

    def sealed(self, trustee: Address) -> Mapping[str, JsonValue]:
        federation = self.federation()
        keys, anchor = federation.threshold, federation.anchor
        committee = keys.in_force(USE)
        if committee is None:
            raise NoCommittee(USE)
        if committee.party(trustee) is None:
            raise NotInCommittee(trustee)
        public = committee_keys(keys, USE, committee.epoch)
        made = keys.ceremonies[USE][committee.epoch - 1]
        parcels: list[JsonValue] = [
            parcel for each in _chain(keys, made) for parcel in self._parcels(keys, each, trustee)
        ]
        return {
            "account": trustee.hex(),
            "use": int(USE),
            "epoch": committee.epoch,
            "index": public.index_of(trustee),
            "public_share": encode_point(public.share_of(trustee)).hex(),
            "member_key": made.keys[trustee].public_key.hex(),
            "parcels": parcels,
            "chain_id": anchor.chain_id,
            "authority": anchor.authority.hex(),
            "consortium": anchor.consortium.hex(),
        }

    def _parcels(self, keys: ThresholdKeys, ceremony: Ceremony, trustee: Address) -> Iterator[JsonValue]:
        """Yield what each qualified dealer of a ceremony sealed to the trustee, with its weight in the sum."""
        setting = setting_of(keys, ceremony)
        weights = [1] * len(ceremony.dealers)
        if ceremony.terms.kind == CeremonyKind.RESHARE:
            weights = lagrange([setting.before.index_of(dealer) for dealer in ceremony.dealers])
        for dealer, weight in zip(ceremony.dealers, weights, strict=True):
            yield {
                "context": ceremony.context.hex(),
                "dealer": dealer.hex(),
                "sealed": parcel_of(setting, ceremony, dealer, trustee, self.vault).sealed.hex(),
                "weight": scalar_bytes(weight).hex(),
            }


def _chain(keys: ThresholdKeys, made: Ceremony) -> list[Ceremony]:
    """Return a ceremony that made shares, and for a refresh also those before it, back to new shares."""
    if made.phase != CeremonyPhase.DONE:
        raise NoCommittee(made.use)
    chain = [made]
    while chain[-1].terms.kind == CeremonyKind.REFRESH and chain[-1].previous is not None:
        chain.append(keys.ceremonies[made.use][chain[-1].previous.epoch - 1])
    return chain
