"""Deploys a consortium's contracts, and replaces a ledger by a successor.

Invariant: the account that deploys the key authority becomes the operator. A ledger is handed over only to a contract
that names it as predecessor; any other hand-over would close the ledger for ever.

Source: PROTOCOL.md 1.
"""

from __future__ import annotations

from dataclasses import replace

from eth_abi import encode

from chain.contracts import artifacts
from chain.contracts.lookup import ask_address
from chain.ledger import EthereumLedger, LedgerSettings
from chain.rpc.node import NodeSettings, connect
from chain.transactions.keystore import AccountKey
from chain.transactions.sender import Sender, TransactionSettings
from fl.protocol.errors import ContractRefused, PredecessorMismatch
from fl.protocol.names import NO_ADDRESS, Address
from fl.protocol.ports import Anchor
from fl.protocol.records import LedgerHandedOver

CONSORTIUM_BYTES = 32


def deploy(node: NodeSettings, transactions: TransactionSettings, key: AccountKey, consortium: bytes) -> Anchor:
    """Deploy key authority and ledger; `key` becomes the operator, `consortium` are 32 random bytes.

    Raises:
        ChainUnavailable, WrongChain, TransactionTimeout: as EthereumLedger.
    """
    if len(consortium) != CONSORTIUM_BYTES:
        raise ValueError(f"consortium has {len(consortium)} bytes, not {CONSORTIUM_BYTES}")
    connection = connect(node)
    chain_id = connection.check_chain()
    sender = Sender(connection, chain_id, key, transactions)
    authority = _create(sender, "KeyAuthority", encode(["bytes32"], [consortium]))
    return Anchor(consortium, chain_id, authority, _create_ledger(sender, authority, NO_ADDRESS))


def deploy_successor(settings: LedgerSettings, key: AccountKey) -> Anchor:
    """Deploy a ledger that names the one in `settings` as its predecessor; any account may do this.

    Raises:
        ChainUnavailable, WrongChain, TransactionTimeout: as EthereumLedger.
    """
    anchor = settings.anchor
    connection = connect(replace(settings.node, chain_id=anchor.chain_id))
    sender = Sender(connection, anchor.chain_id, key, settings.transactions)
    return replace(anchor, contract=_create_ledger(sender, anchor.authority, anchor.contract))


def hand_over(settings: LedgerSettings, key: AccountKey, successor: Anchor) -> None:
    """Close the ledger in `settings` in favour of `successor`; `key` is the operator's.

    The coordinator then opens the successor with the last model (FederationOpened).

    Raises:
        PredecessorMismatch: the successor names another predecessor; nothing was closed.
        RoundStillOpen, LedgerClosed, WrongRole: the contract refuses.
        ChainUnavailable, WrongChain, TransactionTimeout: as EthereumLedger.
    """
    ledger = EthereumLedger(settings, key)
    EthereumLedger(replace(settings, anchor=successor))  # checks that both ledgers have the same authority
    node = connect(replace(settings.node, chain_id=settings.anchor.chain_id))
    if ask_address(node, successor.contract, "predecessor") != settings.anchor.contract:
        raise PredecessorMismatch
    ledger.append(LedgerHandedOver(key.address, successor.contract))


def _create_ledger(sender: Sender, authority: Address, predecessor: Address) -> Address:
    return _create(sender, "FederationLedger", encode(["address", "address"], [authority, predecessor]))


def _create(sender: Sender, name: str, arguments: bytes) -> Address:
    receipt = sender.send(None, artifacts.load(name).bytecode + arguments)
    if receipt["contractAddress"] is None:
        raise ContractRefused("the transaction created no contract")
    return Address(receipt["contractAddress"])
