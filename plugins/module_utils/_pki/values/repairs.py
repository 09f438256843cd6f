# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values of extensions that break a rule of encoding, written as the standard wants them (for :mod:`.tolerant`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..crypto import UnreadableError
from .der import BIT_STRING, BOOLEAN, INTEGER, SEQUENCE, elements, encode, only, rewritten
from .strings import decoded, readable_strings

_MAX_NAMES = 1000

_BASIC_CONSTRAINTS, _KEY_USAGE, _POLICIES = "2.5.29.19", "2.5.29.15", "2.5.29.32"
_SUBJECT_NAMES, _ISSUER_NAMES = "2.5.29.17", "2.5.29.18"
_TLS_FEATURE = "1.3.6.1.5.5.7.1.24"
_KNOWN_TLS_FEATURES = frozenset({b"\x02\x01\x05", b"\x02\x01\x11"})  # status_request and its second version
_MAIL, _DNS, _X400, _EDI, _URI, _ADDRESS = 0x81, 0x82, 0xA3, 0xA5, 0x86, 0x87
_AUTHORITY_KEY = "2.5.29.35"
_KEY_IDENTIFIER, _ISSUER, _SERIAL = 0x80, 0xA1, 0x82  # RFC 5280, section 4.2.1.1


def repaired(oid: str, value: bytes) -> Iterator[tuple[bytes, str]]:
    """An extension's value as the standard wants it, and what was wrong with it; the first that can be read counts.

    :raises UnreadableError: nothing that may be read differently.
    """
    notes: list[str] = []
    first = next(elements(value), None)
    if first is None:
        raise UnreadableError("it is empty")
    if first.whole != value:
        notes.append("has more data after its end")
    mended = rewritten(first.whole)
    if mended != first.whole:
        notes.append("has lengths that are longer than DER has them, or strings in pieces")
    changed = readable_strings(mended, lambda text: notes.append(f"has {text}"))
    if changed != mended and not notes:
        notes.append("has a URL with characters outside ASCII")
    if changed != value:
        yield changed, "; it ".join(notes)
    repair = _REPAIRS.get(oid)
    if repair is None:
        raise UnreadableError("it cannot be read in another way")
    changed, note = repair(changed)
    yield changed, "; it ".join([*notes, note])


def _basic_constraints(value: bytes) -> tuple[bytes, str]:
    authority = False
    length = b""
    for each in elements(only(value, SEQUENCE).content):
        if each.tag == BOOLEAN and len(each.content) == 1:
            authority = each.content != b"\x00"
        elif each.tag == INTEGER and each.content[:1] < b"\x80":
            length = each.whole
        else:
            raise UnreadableError("it cannot be read in another way")
    if authority:
        return encode(SEQUENCE, b"\x01\x01\xff", length), "writes TRUE otherwise than DER does"
    if length:
        return encode(SEQUENCE), "has a path length beside CA:FALSE, where it means nothing"
    return encode(SEQUENCE), "says CA:FALSE in full, which DER leaves out"


def _key_usage(value: bytes) -> tuple[bytes, str]:
    content = only(value, BIT_STRING).content
    if not 2 <= len(content) <= 3 or content[0] > 7:
        raise UnreadableError("it cannot be read in another way")
    bits = int.from_bytes(content[1:].ljust(2, b"\x00"), "big") & ~((1 << content[0] + 8 * (3 - len(content))) - 1)
    note = "has bits set that its length excludes"
    if not bits & 0x0800 and bits & 0x0180:
        # encipherOnly and decipherOnly have no meaning without keyAgreement (RFC 5280, section 4.2.1.3).
        bits &= ~0x0180
        note = "has encipherOnly or decipherOnly without keyAgreement, where they mean nothing"
    octets = bits.to_bytes(2, "big") if bits & 0xFF else bits.to_bytes(2, "big")[:1]
    last = octets[-1]
    unused = (last & -last).bit_length() - 1 if last else 7
    if not last:
        return encode(BIT_STRING, b"\x07\x00"), note
    return encode(BIT_STRING, bytes((unused,)) + octets), note


def _policies(value: bytes) -> tuple[bytes, str]:
    """The policies without their qualifiers, which are for people to read (RFC 5280, section 4.2.1.4)."""
    made = []
    for policy in elements(only(value, SEQUENCE).content):
        made.append(encode(SEQUENCE, *(each.whole for each in list(elements(policy.content))[:1])))
    return encode(SEQUENCE, *made), "has a policy qualifier of an unknown form"


def _authority_key(value: bytes) -> tuple[bytes, str]:
    """The identifier of the issuer's key; issuer and serial number of its certificate only if both are there."""
    parts = {each.tag: each.whole for each in elements(only(value, SEQUENCE).content)}
    if not parts or not set(parts) < {_KEY_IDENTIFIER, _ISSUER, _SERIAL}:
        raise UnreadableError("it cannot be read in another way")
    made = [parts.get(_KEY_IDENTIFIER, b"")]
    if _SERIAL in parts:
        made += [encode(_ISSUER, encode(_URI)), parts[_SERIAL]]
    return encode(
        SEQUENCE, *made
    ), "names a certificate by its issuer or its serial number alone, where both are wanted"


def _tls_feature(value: bytes) -> tuple[bytes, str]:
    features = [each.whole for each in elements(only(value, SEQUENCE).content)]
    known = [whole for whole in features if whole in _KNOWN_TLS_FEATURES]
    if len(known) == len(features):
        raise UnreadableError("it cannot be read in another way")
    return encode(SEQUENCE, *known), "asks for a TLS feature that is not known"


def _alternative_names(value: bytes) -> tuple[bytes, str]:
    """The names, without those for which the library has no type: they are sound, and nobody uses them."""
    names = list(elements(only(value, SEQUENCE).content))
    notes: list[str] = []
    kept = []
    for name in names:
        if name.tag in (_X400, _EDI):
            notes.append("has a name of a kind that nothing here evaluates (x400Address or ediPartyName)")
        elif name.tag == _ADDRESS and len(name.content) not in (4, 16):
            notes.append(f"has an IP address of {len(name.content)} octets, where 4 or 16 are wanted")
        elif name.tag in (_MAIL, _DNS):
            kept.append(encode(name.tag, decoded(name.content).encode()))
        else:
            kept.append(name.whole)
    if len(names) > _MAX_NAMES:
        raise UnreadableError(f"it has {len(names)} names; at most {_MAX_NAMES} are read")
    return encode(SEQUENCE, *kept), "; it ".join(dict.fromkeys(notes)) or "has a name that is not written in ASCII"


_REPAIRS: dict[str, Callable[[bytes], tuple[bytes, str]]] = {
    _BASIC_CONSTRAINTS: _basic_constraints,
    _KEY_USAGE: _key_usage,
    _POLICIES: _policies,
    _TLS_FEATURE: _tls_feature,
    _AUTHORITY_KEY: _authority_key,
    _SUBJECT_NAMES: _alternative_names,
    _ISSUER_NAMES: _alternative_names,
}
