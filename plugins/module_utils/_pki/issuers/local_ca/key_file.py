# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The CA's private key at rest: PKCS#8, encrypted so that guessing its passphrase costs real work.

``cryptography`` writes PKCS#8 with 2,048 rounds of PBKDF2 and takes no other number; for PKCS#12 it does. The key
in a PKCS#12 file without certificates is a whole PKCS#8 EncryptedPrivateKeyInfo (RFC 7292 section 4.2.2, RFC 5958),
so it is made there and taken out: PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC (RFC 8018), which OpenSSL 3 and
every supported ``cryptography`` open.
"""

from __future__ import annotations

import base64
import textwrap

from ...crypto import hashes, pkcs12, rsa, serialization
from ...values import reading
from ...values.keys import load_private_key, public_key_id

# OWASP's figure for PBKDF2-HMAC-SHA256 (2023); about a fifth of a second for each guess on a core of today.
ROUNDS = 600_000

# PBES2 (1.2.840.113549.1.5.13) and PBKDF2 (1.2.840.113549.1.5.12), as object identifiers stand in DER.
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")


def encrypted_pem(key: rsa.RSAPrivateKey, passphrase: str, rounds: int | None = None) -> bytes:
    """The key as encrypted PEM.

    :param rounds: of PBKDF2; None: :data:`ROUNDS`.
    :raises ValueError: what was made does not open again; nothing of it must be written.
    """
    encryption = (
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(rounds or ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(passphrase.encode())
    )
    container = pkcs12.serialize_key_and_certificates(None, key, None, None, encryption)
    pem = _as_pem(_encrypted_key_in(container))
    if public_key_id(load_private_key(pem, passphrase.encode()).public_key()) != public_key_id(key.public_key()):
        raise ValueError("the encrypted key is not the one that was given")
    return pem


def _encrypted_key_in(container: bytes) -> bytes:
    """The EncryptedPrivateKeyInfo: the SEQUENCE whose first element is the algorithm PBES2."""
    at = container.find(_PBES2)
    # Before it stand two headers: the algorithm's SEQUENCE, and around that the structure that is wanted.
    for outer in range(at - 1, max(0, at - 16), -1):
        length = reading.declared_length(container[outer : outer + 6])
        if length is None or outer + length > len(container):
            continue
        piece = container[outer : outer + length]
        if reading.identify_der(piece) == reading.ENCRYPTED_KEY:
            return piece
    raise ValueError("no encrypted key was found in what the library wrote")


def _as_pem(der: bytes) -> bytes:
    lines = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{lines}\n-----END ENCRYPTED PRIVATE KEY-----\n".encode()


def is_cheap_to_guess(pem: bytes) -> bool:
    """Whether a key file was encrypted with fewer rounds than today, as version 1.0.0 did."""
    content = reading.read_content(pem)
    for block in content.of_kind(reading.ENCRYPTED_KEY):
        der = block.der or base64.b64decode(b"".join(block.pem.split(b"\n")[1:-2]))
        # PBKDF2-params after the identifier: the header of their SEQUENCE, salt OCTET STRING, iterationCount INTEGER
        # (RFC 8018 appendix A.2). All of them are shorter than 128 octets, so each header has two.
        at = der.find(_PBKDF2)
        rest = der[at + len(_PBKDF2) + 2 :] if at >= 0 else b""
        count = rest[2 + rest[1] :] if rest[:1] == b"\x04" else b""
        return count[:1] != b"\x02" or int.from_bytes(count[2 : 2 + count[1]], "big") < ROUNDS
    return False
