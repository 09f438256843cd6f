# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small CA and whatever CRLs a test asks of it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crypto import hashes, rsa, serialization, x509
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import x509_parts as parts

AT = datetime.datetime(2027, 6, 1, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
URL = "http://crl.plant.example/issuing.crl"


class Kitchen:
    """Root, issuing CA and leaf certificates, with a folder to write them to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root_key, self.key, self.other_key = (parts.new_key(2048) for _index in range(3))
        self.root = self.certificate("Root CA", "Root CA", self.root_key, self.root_key, ca=True)
        self.issuing = self.certificate("Issuing CA", "Root CA", self.key, self.root_key, ca=True)
        self.chain = self.write("chain.pem", parts.pem(self.issuing) + parts.pem(self.root))

    def certificate(
        self,
        subject: str,
        issuer: str,
        key: rsa.RSAPrivateKey,
        signer: rsa.RSAPrivateKey,
        ca: bool = False,
        urls: Sequence[str] = (),
        serial: int | None = None,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(parts.build_name([("CN", subject)]))
            .issuer_name(parts.build_name([("CN", issuer)]))
            .public_key(key.public_key())
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(AT - 100 * DAY)
            .not_valid_after(AT + 1000 * DAY)
            .add_extension(x509.BasicConstraints(ca, None), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        )
        if urls:
            points = [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in urls]
            builder = builder.add_extension(x509.CRLDistributionPoints(points), False)
        return builder.sign(signer, hashes.SHA256())

    def leaf(self, name: str = "sensor-1", *urls: str, serial: int | None = None) -> str:
        """The path of a sensor's certificate."""
        made = self.certificate(name, "Issuing CA", self.other_key, self.key, urls=urls or (URL,), serial=serial)
        return self.write(f"{name}.crt", parts.pem(made))

    def crl(
        self,
        serials: Sequence[int] = (),
        *extensions: tuple[Any, bool],
        issuer: str = "Issuing CA",
        key: rsa.RSAPrivateKey | None = None,
        start: datetime.datetime = AT - DAY,
        end: datetime.datetime = AT + 7 * DAY,
        number: int = 5,
        encoding: Any = DER,
        reason: x509.ReasonFlags | None = None,
    ) -> bytes:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(parts.build_name([("CN", issuer)]))
            .last_update(start)
            .next_update(end)
            .add_extension(x509.CRLNumber(number), False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(AT - 2 * DAY)
            if reason is not None:
                entry = entry.add_extension(x509.CRLReason(reason), False)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(key or self.key, hashes.SHA256()).public_bytes(encoding)

    def write(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)


def scope(**given: Any) -> tuple[Any, bool]:
    """An issuingDistributionPoint extension, critical as it must be."""
    values: dict[str, Any] = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
        **given,
    }
    return x509.IssuingDistributionPoint(**values), True
