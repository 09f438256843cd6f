# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Private keys: read in any form, compared with what they are said to belong to.

Reading proves nothing about the primes: that takes 47 ms for RSA 2048 and is left to :func:`full_check`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..._plain.errors import KeyReadError, PassphraseError
from .. import crypto
from ..crypto import UnreadableError, UnsupportedAlgorithm, guard, is_about_the_process, is_panic, rsa, serialization
from . import limits, reading

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes


class TooCostly(KeyReadError):
    """Opening a key or working with it costs more than a sound file ever asks for (:mod:`.limits`)."""


def is_encrypted(pem: bytes) -> bool:
    """Whether a key in PEM has a passphrase, by its armour: PKCS#8 (RFC 7468, section 11) or traditional (RFC 1421)."""
    return b"ENCRYPTED" in pem


def load_private_key(data: bytes, passphrase: bytes | None = None) -> PrivateKeyTypes:
    """The private key in a file: PEM or DER, PKCS#8 or traditional, encrypted or not.

    Certificates and text around a PEM key do not matter; the first key counts. A passphrase given for a
    key that is not encrypted is accepted and not used.

    :raises PassphraseError: the key is encrypted, and the passphrase is missing or wrong.
    :raises TooCostly: it asks for more work than is done; nothing was begun.
    :raises KeyReadError: not a private key, damaged, or of an unsupported kind.
    """
    return key_of(reading.read_content(data), passphrase)


def key_of(content: reading.Content, passphrase: bytes | None = None) -> PrivateKeyTypes:
    """Like :func:`load_private_key`, of a file that was told apart already."""
    key_blocks = content.of_kind(*reading.KEY_KINDS)
    if not key_blocks:
        raise KeyReadError(f"it is {content.kind}, not a private key")
    block = key_blocks[0]
    if block.kind == reading.OPENSSH_KEY:
        raise KeyReadError(
            "it is a private key in OpenSSH format, which TLS software does not read; "
            "convert a copy with 'ssh-keygen -p -m PEM -f COPY'"
        )
    if block.problem is not None:
        raise KeyReadError(block.problem)
    loader = serialization.load_pem_private_key if content.encoding == "pem" else serialization.load_der_private_key
    octets = block.pem if content.encoding == "pem" else block.der or b""
    problem = _too_much(block, octets, passphrase)
    if problem is not None:
        raise TooCostly(problem)
    key = _plain_key(content, block) or _load(loader, octets, passphrase)
    problem = limits.key_problem(key)
    if problem is not None:
        raise TooCostly(problem)
    return key


def _plain_key(content: reading.Content, block: reading.Block) -> PrivateKeyTypes | None:
    """A key in PKCS#8 that is not encrypted, as nearly all are: read without taking the PEM apart again; else None."""
    if not content.plain or block.label != "PRIVATE KEY" or block.der is None:
        return None
    try:
        with guard(secret=True):
            return serialization.load_der_private_key(block.der, None, unsafe_skip_rsa_key_validation=True)
    except UnreadableError:
        return None  # what is wrong with it is found again, and said, on the usual way


def _too_much(block: reading.Block, octets: bytes, passphrase: bytes | None) -> str | None:
    """Why a key is not even begun with: it is too large, or its passphrase costs too much."""
    if len(octets) > 2 * limits.MAX_KEY_OCTETS:
        return f"it is larger ({len(octets)} octets) than any key"
    if block.kind != reading.ENCRYPTED_KEY or not passphrase:
        return None
    return limits.derivation_problem(block.der if block.der is not None else reading.octets_of(octets))


# How the library says, in the words of its versions, that it does not know the encryption, whatever the passphrase.
_UNKNOWN_ENCRYPTION = ("unknown key encryption algorithm", "unknown cipher", "unsupported cipher")
_ENCRYPT_ANEW = "encrypt a copy anew: openssl pkey -in FILE -aes256 -out COPY"


