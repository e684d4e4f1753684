"""The first block of a permissioned chain, as the software of its nodes reads it.

Invariant: all nodes get the same bytes; the order in which validators are named does not matter. Gas is free: the base
fee begins with zero and stays there.

Source: Besu documentation, "QBFT" (extra data: RLP of vanity, validators, vote, round, seals); EIP-225 (clique);
EIP-1559 (base fee).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import rlp

from chain.permissioned.validators import Validator
from fl.protocol.errors import SettingInvalid

VANITY = bytes(32)
SEAL_BYTES = 65
QBFT_MIX = "0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365"
"""Marks a block of Istanbul and QBFT."""
EPOCH = 30_000
"""Blocks after which open votes about validators end."""
GAS_LIMIT = 0x1FFFFFFFFFFFFF
"""Blocks never fill half of it, so the base fee stays zero."""
FEWEST = {"qbft": 4, "clique": 1}
MOST_VALIDATORS = 100


class Consensus(StrEnum):
    """Who may make the next block."""

    QBFT = "qbft"
    """More than two thirds of the validators sign each block, and a block is final at once (Besu)."""
    CLIQUE = "clique"
    """Validators take turns, and the newest blocks can be replaced (geth, for development)."""


@dataclass(frozen=True)
class Network:
    """A chain that members run together."""

    consensus: Consensus
    chain_id: int
    """1 to 2^53 - 1. No other chain of the members has it."""
    block_time_s: int
    """Seconds between two blocks, from 1."""
    validators: tuple[Validator, ...]

    @classmethod
    def of(cls, consensus: Consensus, chain_id: int, block_time_s: int, validators: Sequence[Validator]) -> Network:
        """Return a network of validators in the order of their names.

        Raises:
            SettingInvalid: two share a name, a key or an address, or there are too few or too many.
        """
        ordered = tuple(sorted(validators, key=lambda each: each.name))
        for what, those in (
            ("name", [each.name for each in ordered]),
            ("key", [each.public_key for each in ordered]),
            ("address and port", [(each.host, each.port) for each in ordered]),
        ):
            if len(set(those)) < len(those):
                raise SettingInvalid("validator", f"two validators have the same {what}")
        fewest = FEWEST[consensus]
        if not fewest <= len(ordered) <= MOST_VALIDATORS:
            why = "with fewer, none may fail" if consensus == Consensus.QBFT else "somebody must make blocks"
            raise SettingInvalid("validator", f"{consensus} needs {fewest} to {MOST_VALIDATORS} validators: {why}")
        return cls(consensus, chain_id, block_time_s, ordered)

    @property
    def may_fail(self) -> int:
        """Return how many validators may be down, or lie, while blocks go on."""
        count = len(self.validators)
        return (count - 1) // 3 if self.consensus == Consensus.QBFT else (count - 1) // 2


def genesis(network: Network) -> bytes:
    """Return genesis.json: of Besu for QBFT, of geth for clique."""
    return (json.dumps(_document(network), indent=2) + "\n").encode()


def _document(network: Network) -> dict[str, Any]:
    accounts = sorted(each.account for each in network.validators)
    config: dict[str, Any] = {"chainId": network.chain_id}
    common = {"nonce": "0x0", "timestamp": "0x0", "gasLimit": hex(GAS_LIMIT), "alloc": {}}
    if network.consensus == Consensus.QBFT:
        config |= {
            "berlinBlock": 0,
            "londonBlock": 0,
            "shanghaiTime": 0,
            "zeroBaseFee": True,
            "qbft": {
                "blockperiodseconds": network.block_time_s,
                "epochlength": EPOCH,
                "requesttimeoutseconds": 2 * network.block_time_s,
            },
        }
        extra, marks = qbft_extra(accounts), {"difficulty": "0x1", "mixHash": QBFT_MIX}
    else:
        config |= dict.fromkeys(_CLIQUE_FORKS, 0) | {"clique": {"period": network.block_time_s, "epoch": EPOCH}}
        extra, marks = clique_extra(accounts), {"difficulty": "0x1", "baseFeePerGas": "0x0"}
    return {"config": config, **common, **marks, "extraData": "0x" + extra.hex()}


_CLIQUE_FORKS = (
    *("homesteadBlock", "eip150Block", "eip155Block", "eip158Block", "byzantiumBlock", "constantinopleBlock"),
    *("petersburgBlock", "istanbulBlock", "berlinBlock", "londonBlock"),
)
"""Clique ends with London: geth refuses the forks that came with proof of stake."""


def qbft_extra(accounts: Sequence[bytes]) -> bytes:
    """Return RLP([vanity[32], [account[20]...], [] (no vote), 0 (round), [] (no seals)])."""
    return bytes(rlp.encode([VANITY, list(accounts), [], b"", []]))


def clique_extra(accounts: Sequence[bytes]) -> bytes:
    """Return vanity[32] ‖ account[20]... ‖ zeros[65], where later blocks have the signature."""
    return VANITY + b"".join(accounts) + bytes(SEAL_BYTES)
