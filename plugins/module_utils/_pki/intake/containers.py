# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What cannot be read without a passphrase, or not by one call: PKCS#12, PKCS#7 and encrypted keys.

Everything that derives a key from a passphrase happens in a bounded process (:mod:`.bounded`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..._plain.errors import KeyReadError, PassphraseError
from ..crypto import UnreadableError, guard, pkcs7, pkcs12, quiet, rsa, serialization
from ..values import limits, reading
from ..values.keys import TooCostly, load_private_key
from . import second_opinion
from .bounded import LimitReached, run_bounded
from .problem import ConversionProblem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

# Object identifiers of a PKCS#12 bag (RFC 7292, section 4.2), as they stand in the file.
_KEY_BAGS = (bytes.fromhex("060b2a864886f70d010c0a0101"), bytes.fromhex("060b2a864886f70d010c0a0102"))

_OPENED, _WRONG, _DAMAGED, _UNSUPPORTED, _COSTLY = "opened", "wrong", "damaged", "unsupported", "costly"
_TOO_COSTLY = "opening it takes too much time or memory (its key derivation asks for too many rounds)"
_LEGACY_HINT = (
    "This machine's cryptography cannot read the old encryption in it; export it anew with AES, or convert it with: "
    "openssl pkcs12 -legacy -in FILE -out NEW.pem"
)
# PKCS#12's RC2 with 128 and 40 bits (RFC 7292, appendix C). OpenSSL without its legacy provider gives the same
# answer to it as to a wrong passphrase.
_RC2 = (bytes.fromhex("060a2a864886f70d010c0105"), bytes.fromhex("060a2a864886f70d010c0106"))
_RC2_HINT = (
    "Give the passphrase with which the file was made. If this is it, the file's old encryption (RC2) is not in this "
    "machine's OpenSSL: have it exported with AES, or convert it with: openssl pkcs12 -legacy -in FILE -out NEW.pem"
)


@dataclass(frozen=True)
class Opened:
    """The content of a container, as DER.

    :ivar certificates: DER and friendly name of each.
    :ivar keys: unencrypted PKCS#8, never shown.
    :ivar passphrase_used: whether a passphrase that is not empty was needed.
    :ivar missed_keys: private keys in it that could not be taken out.
    """

    certificates: tuple[tuple[bytes, str | None], ...] = ()
    keys: tuple[bytes, ...] = field(default=(), repr=False)
    passphrase_used: bool = False
    missed_keys: int = 0


def load_unencrypted(der: bytes) -> PrivateKeyTypes:
    """A private key that was unencrypted PKCS#8 in our own hands.

    :raises UnreadableError: a kind of key that is not known.
    """
    with guard(secret=True):
        return serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)