def _load(loader: Callable[..., PrivateKeyTypes], data: bytes, passphrase: bytes | None) -> PrivateKeyTypes:
    try:
        try:
            return loader(data, passphrase or None, unsafe_skip_rsa_key_validation=True)
        except TypeError:
            # Either "encrypted, but no password" or "password, but not encrypted".
            if not passphrase:
                raise
            return loader(data, None, unsafe_skip_rsa_key_validation=True)
    except BaseException as error:
        if is_about_the_process(error) or not (isinstance(error, Exception) or is_panic(error)):
            raise
        problem = _problem(error, loader, data, passphrase)
    # Outside the handler: what the parser raised may quote its input, so it is not chained.
    # pylint takes it for unset, though every other way has returned or raised.
    raise problem  # pylint: disable=used-before-assignment


def _problem(
    error: BaseException, loader: Callable[..., PrivateKeyTypes], data: bytes, passphrase: bytes | None
) -> KeyReadError:
    """What keeps a key from being read, from what the library raised."""
    words = str(error).lower()
    if isinstance(error, TypeError) and not passphrase:
        return PassphraseError("the key is encrypted, and no passphrase is given")
    if isinstance(error, UnsupportedAlgorithm):
        return KeyReadError(f"its kind of key or encryption is not supported ({' '.join(str(error).split())[:120]})")
    if not isinstance(error, ValueError):
        # A panic, or something nobody expected: its own words may quote the key.
        return KeyReadError(f"the parser gave up on it ({type(error).__name__})")
    if any(phrase in words for phrase in _UNKNOWN_ENCRYPTION):
        return KeyReadError(f"its encryption is not supported here ({crypto.explain(error)}); {_ENCRYPT_ANEW}")
    # A wrong passphrase gives sound padding once in 256 times; then it is the content that makes no sense.
    if "decrypt" in words or "password" in words or (passphrase and _asks_for_passphrase(loader, data)):
        return PassphraseError("the passphrase does not open the key")
    return KeyReadError(crypto.explain(error))


def _asks_for_passphrase(loader: Callable[..., PrivateKeyTypes], data: bytes) -> bool:
    """Whether the outer form is that of an encrypted key."""
    try:
        loader(data, None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        return True
    except Exception:  # noqa: BLE001 - any other refusal is not that question
        return False
    return False


def public_numbers_fit(key: rsa.RSAPrivateKey) -> bool:
    """Whether an RSA key's numbers fit each other (RFC 8017, section 3.2); the primes are not proven."""
    return numbers_fit(key.private_numbers())


def numbers_fit(numbers: rsa.RSAPrivateNumbers) -> bool:
    """Like :func:`public_numbers_fit`, of numbers that are at hand."""
    p, q, d = numbers.p, numbers.q, numbers.d
    n, e = numbers.public_numbers.n, numbers.public_numbers.e
    if p < 3 or q < 3 or p * q != n or e < 3 or not e & 1 or not 1 < d < n:
        return False
    # d itself is not needed further: it is as good as its remainders (and they are half as long).
    return (
        numbers.dmp1 == d % (p - 1)
        and numbers.dmq1 == d % (q - 1)
        and numbers.dmp1 * e % (p - 1) == 1
        and numbers.dmq1 * e % (q - 1) == 1
        and numbers.iqmp * q % p == 1
    )


def full_check(key: PrivateKeyTypes) -> list[str]:
    """All that ``openssl rsa -check`` looks at, primes included; costs 50 ms and more.

    :returns: what is wrong, in words; empty if nothing is. Keys other than RSA are proven on loading.
    """
    if not isinstance(key, rsa.RSAPrivateKey):
        return []
    problems = []
    if not public_numbers_fit(key):
        problems.append("its numbers do not fit each other")
    numbers = key.private_numbers()
    for name, number in (("p", numbers.p), ("q", numbers.q)):
        if number < 3 or any(pow(base, number - 1, number) != 1 for base in (2, 3) if math.gcd(base, number) == 1):
            problems.append(f"its factor {name} is not a prime")
    if numbers.p == numbers.q:
        problems.append("its two primes are the same")
    if not problems:
        try:
            # OpenSSL's own check, with a proper primality test.
            numbers.private_key()
        except ValueError:
            problems.append("OpenSSL's key check refuses it")
    return problems


def public_key_id(public_key: PublicKeyTypes) -> str:
    """SHA-256 of the SubjectPublicKeyInfo (DER) in hexadecimal: the same for key, request and certificate."""
    return hashlib.sha256(
        public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ).hexdigest()
