# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates and keys, taken out of whatever they came in."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..._plain.errors import KeyReadError
from ..crypto import UnreadableError, guard, rsa, serialization
from ..values import limits, reading
from ..values.certificates import CertificateView
from ..values.failures import alone
from ..values.keys import load_private_key, public_key_id, public_numbers_fit
from ..values.text import show
from . import containers
from .bounded import at_most
from .inputs import InputFile, Inputs, read_inputs
from .problem import ERROR, INFO, WARNING, ConversionProblem, Finding, finding

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

# All passphrases that are tried on one file, together, in seconds of computing.
MAX_SECONDS = 10.0

PKCS8, TRADITIONAL = "pkcs8", "traditional"

_NOT_OURS = frozenset({reading.REQUEST, reading.CRL, reading.PUBLIC_KEY, reading.PARAMETERS})
_HINTS = {
    reading.EMPTY: "The file is empty; get it again.",
    reading.HTML: "This is a web page, perhaps the portal's sign-in or error page; download the file again.",
    reading.JAVA_KEYSTORE: "Make a PKCS#12 file of it: "
    "keytool -importkeystore -srckeystore FILE -destkeystore FILE.p12 -deststoretype pkcs12",
    reading.OPENSSH_KEY: "Convert a copy of it: ssh-keygen -p -m PEM -f COPY",
    reading.REQUEST: "Send the request to the CA; what it answers is the certificate.",
}


@dataclass(frozen=True)
class FoundCertificate:
    """A certificate, where it was, and the name that a PKCS#12 file gives it."""

    view: CertificateView
    source: str
    friendly_name: str | None = None

    @property
    def key_id(self) -> str | None:
        """SHA-256 of its public key, or None if that cannot be read."""
        return hashlib.sha256(self.view.spki).hexdigest() if self.view.spki else None

    @property
    def title(self) -> str:
        """How it is called in messages."""
        return f"{self.view.title} ({self.source})"

    @property
    def is_ca(self) -> bool:
        """Whether it may sign others, as far as it says itself."""
        constraints = self.view.value("2.5.29.19")
        if constraints is not None:
            return bool(constraints.ca)
        return not self.view.version_3 and self.view.self_issued


@dataclass(frozen=True)
class FoundKey:
    """A private key, where it was and how it was kept."""

    key: PrivateKeyTypes = field(repr=False)
    key_id: str
    source: str
    encrypted: bool
    form: str = PKCS8
    container: str = reading.PRIVATE_KEY

    @property
    def kind(self) -> str:
        """What kind of key it is, for messages."""
        size = getattr(self.key, "key_size", None)
        name = type(self.key).__name__.replace("PrivateKey", "").replace("EllipticCurve", "EC ").strip()
        curve = getattr(getattr(self.key, "curve", None), "name", None)
        return f"{name} {curve}" if curve else f"{name} {size}" if size else name


@dataclass(frozen=True)
class PackedMaterial:
    """Material as plain data, which can travel between processes.

    :ivar certificates: DER, source, friendly name.
    :ivar keys: unencrypted PKCS#8, source, whether it was encrypted, form, container.
    """

    certificates: list[tuple[bytes, str, str | None]]
    keys: list[tuple[bytes, str, bool, str, str]] = field(repr=False)
    findings: list[Finding]
    kinds: list[str]


