# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for the tests of trust stores, made with cryptography."""

from __future__ import annotations

import datetime
import functools
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def pem(self) -> bytes:
        """PEM of the certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """PEM of the key."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def file(self, folder: Path, name: str) -> str:
        """The certificate as a file."""
        path = folder / name
        path.write_bytes(self.pem)
        return str(path)


@functools.cache
def _key(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def make(
    common_name: str,
    *,
    issuer: Made | None = None,
    ca: bool | None = True,
    days: tuple[int, int] = (-1, 30),
    key_usage: bool | None = True,
    names: tuple[str, ...] = (),
    key: int = 0,
) -> Made:
    """A certificate; ``ca=None`` leaves basicConstraints away, ``key_usage=False`` forbids signing."""
    own = _key(key)
    now = datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + days[0] * DAY)
        .not_valid_after(now + days[1] * DAY)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    if key_usage is not None and ca:
        usage = x509.KeyUsage(not key_usage, False, False, False, False, key_usage, key_usage, False, False)
        builder = builder.add_extension(usage, critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), False)
    return Made(builder.sign(issuer.key if issuer else own, hashes.SHA256()), own)
