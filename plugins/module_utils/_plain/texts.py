# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Texts that others have written (file names, subjects, what tools and servers say), made harmless for one line.

On a terminal such a text could move the cursor, forge a line of a summary, or show its characters in another order
(CWE-150, CVE-2021-42574).
"""

from __future__ import annotations

import re
import unicodedata

# Cc: control, among them ESC and line feed; Cf: format, among them the marks for the direction of text and what has no
# width; Cs: half a character, which no output can be encoded with; Co, Cn: nobody knows what these show as.
_HARMFUL = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


# Signs with which a cell becomes a formula, also where the separator of columns is another than ours: a spreadsheet
# whose country writes 1,5 splits at semicolons. Some take the wide forms of the signs as well.
_SIGN = r"(?=[=+\-@\uff1d\uff0b\uff0d\uff20])"
_FORMULA, _QUOTED = re.compile(rf"(^|;)( *){_SIGN}"), re.compile(rf"(^|;)'( *){_SIGN}")


def is_plain(text: str) -> bool:
    """Whether a text is nothing but letters, digits, signs and blanks of ASCII, so that nothing need be looked for."""
    return text.isascii() and text.isprintable()


def harmless(text: object, limit: int | None = None) -> str:
    """A text for one line: whatever could do more than be read is written as an escape (``\\x1b``).

    A text that is harmless stays as it is, but for what is beyond the limit.

    :param limit: the most characters to keep; an ellipsis stands for the others.
    """
    plain = str(text)
    if not is_plain(plain):
        plain = "".join(map(_shown, plain))
    return plain if limit is None or len(plain) <= limit else plain[: max(0, limit - 1)] + "\u2026"


def cell(text: str) -> str:
    """A text for a CSV file that a spreadsheet takes as a text, never as a formula (CWE-1236)."""
    return _FORMULA.sub(r"\1'\2", harmless(text))


def uncell(text: str) -> str:
    """The text that :func:`cell` was given, if it was harmless."""
    plain = _QUOTED.sub(r"\1\2", text)
    return plain if cell(plain) == text else text


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    # Blanks that are not the usual one look like it.
    if category not in _HARMFUL and (category != "Zs" or character == " "):
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
