"""Invitations: one file, signed by the operator, with which a new member joins.

Invariant: a file holds nothing secret, and admits nobody: the operator registers the account that the new member made.
The signature proves who wrote it only together with the ledger's operator, so both sides compare the fingerprint.

Layout: canonical JSON (PROTOCOL.md 2). Signed: keccak256(`BAFL/1/invitation` ‖ the document without `signature`). No
transaction and no EIP-712 message begins with these bytes.

Source: EIP-2718 (a transaction's first byte), EIP-712 (0x19); RFC 6979.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from eth_utils.crypto import keccak

from chain.rpc.own_ca import certificates_of
from chain.transactions.eip712 import SIGNATURE_BYTES, signer_of
from fl.protocol.codec import Fields, JsonValue, Writer, parse_document, sha256, write_document
from fl.protocol.errors import EncodingError, MalformedError, SettingInvalid
from fl.protocol.names import DIGEST_BYTES, Address, Digest, Role, parse_hex, show
from fl.protocol.records import ConsortiumFounded, Entry, MemberRegistered, MemberRevoked, OperatorChanged
from scripts.wiring.home import Deployment, deployment_of, document_of

if TYPE_CHECKING:
    from chain.transactions.keystore import AccountKey

WHAT = "invitation"
FORM = "hemaledger-invitation/1"
INVITATION_CAP = 32 * 1024
MAX_URLS, MAX_URL, MAX_NAME, MAX_INSTALL = 8, 500, 64, 500
MAX_DAYS = 90
DAY_S = 24 * 3600
MAX_TIME = 2**53
GROUP = 4
"""Characters of a fingerprint that people read as one."""
FINGERPRINT_BYTES = 16
FIELDS = ("consortium", "expires_at", "form", "install", "made_at", "name", "role", "roster", "signature", "urls")

Roster = Mapping[Address, tuple[Role, str]]


@dataclass(frozen=True)
class Invitation:
    """One invitation."""

    deployment: Deployment
    urls: tuple[str, ...]
    """RPC URLs, in the order in which they are tried; at least one."""
    role: Role
    name: str
    """The name that the operator will register."""
    roster: Digest
    """`roster_digest` of the members when it was written."""
    made_at: int
    """Seconds since 1970."""
    expires_at: int
    install: str
    """What to install, for people."""
    signature: bytes = field(default=b"", repr=False)

    def signed(self, key: AccountKey) -> Invitation:
        return replace(self, signature=key.sign_digest(self._digest()))

    @property
    def signer(self) -> Address:
        """Return the account that signed it, or raise SignatureInvalid."""
        return signer_of(self._digest(), self.signature)

    @property
    def fingerprint(self) -> str:
        """Return what two people compare by telephone: 32 hexadecimal digits of everything that is signed."""
        return grouped(sha256(self._text())[:FINGERPRINT_BYTES].hex())

    @property
    def withdrawal(self) -> bytes:
        """Return the file that the vault has if this invitation was withdrawn."""
        return Writer("withdrawn invitation").raw(sha256(self._text()), DIGEST_BYTES).bytes()

    @property
    def folder_name(self) -> str:
        """Return the name of the member's folder."""
        return "".join(each if each.isalnum() else "-" for each in self.name.lower()).strip("-") or "member"

    def to_bytes(self) -> bytes:
        return write_document({**self._document(), "signature": show(self.signature)})

    @classmethod
    def from_bytes(cls, data: bytes) -> Invitation:
        """Parse a file; this does not check who signed it.

        Raises:
            EncodingError: it is not an invitation, or a field is out of bounds.
        """
        if len(data) > INVITATION_CAP:
            raise EncodingError(WHAT, f"it has more than {INVITATION_CAP} bytes")
        fields = Fields(parse_document(data, WHAT), WHAT)
        fields.only(*FIELDS)
        if fields.text("form") != FORM:
            raise EncodingError(WHAT, "this version does not know its form")
        made_at, expires_at = _times(fields)
        return cls(
            deployment=_deployment(fields),
            urls=_urls(fields),
            role=_role(fields.text("role")),
            name=_bounded(fields.text("name"), "name", MAX_NAME),
            roster=Digest(parse_hex(fields.text("roster"), DIGEST_BYTES, WHAT)),
            made_at=made_at,
            expires_at=expires_at,
            install=_bounded(fields.text("install"), "install", MAX_INSTALL),
            signature=parse_hex(fields.text("signature"), SIGNATURE_BYTES, WHAT),
        )

    def _digest(self) -> bytes:
        return bytes(keccak(self._text()))

    def _text(self) -> bytes:
        return Writer("invitation").bytes() + write_document(self._document())

    def _document(self) -> dict[str, JsonValue]:
        return {
            "consortium": document_of(self.deployment),
            "expires_at": self.expires_at,
            "form": FORM,
            "install": self.install,
            "made_at": self.made_at,
            "name": self.name,
            "role": self.role.name.lower(),
            "roster": show(self.roster),
            "urls": list(self.urls),
        }


