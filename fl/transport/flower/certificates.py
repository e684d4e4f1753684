"""The TLS certificates of a SuperLink, and the key with which a SuperNode signs in.

Invariant: a private key is never in a file that others may read. The authority signs servers only, and no further
authorities.

Source: RFC 5280 (certificates, name constraints by path length), RFC 4253 and RFC 5656 (form of the public key),
SP 800-186 (P-256).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fl.protocol.errors import KeystoreUnreadable

AUTHORITY_DAYS, SERVER_DAYS = 3650, 397
RENEW_DAYS = 30
"""A server's certificate is made again when it ends within this time."""
SKEW = timedelta(hours=1)
"""How far behind a reader's clock may be."""
LOCAL = ("localhost", "127.0.0.1")
"""Flower's own processes on the SuperLink's machine use these."""


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_to_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def key_to_openssh(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the form that `flower-supernode --auth-supernode-private-key` reads."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def public_line(key: ec.EllipticCurvePrivateKey, name: str) -> bytes:
    """Return `ecdsa-sha2-nistp256 BASE64 NAME` and a newline, which `flwr supernode register` reads."""
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b" " + name.encode() + b"\n"


def read_key(data: bytes, file: str) -> ec.EllipticCurvePrivateKey:
    """Return a P-256 key in either form, or raise KeystoreUnreadable."""
    try:
        load = load_ssh_private_key if b"OPENSSH" in data[:40] else load_pem_private_key
        key = load(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeystoreUnreadable(file, "it is not a private key without a password") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeystoreUnreadable(file, "it is not a P-256 key")
    return key


def new_authority(key: ec.EllipticCurvePrivateKey, name: str, now: datetime) -> bytes:
    """Return a certificate authority's own certificate, as PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    usage = _usage(signs_certificates=True)
    builder = _builder(subject, subject, key, now, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return builder.add_extension(identifier, critical=False).sign(key, SHA256()).public_bytes(Encoding.PEM)


def new_server(
    key: ec.EllipticCurvePrivateKey,
    authority: bytes,
    authority_key: ec.EllipticCurvePrivateKey,
    hosts: tuple[str, ...],
    now: datetime,
) -> bytes:
    """Return a server's certificate for `hosts` and for this machine, as PEM."""
    signer = x509.load_pem_x509_certificate(authority)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    builder = _builder(subject, signer.subject, key, now, SERVER_DAYS)
    names = x509.SubjectAlternativeName([_name(host) for host in all_hosts(hosts)])
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (names, False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(signs_certificates=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), False),
    ]
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(authority_key, SHA256()).public_bytes(Encoding.PEM)


def serves(certificate: bytes, hosts: tuple[str, ...], now: datetime) -> bool:
    """Return whether a server's certificate names all hosts and lasts for another month."""
    try:
        found = x509.load_pem_x509_certificate(certificate)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    lasts = found.not_valid_after_utc - now > timedelta(days=RENEW_DAYS)
    return lasts and {_name(host) for host in all_hosts(hosts)} <= set(names)


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 of a PEM certificate as hex, or raise KeystoreUnreadable."""
    try:
        return x509.load_pem_x509_certificate(certificate).fingerprint(SHA256()).hex()
    except ValueError as error:
        raise KeystoreUnreadable("the CA certificate", "it is not a certificate") from error


def all_hosts(hosts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*hosts, *LOCAL)))


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - SKEW).not_valid_after(now + timedelta(days=days))


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def at(seconds: int) -> datetime:
    """Return seconds since 1970 as a time of UTC."""
    return datetime.fromtimestamp(seconds, UTC)
