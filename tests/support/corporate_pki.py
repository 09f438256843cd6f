# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A corporate PKI that issues what people receive by mail, and the forms in which they receive it."""

from __future__ import annotations

import datetime
import functools
import io
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


@functools.cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """A key by name; making one takes its time."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class Issued:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: Any

    @property
    def crt(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def private(self, passphrase: str | None = None, encoding: str = "PEM", form: str = "PKCS8") -> bytes:
        """The private key in a file's form."""
        encryption: Any = serialization.NoEncryption()
        if passphrase is not None:
            encryption = serialization.BestAvailableEncryption(passphrase.encode())
        return bytes(
            self.key.private_bytes(
                getattr(serialization.Encoding, encoding), getattr(serialization.PrivateFormat, form), encryption
            )
        )


def name(*common_names: str) -> x509.Name:
    """A subject as the sensors want it."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Contoso"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "OT"),
            *(x509.NameAttribute(NameOID.COMMON_NAME, common_name) for common_name in common_names),
        ]
    )


def issue(
    common_name: str,
    issuer: Issued | None,
    ca: bool = False,
    key: Any = None,
    days: tuple[int, int] = (-10, 300),
    more_names: tuple[str, ...] = (),
) -> Issued:
    """A certificate; without an issuer it is self-signed."""
    key = key if key is not None else rsa_key(common_name)
    signer = issuer.key if issuer else key
    above = issuer.certificate.subject if issuer else name(common_name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common_name, *more_names))
        .issuer_name(above)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + days[0] * DAY)
        .not_valid_after(NOW + days[1] * DAY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    builder = builder.add_extension(
        x509.KeyUsage(not ca, False, not ca, False, not ca, ca, ca, False, False), critical=True
    )
    if not ca:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
        names = x509.SubjectAlternativeName([x509.DNSName(common_name)])
        builder = builder.add_extension(usage, critical=False).add_extension(names, critical=False)
    return Issued(builder.sign(signer, hashes.SHA256()), key)


@functools.cache
def root() -> Issued:
    return issue("Contoso Root", None, ca=True, days=(-100, 3000))


@functools.cache
def issuing() -> Issued:
    return issue("Contoso Issuing", root(), ca=True, days=(-100, 2000))


@functools.cache
def stranger() -> Issued:
    return issue("Unrelated CA", None, ca=True)


@functools.cache
def sensor(common_name: str = "sensor-1.plant.example") -> Issued:
    return issue(common_name, issuing())


@functools.cache
def elliptic(common_name: str = "sensor-1.plant.example") -> Issued:
    return issue(common_name, issuing(), key=ec.generate_private_key(ec.SECP256R1()))


def chain() -> bytes:
    """The chain as a sensor wants it."""
    return issuing().crt + root().crt


def openssl(*arguments: str | Path, data: bytes | None = None) -> bytes:
    """What openssl prints; a failure is the test's."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)], input=data, stdin=None if data is not None else subprocess.DEVNULL,
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def pfx(folder: Path, issued: Issued, passphrase: str, *options: str, with_chain: bool = True) -> bytes:
    """A PKCS#12 file as openssl makes it."""
    (folder / "pfx.crt").write_bytes(issued.crt)
    (folder / "pfx.key").write_bytes(issued.private())
    (folder / "pfx.pem").write_bytes(chain())
    more = ["-certfile", str(folder / "pfx.pem")] if with_chain else []
    return openssl(
        "pkcs12", "-export", "-in", folder / "pfx.crt", "-inkey", folder / "pfx.key", *more,
        "-passout", f"pass:{passphrase}", *options,
    )  # fmt: skip


def p7b(folder: Path, *certificates: Issued, form: str = "PEM") -> bytes:
    """A PKCS#7 file as openssl makes it."""
    (folder / "p7b.pem").write_bytes(b"".join(entry.crt for entry in certificates))
    return openssl("crl2pkcs7", "-nocrl", "-certfile", folder / "p7b.pem", "-outform", form)


def archive(content: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as made:
        for entry, data in content.items():
            made.writestr(entry, data)
    return stream.getvalue()


# --- ASN.1, just enough to make files that no tool makes ------------------------------------------


def element(der: bytes, position: int = 0) -> tuple[int, int, int]:
    """Tag, start and end of the content of a DER element."""
    tag, length, header = der[position], der[position + 1], 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(der[position + 2 : position + 2 + size], "big")
        header += size
    return tag, position + header, position + header + length


def encode(tag: int, content: bytes) -> bytes:
    """A DER element."""
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def indefinite(der: bytes, depth: int) -> bytes:
    """The same in BER with indefinite lengths down to a depth, as Windows writes PKCS#7."""
    tag, start, end = element(der)
    if not tag & 0x20 or depth == 0:
        return der[:end]
    inner, position = b"", start
    while position < end:
        _tag, _start, following = element(der, position)
        inner += indefinite(der[position:following], depth - 1)
        position = following
    return bytes([tag, 0x80]) + inner + b"\x00\x00"


def replaced(der: bytes, old: bytes, new: bytes) -> bytes:
    """DER with one element exchanged wherever it stands, also inside OCTET STRINGs; lengths are set right."""
    made, position = b"", 0
    while position < len(der):
        tag, start, end = element(der, position)
        whole, content = der[position:end], der[start:end]
        if whole == old:
            made += new
        elif tag & 0x20 or (tag == 4 and content[:1] == b"\x30" and element(content)[2] == len(content)):
            made += encode(tag, replaced(content, old, new))
        else:
            made += whole
        position = end
    return made


def bomb(pkcs12: bytes) -> bytes:
    """A PKCS#12 file that asks for two billion rounds of key derivation where it had 2048."""
    return replaced(pkcs12, bytes.fromhex("02020800"), bytes.fromhex("020477359400"))
