# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Strings with characters that their kind does not hold, written as UTF8String (for :mod:`.tolerant`)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from ..._plain.texts import harmless
from ..crypto import UnreadableError
from .der import MAX_DEPTH, SEQUENCE, SET, Element, elements, encode

UTF8 = 0x0C
_NUMERIC, _PRINTABLE, _T61, _IA5 = 0x12, 0x13, 0x14, 0x16
_URI = 0x86  # of a GeneralName, wherever it stands (RFC 5280, section 4.2.1.6)
# A UTF8String that is none, and any VisibleString in a name, is refused by other software too.
_NAMES = {_NUMERIC: "NumericString", _PRINTABLE: "PrintableString", _T61: "T61String", _IA5: "IA5String"}
# X.680, section 41.4.
_PRINTABLE_TEXT = re.compile(rb"[A-Za-z0-9 '()+,\-./:=?]*\Z")


def readable_string(value: Element, note: Callable[[str], None]) -> bytes:
    """A string in a form that the library reads.

    :param note: called with what was wrong with it, in words, if something was.
    """
    kind = _NAMES.get(value.tag)
    if kind is None or _is_sound(value):
        return value.whole
    text = decoded(value.content, "utf-8" if value.tag == _PRINTABLE else "latin-1")
    note(f"'{harmless(text, 80)}' as {kind}, which does not hold such characters")
    return encode(UTF8, unicodedata.normalize("NFC", text).encode())


def decoded(content: bytes, first: str = "utf-8") -> str:
    """Octets as text: in UTF-8 if it is that, else in Latin-1, which is not in any standard, but written by many."""
    try:
        return content.decode(first)
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _is_sound(value: Element) -> bool:
    if value.tag == _PRINTABLE:
        return bool(_PRINTABLE_TEXT.match(value.content))
    # The library reads ASCII in any of the other kinds.
    return value.content.isascii()


def readable_strings(data: bytes, note: Callable[[str], None], depth: int = MAX_DEPTH) -> bytes:
    """Elements with every string in them in such a form; what is inside of OCTET STRINGs is left alone.

    :raises UnreadableError: damaged, or nested too deeply.
    """
    if not depth:
        raise UnreadableError("its ASN.1 is nested too deeply")
    made = []
    for each in elements(data):
        if each.tag in (SEQUENCE, SET) or each.tag >= 0xA0:
            made.append(encode(each.tag, readable_strings(each.content, note, depth - 1)))
        elif each.tag == _URI:
            made.append(encode(_URI, decoded(each.content).encode()))
        else:
            made.append(readable_string(each, note))
    return b"".join(made)