def _plain(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def spellings(passphrase: str) -> list[bytes]:
    """A passphrase as bytes: UTF-8, and what older software writes for letters outside ASCII."""
    try:
        encoded = [passphrase.encode()]
    except UnicodeEncodeError:
        return []
    if not passphrase.isascii():
        with contextlib.suppress(UnicodeEncodeError):
            encoded.append(passphrase.encode("latin-1"))
    return encoded


# --- PKCS#7 -----------------------------------------------------------------------------------------


def open_pkcs7(der: bytes, source: str) -> Opened:
    """The certificates of a PKCS#7 file, DER or BER of indefinite length.

    :raises ConversionProblem: damaged, or not a PKCS#7 file of certificates.
    """
    _check_whole(der, source, "PKCS#7")
    try:
        with guard(), quiet():  # that BER is not DER
            certificates = pkcs7.load_der_pkcs7_certificates(der)
            found = [certificate.public_bytes(serialization.Encoding.DER) for certificate in certificates]
    except UnreadableError as error:
        # One odd certificate is enough for the library to refuse them all.
        with contextlib.suppress(LimitReached):
            found = run_bounded(lambda: second_opinion.certificates_of_pkcs7(der))
            if found:
                return Opened(tuple((each, None) for each in found))
        message = f"the PKCS#7 file cannot be read: {error}"
        raise ConversionProblem("src.damaged", message, source) from None
    return Opened(tuple((each, None) for each in found))


def _check_whole(der: bytes, source: str, what: str) -> None:
    announced = reading.declared_length(der)
    if announced is not None and announced > len(der):
        message = f"the {what} file is cut off: {announced} bytes are announced, {len(der)} are there"
        raise ConversionProblem("src.damaged", message, source)
    if announced is None and not der.rstrip(b"\r\n").endswith(b"\x00\x00"):
        raise ConversionProblem("src.damaged", f"the {what} file is cut off: its end is missing", source)


# --- PKCS#12 ----------------------------------------------------------------------------------------


def open_pkcs12(der: bytes, passphrases: Sequence[str], source: str) -> Opened:
    """The content of a PKCS#12 file.

    :param passphrases: tried in order; none and the empty one are tried as well.
    :raises ConversionProblem: no passphrase opens it, it is damaged, or opening it costs too much.
    """
    _check_whole(der, source, "PKCS#12")
    costly = limits.container_problem(der)
    if costly is not None:
        raise ConversionProblem("src.refused", f"{_TOO_COSTLY}: {costly}", source)
    candidates = [spelled for passphrase in passphrases for spelled in spellings(passphrase)]
    candidates += [b""] if b"" not in candidates else []
    try:
        state, detail, opened = run_bounded(lambda: _try_pkcs12(der, candidates))
    except LimitReached as error:
        raise ConversionProblem("src.refused", f"{_TOO_COSTLY}: {error}", source) from None
    if state == _OPENED:
        return opened
    if state == _DAMAGED:
        raise ConversionProblem("src.damaged", f"the PKCS#12 file cannot be read: {detail}", source)
    if state == _UNSUPPORTED:
        raise ConversionProblem(
            "src.unknown-format", f"the PKCS#12 file cannot be read: {detail}", source, _LEGACY_HINT
        )
    given = [passphrase for passphrase in passphrases if passphrase]
    if not given:
        message = "the PKCS#12 file is protected, and no passphrase is given"
    elif len(given) > 1:
        message = f"none of the {len(given)} passphrases opens the PKCS#12 file"
    else:
        message = "the passphrase does not open the PKCS#12 file"
    hint = _RC2_HINT if any(identifier in der for identifier in _RC2) else None
    raise ConversionProblem("key.passphrase", message, source, hint)


def _try_pkcs12(der: bytes, candidates: Sequence[bytes]) -> tuple[str, str, Opened]:
    """In the child: the first candidate that opens the file."""
    state, detail = _WRONG, ""
    for candidate in candidates:
        try:
            with guard(), quiet():  # that BER is not DER, and odd serial numbers
                content = pkcs12.load_pkcs12(der, candidate or None)
                return _OPENED, "", _opened(der, content, candidate)
        except UnreadableError as error:
            text = str(error)
            words = text.lower()
            if "password" in words or "decrypt" in words or "mac verify" in words:
                continue
            if "unsupported" in words or "unknown cipher" in words or "not supported" in words:
                return _UNSUPPORTED, text, Opened()
            # One odd certificate is enough for the library to refuse all of it.
            other = _opened_by_openssl(der, candidate)
            if other is not None:
                return _OPENED, "", other
            # Not authenticated (no MAC) and opened with the wrong passphrase, it looks damaged: try the others first.
            state, detail = _DAMAGED, text
    return state, detail, Opened()


def _opened_by_openssl(der: bytes, passphrase: bytes) -> Opened | None:
    """What the command finds in it, if the certificates can be read one by one."""
    certificates, pems = second_opinion.content_of_pkcs12(der, passphrase)
    keys = []
    for pem in pems:
        with contextlib.suppress(KeyReadError, UnreadableError), guard(secret=True):
            keys.append(_plain(load_private_key(pem)))
    if not certificates and not keys:
        return None
    used = bool(passphrase) and _KEY_BAGS[0] not in der
    return Opened(tuple(certificates), tuple(dict.fromkeys(keys)), used, max(0, len(pems) - len(keys)))


def _opened(der: bytes, content: pkcs12.PKCS12KeyAndCertificates, passphrase: bytes) -> Opened:
    found = ([content.cert] if content.cert else []) + list(content.additional_certs)
    certificates = []
    for entry in found:
        name = entry.friendly_name.decode("utf-8", "replace") if entry.friendly_name else None
        certificates.append((entry.certificate.public_bytes(serialization.Encoding.DER), name))
    keys = [] if content.key is None else [_plain(content.key)]
    bags = sum(der.count(bag) for bag in _KEY_BAGS)
    missed = 0
    if bags > 1:
        # The library hands out one key only. The others stand in bags of their own, each a whole PKCS#8 structure.
        slices = _key_bags(der)
        for piece in slices[: limits.MAX_KEYS]:
            plain = _piece_or_none(piece, passphrase)
            if plain is not None and plain not in keys:
                keys.append(plain)
        missed = max(0, bags - len(keys))
    # Without a MAC an unencrypted file opens with any passphrase.
    return Opened(tuple(certificates), tuple(keys), bool(passphrase) and _KEY_BAGS[0] not in der, missed)


def _piece_or_none(piece: bytes, passphrase: bytes) -> bytes | None:
    try:
        with guard(secret=True):
            return _plain(load_private_key(piece, passphrase or None))
    except (KeyReadError, UnreadableError):
        return None


def _key_bags(der: bytes) -> list[bytes]:
    """The PKCS#8 structures that follow the identifiers of key bags, each in its [0] wrapper."""
    pieces = []
    for bag in _KEY_BAGS:
        position = der.find(bag)
        while position >= 0:
            start = position + len(bag)
            # The wrapper's header has the form of a SEQUENCE's, but for its tag.
            if der[start : start + 1] == b"\xa0" and reading.declared_length(b"\x30" + der[start + 1 : start + 6]):
                first = der[start + 1]
                inner = start + 2 + (first & 0x7F if first >= 0x80 else 0)
                length = reading.declared_length(der[inner : inner + 6])
                if length is not None and inner + length <= len(der):
                    pieces.append(der[inner : inner + length])
            position = der.find(bag, start)
    return pieces


# --- Encrypted keys ---------------------------------------------------------------------------------


def open_encrypted_key(data: bytes, passphrases: Sequence[str], source: str) -> bytes:
    """An encrypted private key (PEM or DER, PKCS#8 or traditional), as unencrypted PKCS#8.

    :raises ConversionProblem: no passphrase opens it, it is damaged, or opening it costs too much.
    """
    candidates = [spelled for passphrase in passphrases if passphrase for spelled in spellings(passphrase)]
    if not candidates:
        raise ConversionProblem("key.passphrase", "the private key is encrypted, and no passphrase is given", source)
    try:
        state, detail, key = run_bounded(lambda: _try_key(data, candidates))
    except LimitReached as error:
        raise ConversionProblem("src.refused", f"{_TOO_COSTLY}: {error}", source) from None
    if state == _OPENED:
        return key
    if state == _COSTLY:
        raise ConversionProblem("src.refused", f"the private key is not opened: {detail}", source)
    if state == _WRONG:
        count = len([passphrase for passphrase in passphrases if passphrase])
        which = "the passphrase does not open" if count == 1 else f"none of the {count} passphrases opens"
        raise ConversionProblem("key.passphrase", f"{which} the private key", source)
    raise ConversionProblem("key.parse", f"the private key cannot be read: {detail}", source)


def _try_key(data: bytes, candidates: Sequence[bytes]) -> tuple[str, str, bytes]:
    """In the child: the first candidate that opens the key."""
    state, detail = _WRONG, ""
    for candidate in candidates:
        try:
            with guard(secret=True):
                return _OPENED, "", _plain(load_private_key(data, candidate))
        except PassphraseError:
            continue
        except TooCostly as error:
            return _COSTLY, str(error), b""
        except (KeyReadError, UnreadableError) as error:
            state, detail = _DAMAGED, str(error)
    return state, detail, b""


def is_rsa(key: object) -> bool:
    """Whether it is an RSA key, private or public; sensors take no other."""
    return isinstance(key, (rsa.RSAPrivateKey, rsa.RSAPublicKey))