@dataclass
class Material:
    """All certificates and keys of some files, each once, and what else there was."""

    certificates: list[FoundCertificate] = field(default_factory=list)
    keys: list[FoundKey] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    # What is known already, kept up by `merge` alone, so that a large delivery is merged in linear time.
    _prints: set[str] = field(default_factory=set, repr=False)
    _key_ids: set[str] = field(default_factory=set, repr=False)

    @property
    def errors(self) -> list[Finding]:
        """What has to stop a conversion."""
        return [entry for entry in self.findings if entry.severity == ERROR]

    def packed(self) -> PackedMaterial:
        """The same as plain data."""
        certificates = [(entry.view.der, entry.source, entry.friendly_name) for entry in self.certificates]
        keys = [(key_der(entry.key), entry.source, entry.encrypted, entry.form, entry.container) for entry in self.keys]
        return PackedMaterial(certificates, keys, self.findings, self.kinds)

    @classmethod
    def unpacked(cls, data: PackedMaterial) -> Material:
        """What was packed."""
        material = cls(findings=data.findings, kinds=data.kinds)
        for der, source, name in data.certificates:
            material.certificates.append(FoundCertificate(_view(der, source), source, name))
        for pkcs8, source, encrypted, form, container in data.keys:
            key = containers.load_unencrypted(pkcs8)
            found = FoundKey(key, public_key_id(key.public_key()), source, encrypted, form, container)
            material.keys.append(found)
        return material

    def merge(self, other: Material) -> None:
        """Take over what another holds; the same certificate or key counts once."""
        if len(self._prints) < len(self.certificates):
            self._prints = {entry.view.fingerprint for entry in self.certificates}
        if len(self._key_ids) < len(self.keys):
            self._key_ids = {entry.key_id for entry in self.keys}
        for certificate in other.certificates:
            if certificate.view.fingerprint not in self._prints:
                self._prints.add(certificate.view.fingerprint)
                self.certificates.append(certificate)
        for key in other.keys:
            if key.key_id not in self._key_ids:
                self._key_ids.add(key.key_id)
                self.keys.append(key)
        self.findings += other.findings
        self.kinds += other.kinds


def gather(paths: Sequence[str], passphrases: Sequence[str]) -> Material:
    """Everything in files, folders and archives.

    What cannot be used becomes a finding: an error in a file that was named itself, a warning in one
    that merely lay in a folder or an archive.

    :raises ConversionProblem: there is too much of it.
    """
    return gather_files(read_inputs(paths), passphrases)


def gather_files(inputs: Inputs, passphrases: Sequence[str]) -> Material:
    """Everything in files that were read already; see :func:`gather`."""
    material = Material(findings=list(inputs.findings))
    for file in inputs.files:
        material.merge(take_apart(file, passphrases))
    return material


def take_apart(file: InputFile, passphrases: Sequence[str]) -> Material:
    """Everything in one file; never fails."""
    with at_most(MAX_SECONDS):
        return alone(lambda: _take_apart(file, passphrases), lambda problem: _failed(file, problem))


def _failed(file: InputFile, problem: str) -> Material:
    note = ConversionProblem("src.damaged", f"it could not be taken apart: {problem}", file.label).finding
    return Material(findings=[note if file.named else replace(note, severity=WARNING)])


def _take_apart(file: InputFile, passphrases: Sequence[str]) -> Material:
    material = Material()
    try:
        content = reading.read_content(file.data)
        material.kinds.append(content.kind)
        if content.kind == reading.BARE_BASE64:
            content = reading.read_content(_bare(file.data))
        if not content.blocks:
            raise _useless(content.kind, file.label)
    except ConversionProblem as problem:
        material.findings.append(problem.finding)
    else:
        for block in content.blocks:
            if len(material.keys) >= limits.MAX_KEYS and block.kind in reading.KEY_KINDS:
                message = f"there are more than {limits.MAX_KEYS} private keys in the file; the others are not read"
                material.findings.append(ConversionProblem("src.refused", message, file.label).finding)
                break
            if len(material.findings) >= limits.MAX_FINDINGS:
                message = f"there are more than {limits.MAX_FINDINGS} faults in the file; what follows them is not read"
                material.findings.append(ConversionProblem("src.refused", message, file.label).finding)
                break
            try:
                _take_block(block, content.encoding, file.label, passphrases, material)
            except ConversionProblem as problem:
                material.findings.append(problem.finding)
    if not file.named:
        material.findings = [
            replace(entry, severity=WARNING) if entry.severity == ERROR else entry for entry in material.findings
        ]
    return material


