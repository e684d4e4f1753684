"""Leaves of UnavailableError and MisconfiguredError: the world does not answer, or this installation cannot work."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors.families import MisconfiguredError, UnavailableError


@dataclass(eq=False)
class ChainUnavailable(UnavailableError):
    """No node answers at the RPC URL."""

    url: str
    why: str
    sentence = "No Ethereum node answers at {url} ({why}). Start the chain, or check the RPC URL."


@dataclass(eq=False)
class ClockWrong(UnavailableError):
    """This machine's clock and the chain's differ by more than deadlines allow."""

    amount: str
    side: str
    """ahead of, or behind"""
    sentence = (
        "This machine's clock is {amount} {side} the chain's newest block. Set the clock, or wait until the node has "
        "caught up; until then this program does nothing."
    )


@dataclass(eq=False)
class LedgerSilent(UnavailableError):
    """The ledger did not answer as soon as somebody who answers people needs it."""

    timeout_s: float
    sentence = "The ledger gave no answer within {timeout_s:g} s. It is asked again in the background."


@dataclass(eq=False)
class LedgerMoved(UnavailableError):
    """The ledger was handed over while this program ran, and its successor is not at hand yet."""

    why: str
    sentence = "The ledger was handed over, but its successor cannot be opened yet ({why})."


@dataclass(eq=False)
class TransactionTimeout(UnavailableError):
    """A transaction was sent but no receipt came in time."""

    tx_hash: bytes
    timeout_s: float
    sentence = "Transaction {tx_hash} got no receipt within {timeout_s} s; it may still be mined."


@dataclass(eq=False)
class AccountEmpty(UnavailableError):
    """An account cannot pay for its transaction."""

    account: bytes
    wei: int
    sentence = "The account {account} cannot pay for a transaction. Send it {wei} wei or more; then run this again."


@dataclass(eq=False)
class FeeDemanded(MisconfiguredError):
    """The chain takes fees, but transactions are set to be free."""

    url: str
    why: str
    sentence = (
        "The chain at {url} takes fees ({why}). Create the consortium with --paid-gas; where it exists already, set "
        "free_gas to false in consortium.json. Then fund the account."
    )


@dataclass(eq=False)
class VaultMissing(UnavailableError):
    """The vault holds no file with this digest."""

    digest: bytes
    sentence = "The vault holds no file with the SHA-256 {digest} (not uploaded yet, or deleted)."


@dataclass(eq=False)
class VaultUnavailable(UnavailableError):
    """The folder of the vault is not where it was, is another one, or does not answer."""

    path: str
    why: str
    sentence = "The vault is not at {path}: {why}. Put it back or mount it; it is never made a second time."


@dataclass(eq=False)
class StorageFull(UnavailableError):
    """A file could not be written whole; nothing partial was left."""

    path: str
    why: str
    sentence = "{path} could not be written ({why}); nothing partial was left. Free some space and run again."


@dataclass(eq=False)
class NotReleased(UnavailableError):
    """The trustees have not released this global model yet."""

    round: int
    sentence = "The model of round {round} is held back until enough trustees release it."


@dataclass(eq=False)
class PredictorSilent(UnavailableError):
    """The process that holds the model gave no answer that can be used."""

    why: str
    sentence = "The process that holds the model gave no answer ({why}). It is started again for the next picture."


@dataclass(eq=False)
class RoundStalled(UnavailableError):
    """A round did not end in time."""

    round: int
    sentence = "Round {round} did not end in time."


@dataclass(eq=False)
class WrongChain(MisconfiguredError):
    """The node serves another chain, or a reset one, than the consortium was deployed on."""

    url: str
    why: str
    sentence = "The chain at {url} is not the one of this consortium: {why}. Check the RPC URL and the addresses."


@dataclass(eq=False)
class PortInUse(MisconfiguredError):
    """A port that should be listened on is taken."""

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
    """A role's journal is damaged or no journal; what the role promised is unknown."""

    path: str
    why: str
    sentence = "The journal {path} could not be read: {why}. Restore it from a backup; do not delete it."


@dataclass(eq=False)
class SettingInvalid(MisconfiguredError):
    """A setting is missing or out of its range."""

    setting: str
    why: str
    sentence = "The setting {setting} is not usable: {why}."


@dataclass(eq=False)
class ToolMissing(MisconfiguredError):
    """A program that this task needs is not installed."""

    tool: str
    why: str
    sentence = "{tool} is needed: {why}."


@dataclass(eq=False)
class AggregateOverflow(MisconfiguredError):
    """The sum of this many hospitals could overflow the ring (PROTOCOL.md 5)."""

    hospitals: int
    limit: int
    sentence = "{hospitals} hospitals could overflow the sum; at most {limit} are possible."
