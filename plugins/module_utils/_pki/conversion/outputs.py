# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is written, and whether a file that is there says the same already.

Encrypted keys and PKCS#12 files are different bytes each time they are written, so content is compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..crypto import hashes, pkcs7, pkcs12, serialization
from ..intake.inputs import InputFile
from ..intake.material import PKCS8, TRADITIONAL, FoundCertificate, Material, key_der, take_apart
from ..intake.problem import ConversionProblem
from ..intake.selection import Needs, Selection
from ..values import moments, reading, text

if TYPE_CHECKING:
    from ..crypto import x509

MODERN, LEGACY = "modern", "legacy"
KINDS = ("crt", "crt_der", "key", "pem", "p12", "p7b")
HOLDING_KEYS = frozenset({"key", "p12"})

# PBES2 (RFC 8018), as it stands in a file; older encryption of PKCS#12 does without.
_PBES2 = bytes.fromhex("06092a864886f70d01050d")


@dataclass(frozen=True)
class Form:
    """How the outputs are to be.

    :ivar passphrase: encrypts ``key`` and ``p12``; None: they are not encrypted.
    """

    passphrase: str | None = field(default=None, repr=False)
    key_format: str = PKCS8
    p12_profile: str = MODERN
    friendly_name: str | None = None


def needs_of(kinds: Sequence[str]) -> Needs:
    """What the outputs take from the inputs."""
    wanted = set(kinds)
    return Needs(
        leaf=bool(wanted & {"crt", "crt_der", "p12"}),
        key=bool(wanted & HOLDING_KEYS),
        chain="pem" in wanted,
        certificates=bool(wanted & {"p12", "p7b"}),
    )


def render(kind: str, selection: Selection, form: Form) -> bytes:
    """The bytes of an output; the selection has what it takes."""
    if kind == "crt":
        return reading.pem_of(selection.the_leaf.view.der)
    if kind == "crt_der":
        return selection.the_leaf.view.der
    if kind == "pem":
        return b"".join(reading.pem_of(entry.view.der) for entry in selection.chain)
    if kind == "p7b":
        return pkcs7.serialize_certificates(_everything(selection), serialization.Encoding.PEM)
    if kind == "key":
        return _key(selection, form)
    return _pkcs12(selection, form)


def _everything(selection: Selection) -> list[x509.Certificate]:
    found = ([selection.leaf] if selection.leaf else []) + list(selection.chain)
    return [_whole(entry) for entry in found]


def _whole(entry: FoundCertificate) -> x509.Certificate:
    """The certificate for a container.

    :raises ConversionProblem: the library has only a copy for reading of it, which is not what its CA signed.
    """
    if not entry.view.exact:
        why = (entry.view.oddities or entry.view.problems or ["it breaks a rule of encoding"])[0]
        message = f"{entry.view.title} cannot be put into a container: {why}"
        hint = "Take crt, key and pem, which hold it as it is; for a container: openssl pkcs12 -export, crl2pkcs7."
        raise ConversionProblem("crt.parse", message, entry.source, hint)
    return entry.view.certificate


def _key(selection: Selection, form: Form) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if form.passphrase:
        encryption = serialization.BestAvailableEncryption(form.passphrase.encode())
    layout = (
        serialization.PrivateFormat.TraditionalOpenSSL
        if form.key_format == TRADITIONAL
        else serialization.PrivateFormat.PKCS8
    )
    return selection.the_key.key.private_bytes(serialization.Encoding.PEM, layout, encryption)


def _friendly_name(selection: Selection, form: Form) -> str | None:
    if form.friendly_name:
        return form.friendly_name
    return selection.leaf.friendly_name or selection.leaf.view.title if selection.leaf else None


def _pkcs12(selection: Selection, form: Form) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if form.passphrase and form.p12_profile == LEGACY:
        encryption = (
            serialization.PrivateFormat.PKCS12.encryption_builder()
            .kdf_rounds(50_000)
            .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(hashes.SHA1())
            .build(form.passphrase.encode())
        )
    elif form.passphrase:
        encryption = (
            serialization.PrivateFormat.PKCS12.encryption_builder()
            .kdf_rounds(50_000)
            .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
            .hmac_hash(hashes.SHA256())
            .build(form.passphrase.encode())
        )
    name = _friendly_name(selection, form)
    return pkcs12.serialize_key_and_certificates(
        name.encode() if name else None,
        selection.the_key.key,  # type: ignore[arg-type]
        _whole(selection.the_leaf),
        [_whole(entry) for entry in selection.chain] or None,
        encryption,
    )