def read_invitation(file: Path) -> Invitation:
    """Return the invitation in a file, or raise EncodingError."""
    try:
        with file.open("rb") as opened:
            return Invitation.from_bytes(opened.read(INVITATION_CAP + 1))
    except OSError as error:
        raise EncodingError(WHAT, error.strerror or "the disk refused it") from error


def is_invitation(file: Path) -> bool:
    """Return whether a file holds an invitation."""
    try:
        read_invitation(file)
    except MalformedError:
        return False
    return True


def grouped(digits: str) -> str:
    """Return hexadecimal digits in groups of four, for people."""
    return " ".join(digits[at : at + GROUP] for at in range(0, len(digits), GROUP))


def check_url(url: str) -> str:
    """Return an RPC URL that may be in a file that is sent around.

    Raises:
        SettingInvalid: it is no URL of a node, or has a password in it.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and len(url) <= MAX_URL
    except ValueError:
        usable = False
    if not usable:
        raise SettingInvalid("rpc", "write http://HOST:PORT or https://HOST")
    if parts.username or parts.password:
        raise SettingInvalid("rpc", "it has a user or a password in it; an invitation holds nothing secret")
    return url


def roster_digest(roster: Roster) -> Digest:
    """Return the digest of the active members: account, role and name, in order of the accounts."""
    writer = Writer("invited roster").u32(len(roster))
    for account, (role, name) in sorted(roster.items()):
        writer.raw(account, 20).u8(role).text(name.encode())
    return writer.digest()


def rosters(entries: Iterable[Entry]) -> Iterator[Digest]:
    """Yield the digest of the active members after each record that changed them."""
    roster: dict[Address, tuple[Role, str]] = {}
    for entry in entries:
        match entry.record:
            case ConsortiumFounded(sender=operator):
                roster[operator] = (Role.OPERATOR, "")
            case OperatorChanged(sender=operator, former=former):
                roster.pop(former, None)
                roster[operator] = (Role.OPERATOR, "")
            case MemberRegistered(member=member, role=role, member_name=name):
                roster[member] = (role, name)
            case MemberRevoked(member=member):
                roster.pop(member, None)
            case _:
                continue
        yield roster_digest(roster)


def _deployment(fields: Fields) -> Deployment:
    """Return the consortium of an invitation; the certificates in it are certificates, and nothing else."""
    deployment = deployment_of(Fields(fields.mapping("consortium"), WHAT))
    try:
        same = not deployment.rpc_ca or certificates_of(deployment.rpc_ca) == deployment.rpc_ca
    except SettingInvalid as error:
        raise EncodingError(WHAT, "what it names as CA is no certificate") from error
    if not same:
        raise EncodingError(WHAT, "there is more than certificates in what it names as CA")
    return deployment


def _times(fields: Fields) -> tuple[int, int]:
    made_at, expires_at = fields.integer("made_at"), fields.integer("expires_at")
    if not 0 <= made_at < expires_at <= min(made_at + MAX_DAYS * DAY_S, MAX_TIME):
        raise EncodingError(WHAT, f"it is not valid for 1 to {MAX_DAYS} days")
    return made_at, expires_at


def _urls(fields: Fields) -> tuple[str, ...]:
    given: JsonValue | Sequence[JsonValue] = fields.value.get("urls")
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_URLS:
        raise EncodingError(WHAT, f"it does not have 1 to {MAX_URLS} URLs")
    try:
        return tuple(check_url(url if isinstance(url, str) else "") for url in given)
    except SettingInvalid as error:
        raise EncodingError(WHAT, "one of its URLs is not the URL of a node") from error


def _role(text: str) -> Role:
    if text.upper() not in Role.__members__ or Role[text.upper()] == Role.OPERATOR:
        raise EncodingError(WHAT, "a member cannot have this role")
    return Role[text.upper()]


def _bounded(text: str, what: str, most: int) -> str:
    if not text or len(text.encode("utf-8")) > most:
        raise EncodingError(WHAT, f"its {what} does not have 1 to {most} bytes")
    return text
