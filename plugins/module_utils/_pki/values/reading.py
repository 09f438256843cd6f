# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a file really is, told from its content and never from its name.

Certificates arrive as PEM with text around it, as DER under any extension, in UTF-16 from Windows, as
PKCS#12 or PKCS#7 renamed to ``.crt``, or as the web page of a portal. Everything here is linear in the
size of the input, and knows no ASN.1 beyond one length field.
"""

from __future__ import annotations

import base64
import binascii
import codecs
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..crypto import UnreadableError, guard, quiet, serialization, x509
from . import limits

CERTIFICATE = "an X.509 certificate"
REQUEST = "a certificate signing request (CSR)"
CRL = "a certificate revocation list (CRL)"
PRIVATE_KEY = "a private key"
ENCRYPTED_KEY = "an encrypted private key"
OPENSSH_KEY = "a private key in OpenSSH format"
PUBLIC_KEY = "a public key"
PKCS12 = "a PKCS#12 file (.pfx, .p12)"
PKCS7 = "a PKCS#7 file (.p7b)"
JAVA_KEYSTORE = "a Java keystore (JKS)"
HTML = "an HTML page"
EMPTY = "an empty file"
BARE_BASE64 = "Base64 without its BEGIN and END lines"
PARAMETERS = "key parameters"
UNKNOWN = "neither PEM nor DER"

_LABELS = {
    b"CERTIFICATE": CERTIFICATE,
    b"X509 CERTIFICATE": CERTIFICATE,
    b"TRUSTED CERTIFICATE": CERTIFICATE,
    b"CERTIFICATE REQUEST": REQUEST,
    b"NEW CERTIFICATE REQUEST": REQUEST,
    b"X509 CRL": CRL,
    b"PKCS7": PKCS7,
    b"CMS": PKCS7,
    b"PRIVATE KEY": PRIVATE_KEY,
    b"RSA PRIVATE KEY": PRIVATE_KEY,
    b"EC PRIVATE KEY": PRIVATE_KEY,
    b"DSA PRIVATE KEY": PRIVATE_KEY,
    b"ENCRYPTED PRIVATE KEY": ENCRYPTED_KEY,
    b"OPENSSH PRIVATE KEY": OPENSSH_KEY,
    b"PUBLIC KEY": PUBLIC_KEY,
    b"RSA PUBLIC KEY": PUBLIC_KEY,
    b"EC PARAMETERS": PARAMETERS,
    b"DH PARAMETERS": PARAMETERS,
}
KEY_KINDS = frozenset({PRIVATE_KEY, ENCRYPTED_KEY, OPENSSH_KEY})

_BEGIN = b"-----BEGIN "
_DASHES = b"-----"


@dataclass(frozen=True)
class Block:
    """One PEM block: what its label says, what its content is, and the content or why there is none."""

    label: str
    kind: str
    der: bytes | None
    problem: str | None
    pem: bytes


@dataclass(frozen=True)
class Content:
    """A file told apart.

    :ivar kind: what the file is as a whole (its first block for PEM).
    :ivar encoding: ``pem``, ``der`` or ``other``.
    :ivar text_encoding: how the text was written if a sensor would not read it so (UTF-16, byte order mark), or None.
    :ivar plain: it is one PEM block as tools write it, with nothing around or in it that any software might trip over.
    """

    kind: str
    encoding: str
    blocks: tuple[Block, ...]
    text_encoding: str | None = None
    plain: bool = False

    def of_kind(self, *kinds: str) -> list[Block]:
        """The blocks of these kinds, in the order of the file."""
        return [block for block in self.blocks if block.kind in kinds]


def decode_text(data: bytes) -> tuple[bytes, str | None]:
    """Text of another encoding brought to ASCII-compatible bytes, and the name of that encoding.

    DER passes unchanged: none of its files begins with a byte order mark or has PEM armour in UTF-16.
    """
    if data.startswith(_BEGIN):
        return data, None  # as nearly all files
    for mark, name in (
        (codecs.BOM_UTF8, "UTF-8 with a byte order mark"),
        (codecs.BOM_UTF32_LE, "UTF-32"),
        (codecs.BOM_UTF32_BE, "UTF-32"),
        (codecs.BOM_UTF16_LE, "UTF-16"),
        (codecs.BOM_UTF16_BE, "UTF-16"),
    ):
        if data.startswith(mark):
            if name.startswith("UTF-8"):
                return data[len(mark) :], name
            codec = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(
                mark, "utf-32-le" if mark == codecs.BOM_UTF32_LE else "utf-32-be"
            )
            return data[len(mark) :].decode(codec, "replace").encode("utf-8", "replace"), name
    for codec in ("utf-16-le", "utf-16-be"):
        # At an even place: the other byte order shows the same bytes one further on.
        if data.find("-----BEGIN".encode(codec)) % 2 == 0:
            return data.decode(codec, "replace").encode("utf-8", "replace"), "UTF-16"
    return data, None


def declared_length(der: bytes) -> int | None:
    """How long a DER SEQUENCE says it is, its header included; None if it does not begin with one."""
    if len(der) < 2 or der[0] != 0x30:
        return None
    first = der[1]
    if first < 0x80:
        return 2 + first
    size = first & 0x7F
    if not 1 <= size <= 4 or len(der) < 2 + size:
        return None
    return 2 + size + int.from_bytes(der[2 : 2 + size], "big")


def _header(der: bytes) -> int:
    """The size of the header of a DER element (tag and length)."""
    return 2 if len(der) < 2 or der[1] < 0x80 else 2 + (der[1] & 0x7F)


# How a SEQUENCE begins inside, by what it is; the order matters.
_OUTER_STARTS: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    (PKCS7, (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07",)),  # an OID below pkcs-7
    (PKCS12, (b"\x02\x01\x03\x30",)),  # version 3, then authSafe
    # PKCS#8 and PKCS#1 (version 0), SEC 1 (version 1 and an OCTET STRING), PKCS#8 of version 1
    (PRIVATE_KEY, (b"\x02\x01\x00\x30", b"\x02\x01\x00\x02", b"\x02\x01\x01\x04", b"\x02\x01\x01\x30")),
)
_PKCS5, _PKCS12_PBE = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05", b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c"
_INNER_STARTS: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    (CERTIFICATE, (b"\xa0\x03\x02\x01",)),  # [0] version
    (ENCRYPTED_KEY, (_PKCS5, _PKCS12_PBE)),  # password-based encryption
    (PUBLIC_KEY, (b"\x06\x07\x2a\x86\x48\xce\x3d", b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")),
)


def identify_der(der: bytes) -> str:
    """What a DER structure is, from its first fields; the loaders decide whether it is sound."""
    # BER of indefinite length, as Windows and NSS write containers, announces no length.
    if declared_length(der) is None and not der.startswith(b"\x30\x80"):
        return JAVA_KEYSTORE if der.startswith((b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")) else UNKNOWN
    inner = der[_header(der) :]
    for kind, starts in _OUTER_STARTS:
        if inner.startswith(starts):
            return kind
    if not inner.startswith(b"\x30"):
        return UNKNOWN
    body = inner[_header(inner) :]
    for kind, starts in _INNER_STARTS:
        if body.startswith(starts):
            return kind
    for kind, loader in ((REQUEST, _load_request), (CRL, _load_crl), (CERTIFICATE, load_certificate)):
        if _loads(loader, der):
            return kind
    # Damaged, but its version number still tells.
    if body.startswith(b"\x02\x01\x00\x30"):
        return REQUEST
    return CRL if body.startswith(b"\x02\x01\x01\x30") else UNKNOWN


def _loads(loader: Callable[[bytes], Any], der: bytes) -> bool:
    try:
        loader(der)
    except UnreadableError:
        return False
    return True


def _decode_block(body: bytes) -> tuple[bytes | None, str | None]:
    """Base64 of a PEM block without its armour, headers skipped."""
    if b":" in body:
        body = b"".join(line for line in body.splitlines() if b":" not in line)
    text = body.translate(None, b" \t\r\n\f\v")
    try:
        der = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None, "its Base64 is damaged"
    return (der, None) if der else (None, "it is empty")


def octets_of(pem: bytes) -> bytes:
    """What stands in a PEM block between its BEGIN and END lines; empty if its Base64 is damaged."""
    start = pem.find(_DASHES, len(_BEGIN)) + len(_DASHES)
    der, _problem = _decode_block(pem[start : pem.rfind(b"-----END")])
    return der or b""


def _clean_lines(body: bytes) -> bytes:
    """The lines of a block without what Windows, mail and YAML add: old line endings, indentation, empty lines."""
    lines = [line.strip() for line in body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")]
    text = [line for line in lines if line]
    headers = [line for line in text if b":" in line]
    if headers:
        # Headers of an encrypted traditional key end with an empty line (RFC 1421).
        text = [*headers, b"", *(line for line in text if b":" not in line)]
    return b"\n".join(text) + b"\n"


def pem_blocks(text: bytes) -> list[Block]:
    """Every PEM block of a text, in order; what stands between them is skipped (RFC 7468, section 5.2)."""
    blocks: list[Block] = []
    position = text.find(_BEGIN)
    while position >= 0:
        if len(blocks) == limits.MAX_BLOCKS:
            too_many = f"there are more than {limits.MAX_BLOCKS} blocks in the file; the others were not read"
            blocks.append(Block(blocks[0].label, blocks[0].kind, None, too_many, b""))
            break
        label_start = position + len(_BEGIN)
        label_end = text.find(_DASHES, label_start, label_start + 80)
        following = text.find(_BEGIN, label_start)
        if label_end < 0:
            position = following
            continue
        label = text[label_start:label_end].strip()
        body_start = label_end + len(_DASHES)
        limit = following if following >= 0 else len(text)
        closing = text.find(b"-----END", body_start, limit)
        kind = _LABELS.get(label, UNKNOWN)
        shown = label.decode("ascii", "replace")
        if closing < 0:
            blocks.append(
                Block(shown, kind, None, "its END line is missing, the file is cut off", text[position:limit])
            )
        else:
            body = text[body_start:closing]
            der, problem = (None, None) if kind in KEY_KINDS else _decode_block(body)
            if kind == CERTIFICATE and der is not None and identify_der(der) in (PKCS7, REQUEST, PKCS12):
                kind = identify_der(der)
            if kind in KEY_KINDS:
                pem = b"-----BEGIN %s-----\n%s-----END %s-----\n" % (label, _clean_lines(body), label)
            else:
                pem = text[position:limit]
            blocks.append(Block(shown, kind, der, problem, pem))
        position = following
    return blocks


def _plain_block(data: bytes) -> Block | None:
    """The block of a file that is one block as tools write it (RFC 7468, section 3), as nearly all files are."""
    label = data[len(_BEGIN) : data.find(b"-----\n")]
    kind = _LABELS.get(label)
    end = b"\n-----END %s-----\n" % label
    if kind is None or not data.startswith(_BEGIN) or not data.endswith(end) or data.count(_DASHES) != 4:
        return None
    body = data[len(_BEGIN) + len(label) + len(_DASHES) + 1 : -len(end)]
    if not body or b"\n\n" in body or body.startswith(b"\n") or body.endswith(b"\n"):
        return None
    try:
        # Any other character than a line's end is refused here.
        der = base64.b64decode(body.replace(b"\n", b""), validate=True)
    except ValueError:
        return None
    if kind == CERTIFICATE and identify_der(der) != CERTIFICATE:
        return None
    return Block(label.decode("ascii"), kind, der, None, data)


def read_content(data: bytes) -> Content:
    """Tell a file apart; never fails."""
    block = _plain_block(data)
    if block is not None:
        return Content(block.kind, "pem", (block,), plain=True)
    text, text_encoding = decode_text(data)
    if not text.strip():
        return Content(EMPTY, "other", (), text_encoding)
    if text[:1] != b"\x30" or _BEGIN in text[:64]:
        blocks = pem_blocks(text)
        if blocks:
            return Content(blocks[0].kind, "pem", tuple(blocks), text_encoding)
    kind = identify_der(text)
    if kind != UNKNOWN or (declared_length(text) is not None and text[:1] == b"\x30" and text[1:2] >= b"\x80"):
        return Content(kind, "der", (Block("", kind, text, None, b""),), None)
    start = text[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<?xml", b"<head")):
        return Content(HTML, "other", (), text_encoding)
    blocks = pem_blocks(text)
    if blocks:
        return Content(blocks[0].kind, "pem", tuple(blocks), text_encoding)
    der, _problem = _decode_block(text) if len(text) < 1 << 20 else (None, None)
    if der is not None and declared_length(der) is not None:
        return Content(BARE_BASE64, "other", (), text_encoding)
    return Content(UNKNOWN, "other", (), text_encoding)


def _load_request(der: bytes) -> x509.CertificateSigningRequest:
    with guard(), quiet():
        return x509.load_der_x509_csr(der)


def _load_crl(der: bytes) -> x509.CertificateRevocationList:
    with guard(), quiet():
        return x509.load_der_x509_crl(der)


def without_trust_settings(der: bytes) -> bytes:
    """A certificate without what OpenSSL's TRUSTED CERTIFICATE carries after it; any other suffix stays."""
    length = declared_length(der)
    if length is not None and length < len(der):
        # Only the known suffix is skipped: a SEQUENCE of trust settings that ends exactly with the block.
        rest = der[length:]
        if declared_length(rest) == len(rest):
            return der[:length]
    return der


def load_certificate(der: bytes) -> x509.Certificate:
    """A certificate from DER. OpenSSL's TRUSTED CERTIFICATE carries more after it, which is cut off.

    :raises UnreadableError: not a certificate, or damaged.
    """
    with guard(), quiet():
        # A serial number of 0 is warned of on stderr; here it becomes a finding.
        return x509.load_der_x509_certificate(without_trust_settings(der))


def load_request(der: bytes) -> x509.CertificateSigningRequest:
    """A certificate signing request from DER.

    :raises UnreadableError: not a request, or damaged.
    """
    return _load_request(der)


def load_crl(der: bytes) -> x509.CertificateRevocationList:
    """A certificate revocation list from DER.

    :raises UnreadableError: not a CRL, or damaged.
    """
    return _load_crl(der)


def to_pem(certificate: x509.Certificate) -> bytes:
    """The certificate as PEM text."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def pem_of(der: bytes) -> bytes:
    """A certificate's DER as PEM text (RFC 7468), octet for octet."""
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""]).encode()