def difference(kind: str, existing: bytes, wanted: bytes, selection: Selection, form: Form) -> str | None:
    """Why the file that is there has to be replaced; None if it says the same."""
    if existing == wanted:
        return None
    found = take_apart(InputFile("it", existing), [form.passphrase or ""])
    if found.errors:
        if found.errors[0].id == "key.passphrase":
            return "it is encrypted with another passphrase" if form.passphrase else "it is encrypted"
        return f"it cannot be used: {found.errors[0].message}"
    if kind in HOLDING_KEYS:
        return _key_difference(kind, existing, found, selection, form)
    return _certificate_difference(kind, existing, found, selection)


def _certificate_difference(kind: str, existing: bytes, found: Material, selection: Selection) -> str | None:
    expected = list(selection.chain)
    if kind in ("crt", "crt_der"):
        expected = [selection.leaf] if selection.leaf else []
    elif kind == "p7b":
        expected = ([selection.leaf] if selection.leaf else []) + expected
    if found.keys:
        return "it holds a private key"
    content = reading.read_content(existing)
    encoding = "der" if kind == "crt_der" else "pem"
    container = reading.PKCS7 if kind == "p7b" else reading.CERTIFICATE
    if any(block.kind != container for block in content.blocks):
        return "it is something else"
    if content.encoding != encoding or content.text_encoding is not None:
        return f"it is not {encoding.upper()}"
    have = [entry.view.fingerprint for entry in found.certificates]
    want = [entry.view.fingerprint for entry in expected]
    if kind == "p7b":
        # A SET has no order; DER sorts it.
        have, want = sorted(have), sorted(want)
    elif len(content.blocks) != len(expected):
        return _names_differ(found.certificates, expected)
    return None if have == want else _names_differ(found.certificates, expected)


def _names_differ(have: Sequence[FoundCertificate], want: Sequence[FoundCertificate]) -> str:
    if {entry.view.fingerprint for entry in have} == {entry.view.fingerprint for entry in want}:
        return "the certificates stand in another order, or more than once"
    return "another certificate" if len(want) == 1 and len(have) == 1 else "other certificates"


def _key_difference(kind: str, existing: bytes, found: Material, selection: Selection, form: Form) -> str | None:
    if len(found.keys) != 1:
        return "it holds no private key" if not found.keys else "it holds several private keys"
    have = found.keys[0]
    wanted = selection.the_key
    if have.key_id != wanted.key_id or key_der(have.key) != key_der(wanted.key):
        return "another private key"
    if have.encrypted != bool(form.passphrase):
        return "it is encrypted" if have.encrypted else "it is not encrypted"
    if kind == "key":
        return _key_form_difference(existing, have.form, found, form)
    if have.container != reading.PKCS12:
        return "it is no PKCS#12 file"
    expected = ([selection.leaf] if selection.leaf else []) + list(selection.chain)
    if [entry.view.fingerprint for entry in found.certificates] != [entry.view.fingerprint for entry in expected]:
        return _names_differ(found.certificates, expected)
    if found.certificates[0].friendly_name != _friendly_name(selection, form):
        return "another friendly name"
    if form.passphrase and (form.p12_profile == MODERN) != (_PBES2 in existing):
        return f"its encryption is not {form.p12_profile}"
    return None


def _key_form_difference(existing: bytes, have: str, found: Material, form: Form) -> str | None:
    content = reading.read_content(existing)
    if content.encoding != "pem" or content.text_encoding is not None:
        return "it is not PEM"
    if found.certificates or len(content.blocks) != 1:
        return "it holds more than the private key"
    return None if have == form.key_format else f"its format is not {form.key_format}"


def describe(kind: str, material: Material) -> list[str]:
    """A file's content for people, one line each; nothing of a key but what it is and its public half's hash."""
    lines = []
    for entry in material.certificates:
        view = entry.view
        lines.append(
            f"certificate: {view.title}, serial {text.serial_text(view.serial)}, until {moments.iso(view.not_after)}, "
            f"SHA-256 {view.fingerprint}"
        )
    for key in material.keys:
        state = "encrypted" if key.encrypted else "not encrypted"
        lines.append(f"private key: {key.kind}, {state}, {key.form}, public key SHA-256 {key.key_id}")
    return lines or [f"{kind}: nothing readable"]


def planned_lines(kind: str, selection: Selection, form: Form) -> list[str]:
    """The same for what is to be written."""
    material = Material()
    if kind in ("crt", "crt_der", "p12", "p7b") and selection.leaf:
        material.certificates.append(selection.leaf)
    if kind in ("pem", "p12", "p7b"):
        material.certificates += selection.chain
    lines = describe(kind, material) if material.certificates else []
    if kind in HOLDING_KEYS and selection.key:
        state = "encrypted" if form.passphrase else "not encrypted"
        layout = form.key_format if kind == "key" else PKCS8
        lines.append(f"private key: {selection.key.kind}, {state}, {layout}, public key SHA-256 {selection.key.key_id}")
    return lines