def _bare(data: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(reading.decode_text(data)[0].split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _useless(kind: str, source: str) -> ConversionProblem:
    check_id = "src.empty" if kind == reading.EMPTY else "src.unknown-format"
    words = (
        "it is neither a certificate nor a key (neither PEM nor DER)" if kind == reading.UNKNOWN else f"it is {kind}"
    )
    return ConversionProblem(check_id, words, source, _HINTS.get(kind))


def _take_block(
    block: reading.Block, encoding: str, source: str, passphrases: Sequence[str], material: Material
) -> None:
    kind = block.kind
    if block.problem is not None:
        check_id = {reading.CERTIFICATE: "crt.parse"}.get(kind, "key.parse" if kind in reading.KEY_KINDS else "")
        raise ConversionProblem(check_id or "src.damaged", f"{kind} cannot be read: {block.problem}", source)
    if kind == reading.CERTIFICATE:
        material.merge(_certificate(block, source))
    elif kind in (reading.PKCS7, reading.PKCS12):
        der = block.der or b""
        opened = (
            containers.open_pkcs7(der, source)
            if kind == reading.PKCS7
            else containers.open_pkcs12(der, passphrases, source)
        )
        material.merge(_from_container(opened, source, kind))
    elif kind in (reading.PRIVATE_KEY, reading.ENCRYPTED_KEY):
        material.merge(_key(block, encoding, source, passphrases))
    elif kind in _NOT_OURS:
        material.findings.append(finding("src.passed-over", INFO, f"{kind} is not converted", source))
    else:
        raise _useless(kind if kind != reading.UNKNOWN else f"a PEM block {show(block.label, 40)!r}", source)


# The CA certificates of many conversions are the same ones.
@functools.lru_cache(maxsize=256)
def _view(der: bytes, source: str) -> CertificateView:
    return CertificateView.from_der(der, source)


def _certificate(block: reading.Block, source: str) -> Material:
    der = block.der or b""
    try:
        view = _view(der, source)
    except UnreadableError as error:
        length = reading.declared_length(der)
        text = str(error)
        if length is not None and length > len(der):
            text = f"it is cut off: {length} bytes are announced, {len(der)} are there"
        raise ConversionProblem("crt.parse", f"the certificate cannot be read: {text}", source) from None
    return Material([FoundCertificate(view, source)])


def _from_container(opened: containers.Opened, source: str, kind: str) -> Material:
    material = Material()
    for der, name in opened.certificates:
        try:
            view = _view(der, source)
        except UnreadableError as error:
            message = f"a certificate in it cannot be read: {error}"
            raise ConversionProblem("crt.parse", message, source) from None
        material.merge(Material([FoundCertificate(view, source, name)]))
    for pkcs8 in opened.keys:
        try:
            with guard(secret=True):
                key = containers.load_unencrypted(pkcs8)
                key_id = public_key_id(key.public_key())
        except UnreadableError as error:
            raise ConversionProblem("key.parse", f"a private key in it cannot be read: {error}", source) from None
        _check_numbers(key, source)
        entry = FoundKey(key, key_id, source, opened.passphrase_used, container=kind)
        material.merge(Material(keys=[entry]))
    if opened.missed_keys:
        text = f"{opened.missed_keys} of its keys cannot be told apart from here and are passed over"
        material.findings.append(finding("src.passed-over", WARNING, text, source))
    return material


def _key(block: reading.Block, encoding: str, source: str, passphrases: Sequence[str]) -> Material:
    data = block.pem if encoding == "pem" else block.der or b""
    encrypted = block.kind == reading.ENCRYPTED_KEY or b"Proc-Type: 4,ENCRYPTED" in data[:200]
    try:
        if encrypted:
            key = containers.load_unencrypted(containers.open_encrypted_key(data, passphrases, source))
        else:
            key = load_private_key(data)
        with guard(secret=True):
            key_id = public_key_id(key.public_key())
    except (KeyReadError, UnreadableError) as error:
        raise ConversionProblem("key.parse", f"the private key cannot be read: {error}", source) from None
    _check_numbers(key, source)
    traditional = block.label not in ("PRIVATE KEY", "ENCRYPTED PRIVATE KEY") if encoding == "pem" else False
    form = TRADITIONAL if traditional else PKCS8
    return Material(keys=[FoundKey(key, key_id, source, encrypted, form, block.kind)])


def _check_numbers(key: PrivateKeyTypes, source: str) -> None:
    """An RSA key that was loaded without its slow check may hold anything."""
    if isinstance(key, rsa.RSAPrivateKey) and not public_numbers_fit(key):
        message = "the private key is damaged: its numbers do not fit each other"
        raise ConversionProblem("key.parse", message, source)


def only_certificates(paths: Iterable[str]) -> Material:
    """The certificates of CA files; anything else in them is an error.

    :raises ConversionProblem: a file cannot be used.
    """
    material = gather(list(paths), [])
    if material.errors:
        entry = material.errors[0]
        raise ConversionProblem(entry.id, entry.message, entry.file, entry.hint)
    return material


def key_der(key: PrivateKeyTypes) -> bytes:
    """A private key's content in one form, for comparison; secret."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
