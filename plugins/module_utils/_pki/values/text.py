# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How names, numbers and lists are said in messages, results and files: one way for each."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from ..._plain.texts import harmless
from ..crypto import x509
from .oids import field_name

if TYPE_CHECKING:
    NormalName = tuple[tuple[tuple[str, Any], ...], ...]


def show(text: str, limit: int = 120) -> str:
    """A text from a certificate for a message: harmless, and of bounded length."""
    return harmless(text, limit)


def serial_text(serial: int) -> str:
    """A serial number as OpenSSL prints it with ``-serial``: upper-case hexadecimal, whole octets."""
    sign, text = ("-" if serial < 0 else ""), f"{abs(serial):X}"
    return sign + (text if len(text) % 2 == 0 else "0" + text)


def _fold(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not value.isascii():
        value = unicodedata.normalize("NFKC", value)
    return " ".join(value.split()).casefold()


def normal_name(name: x509.Name) -> NormalName:
    """A distinguished name in a form that compares as RFC 5280, section 7.1, wants it: case and blanks do not count."""
    parts = []
    for rdn in name.rdns:
        pairs = [(attribute.oid.dotted_string, _fold(attribute.value)) for attribute in rdn]
        parts.append(tuple(sorted(pairs, key=repr)) if len(pairs) > 1 else (pairs[0],))
    return tuple(parts)


def name_pairs(name: x509.Name) -> list[tuple[str, str]]:
    """A distinguished name as pairs of short field name and text, in its own order."""
    return [
        (
            field_name(attribute.oid.dotted_string),
            attribute.value if isinstance(attribute.value, str) else attribute.value.hex(),
        )
        for attribute in name
    ]


def name_text(name: x509.Name) -> str:
    """A distinguished name on one line, in its own order."""
    return show(", ".join(f"{short}={value}" for short, value in name_pairs(name)), 200) or "(empty name)"
