# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How names, numbers and lists are said in messages, results and files: one way for each."""

from __future__ import annotations

import unicodedata
from typing import Any, NamedTuple, Tuple

from ..._plain.texts import harmless
from ..crypto import x509
from .oids import field_name

# Python 3.8 cannot subscript tuple while it runs.
NormalName = Tuple[Tuple[Tuple[str, Any], ...], ...]  # noqa: UP006


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


class NameParts(NamedTuple):
    """A distinguished name taken apart.

    :ivar pairs: short field name and text, in its own order.
    :ivar normal: a form that compares as RFC 5280, section 7.1, wants it: case and blanks do not count.
    """

    pairs: list[tuple[str, str]]
    normal: NormalName


def name_parts(name: x509.Name) -> NameParts:
    """A distinguished name taken apart, in one pass: this is asked of every certificate, for both of its names."""
    pairs: list[tuple[str, str]] = []
    normal: list[tuple[tuple[str, Any], ...]] = []
    for rdn in name.rdns:
        folded = []
        for attribute in rdn:
            oid, value = attribute.oid.dotted_string, attribute.value
            pairs.append((field_name(oid), value if isinstance(value, str) else value.hex()))
            folded.append((oid, _fold(value)))
        normal.append(tuple(folded) if len(folded) == 1 else tuple(sorted(folded, key=repr)))
    return NameParts(pairs, tuple(normal))


# What the strings of a name are to OpenSSL (its DIRECTORYSTRING and PRINTABLE), by the library's word for them.
_REFUSED_STRINGS = frozenset({"VisibleString", "OctetString", "UTCTime", "GeneralizedTime"})


def refused_strings(name: x509.Name) -> list[str]:
    """What of a distinguished name OpenSSL does not read, in words; with it no web server starts."""
    found = []
    for attribute in name:
        kind = getattr(getattr(attribute, "_type", None), "name", "")
        refused = kind in _REFUSED_STRINGS
        if refused or (kind == "BMPString" and not attribute.value.isascii() and max(attribute.value) > "\uffff"):  # type: ignore[operator, arg-type]
            shown = show(attribute.value) if isinstance(attribute.value, str) else "something"
            found.append(f"'{shown}' as {kind}, which OpenSSL does not read, and so no web server")
    return found


def normal_name(name: x509.Name) -> NormalName:
    """A distinguished name in a form that compares as RFC 5280, section 7.1, wants it."""
    return name_parts(name).normal


def name_pairs(name: x509.Name) -> list[tuple[str, str]]:
    """A distinguished name as pairs of short field name and text, in its own order."""
    return name_parts(name).pairs


def pairs_text(pairs: list[tuple[str, str]]) -> str:
    """The pairs of a distinguished name on one line."""
    return show(", ".join([f"{short}={value}" for short, value in pairs]), 200) or "(empty name)"


def name_text(name: x509.Name) -> str:
    """A distinguished name on one line, in its own order."""
    return pairs_text(name_pairs(name))
