# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How much work a file may ask for; whatever asks for more is refused before it is begun (docs/convert.md)."""

from __future__ import annotations

from typing import Any

from ..crypto import UnreadableError
from .der import INTEGER, OCTET_STRING, OID, SEQUENCE, Element, elements, only

# PBKDF2: 600,000 rounds are what is recommended today, a million is the most that software asks for. Two million
# take about two seconds, for each passphrase that is tried.
MAX_ROUNDS = 2_000_000
# scrypt (RFC 7914, section 2): 128 * N * r octets of memory, and p times that much work.
MAX_SCRYPT_MEMORY = 256 * 1024 * 1024
MAX_SCRYPT_WORK = 1 << 22

# OpenSSL's own limit for a modulus; sensors take 4096 bits at most.
MAX_RSA_BITS = 16_384
# A private key of that size, encrypted, and some attributes.
MAX_KEY_OCTETS = 64 * 1024

# A system's store of trusted roots has a few hundred.
MAX_BLOCKS = 1000
MAX_KEYS = 64
MAX_FINDINGS = 20
MAX_URLS = 16
MAX_CRL_BYTES = 256 * 1024 * 1024
MAX_CONTAINER_ELEMENTS = 20_000

_PBES2, _PBKDF2 = bytes.fromhex("2a864886f70d01050d"), bytes.fromhex("2a864886f70d01050c")
_SCRYPT = bytes.fromhex("2b06010401da47040b")
_PKCS5, _PKCS12_PBE = bytes.fromhex("2a864886f70d0105"), bytes.fromhex("2a864886f70d010c01")


def key_problem(key: Any) -> str | None:
    """Why nothing is worked out with a key, private or public: it is too large; None if it is not."""
    bits = getattr(key, "key_size", 0)
    if bits > MAX_RSA_BITS:
        return f"it has {bits} bits; keys of more than {MAX_RSA_BITS} bits are not looked at"
    return None


def derivation_problem(der: bytes) -> str | None:
    """Why the passphrase of an encrypted key (PKCS#8, RFC 5958) is not tried: deriving costs too much; or None.

    :param der: an EncryptedPrivateKeyInfo.
    """
    try:
        kind, parameters = _algorithm(next(elements(only(der, SEQUENCE).content)))
        return _too_costly(kind, parameters)
    except (UnreadableError, IndexError, StopIteration):
        # Where nobody can tell what it costs, it is not begun; the library would refuse it as well.
        return "its ASN.1 is damaged or not DER"


def container_problem(der: bytes) -> str | None:
    """Why a PKCS#12 file (RFC 7292) is not opened, as far as that can be told from outside; None if it cannot.

    What stands in BER of indefinite length or within the encryption is not seen here: the process that opens it has
    its own limits.
    """
    waiting = [der]
    seen = 0
    while waiting and seen < MAX_CONTAINER_ELEMENTS:
        try:
            inner = list(elements(waiting.pop()))
            problem = _costly_sequence(inner)
        except (UnreadableError, IndexError):
            continue
        if problem is not None:
            return problem
        seen += len(inner)
        waiting += [each.content for each in inner if each.tag & 0x20 or (each.tag == OCTET_STRING and _nested(each))]
    return None


def _nested(octets: Element) -> bool:
    return octets.content[:1] == bytes((SEQUENCE,))


def _costly_sequence(inner: list[Element]) -> str | None:
    """What is wrong with these elements of a SEQUENCE if they ask for rounds of key derivation."""
    tags = [each.tag for each in inner]
    if tags == [OID, SEQUENCE] and inner[0].content.startswith((_PKCS5, _PKCS12_PBE)):
        return _too_costly(inner[0].content, list(elements(inner[1].content)))
    if tags == [SEQUENCE, OCTET_STRING, INTEGER]:  # MacData
        return _too_costly(b"", [inner[2]])
    return None


def _too_costly(kind: bytes, parameters: list[Element]) -> str | None:
    """Why a key is not derived with this algorithm, or None."""
    if kind == _PBES2:
        # RFC 8018, appendix A.4: the key derivation, then the cipher.
        kind, parameters = _algorithm(parameters[0])
    numbers = [int.from_bytes(each.content, "big") for each in parameters if each.tag == INTEGER]
    if kind == _SCRYPT:
        cost, block, parallel = (*numbers[:3], 1, 1, 1)[:3]
        if 128 * cost * block > MAX_SCRYPT_MEMORY or cost * block * parallel > MAX_SCRYPT_WORK:
            return f"opening it costs too much: scrypt with N={cost}, r={block}, p={parallel}"
        return None
    # PBKDF2: salt, rounds, perhaps a key length; PBES1 and PKCS#12 (RFC 7292, appendix C): salt, rounds.
    if numbers and numbers[0] > MAX_ROUNDS:
        return f"opening it costs too much: it asks for {numbers[0]} rounds of key derivation, at most {MAX_ROUNDS}"
    return None


def _algorithm(element: Element) -> tuple[bytes, list[Element]]:
    """The identifier of an AlgorithmIdentifier, and the elements of its parameters."""
    parts = list(elements(element.content)) if element.tag == SEQUENCE else []
    if len(parts) != 2 or parts[0].tag != OID or parts[1].tag != SEQUENCE:
        raise UnreadableError("its ASN.1 is damaged or not DER")
    return parts[0].content, list(elements(parts[1].content))
