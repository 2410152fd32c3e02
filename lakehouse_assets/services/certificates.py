"""A certificate for a server on loopback, signed by an authority made for it alone."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse_assets.services.endpoints import HOST
from lakehouse_assets.services.home import write_private

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import CertificateBuilder, Name

VALID_DAYS = 3650
RENEW_DAYS = 30


def ensure(authority: Path, server: Path) -> None:
    """Write the authority's certificate, and the server's key and certificate, unless they are there and valid.

    The authority's key is forgotten at once: nothing else is ever signed by it.
    """
    if not (server.exists() and authority.exists() and _lasts(authority)):
        certificate, pair = _make()
        write_private(server, pair)
        write_private(authority, certificate)


def _lasts(path: Path) -> bool:
    from cryptography import x509

    ends = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    return ends > dt.datetime.now(dt.UTC) + dt.timedelta(days=RENEW_DAYS)


def _make() -> tuple[str, str]:
    """PEM texts: the authority's certificate; the server's key followed by its certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, subject = _name("lakehouse authority"), _name("localhost")
    signer = _builder(issuer, issuer, authority)
    signer = signer.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST)), x509.DNSName("localhost")])
    signed = _builder(issuer, subject, key).add_extension(names, critical=False)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    root, leaf = (_signed(each, authority) for each in (signer, signed))
    return root, secret.decode() + leaf


def _name(common: str) -> Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(issuer: Name, subject: Name, key: EllipticCurvePrivateKey) -> CertificateBuilder:
    from cryptography import x509

    now = dt.datetime.now(dt.UTC)
    named = x509.CertificateBuilder().issuer_name(issuer).subject_name(subject).public_key(key.public_key())
    dated = named.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=VALID_DAYS))
    return dated.serial_number(x509.random_serial_number())


def _signed(builder: CertificateBuilder, authority: EllipticCurvePrivateKey) -> str:
    from cryptography.hazmat.primitives import hashes, serialization

    return builder.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
