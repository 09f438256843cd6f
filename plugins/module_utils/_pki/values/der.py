# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the elements of a DER structure begin and end; what they mean is the library's business.

``cryptography`` gives no access to the parts of a certificate that it refuses as a whole (from version 47 on there
is ``hazmat.asn1``; version 42 has to do). With the borders of the parts known, those that it does read are
handed to it one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..crypto import UnreadableError

# A certificate or request has a few hundred elements at each level, a CRL's are never taken apart here.
MAX_ELEMENTS = 100_000

MAX_DEPTH = 40  # a certificate's own elements are nested less than ten times
_CONSTRUCTED = 0x20
BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID = 0x01, 0x02, 0x03, 0x04, 0x06
SEQUENCE, SET = 0x30, 0x31
VERSION = 0xA0  # [0], the first field of a TBSCertificate (RFC 5280, section 4.1)


class Element(NamedTuple):
    """One element (X.690, section 8.1): its tag's octet, its content, and all of it."""

    tag: int
    content: bytes
    whole: bytes


def elements(data: bytes) -> Iterator[Element]:
    """The elements that stand one after another, for example in the content of a SEQUENCE; not what is in them.

    :raises UnreadableError: a tag of several octets, a length that is not definite, or one beyond the end.
    """
    position = count = 0
    size = len(data)
    while position < size:
        start = position
        count += 1
        if position + 2 > size or data[position] & 0x1F == 0x1F or count > MAX_ELEMENTS:
            raise UnreadableError("its ASN.1 is damaged or not DER")
        tag, length = data[position], data[position + 1]
        position += 2
        if length >= 0x80:
            octets = length & 0x7F
            if not 1 <= octets <= 4 or position + octets > size:
                raise UnreadableError("its ASN.1 is damaged or not DER")
            length = int.from_bytes(data[position : position + octets], "big")
            position += octets
        if position + length > size:
            raise UnreadableError("the data is cut off")
        yield Element(tag, data[position : position + length], data[start : position + length])
        position += length


def only(data: bytes, tag: int) -> Element:
    """The one element that is all of the data.

    :raises UnreadableError: it is not one, or has another tag.
    """
    first = next(elements(data), None)
    if first is None or first.tag != tag or len(first.whole) != len(data):
        raise UnreadableError("its ASN.1 is damaged or not DER")
    return first


def encode(tag: int, *contents: bytes) -> bytes:
    """An element of that content (X.690, section 10.1)."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def rewritten(data: bytes) -> bytes:
    """The same elements as DER has them: lengths in their shortest form, strings in one piece (X.690, section 10).

    :raises UnreadableError: as in :func:`elements`, or nested too deeply.
    """
    return _rewritten(data, MAX_DEPTH)


def _rewritten(data: bytes, depth: int) -> bytes:
    if not depth:
        raise UnreadableError("its ASN.1 is nested too deeply")
    made = []
    for each in elements(data):
        if not each.tag & _CONSTRUCTED:
            made.append(encode(each.tag, each.content))
            continue
        inner = _rewritten(each.content, depth - 1)
        if each.tag < 0x40 and each.tag not in (SEQUENCE, SET):
            made.append(encode(each.tag & ~_CONSTRUCTED, *(piece.content for piece in elements(inner))))
        else:
            made.append(encode(each.tag, inner))
    return b"".join(made)
