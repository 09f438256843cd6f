# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a web server reads a PEM file, and not only we.

What people and tools read is more than what OpenSSL's ``PEM_read_bio`` does (RFC 7468, section 3 leaves room): an
indented block, blank lines in it, old line endings, an END line of another label. A web server does not start with
those.
"""

from __future__ import annotations

import re

_MARK = b"\xef\xbb\xbf"  # a byte order mark, which OpenSSL skips since 1.1.1
# Files as tools write them; nothing more need be looked at.
_PLAIN = re.compile(rb"(?:-----BEGIN ([A-Z0-9 ]+)-----\r?\n(?:[A-Za-z0-9+/=]+\r?\n)+-----END \1-----(?:\r?\n|\Z))+\Z")
_BEGIN, _END = b"-----BEGIN ", b"-----END "


def problem(data: bytes) -> str | None:
    """Why OpenSSL does not read a text of which PEM blocks were read here, or None. Not for DER."""
    if _PLAIN.match(data):
        return None
    text = data[len(_MARK) :] if data.startswith(_MARK) else data
    if b"\0" in text:
        return "there are binary octets around its blocks"
    if b"\r" in text.replace(b"\r\n", b""):
        return "its lines end with a carriage return alone"
    inside: bytes | None = None
    headers = False
    for position, raw in enumerate(text.split(b"\n"), start=1):
        line = raw.rstrip()
        if _BEGIN in line or _END in line:
            found = _boundary(line, inside)
            if found is not None:
                return f"{found} (line {position})"
            inside = line[len(_BEGIN) : -5] if line.startswith(_BEGIN) else None
            headers = False
        elif inside is not None:
            headers = headers or b":" in line
            if not line and not headers:
                return f"there is a blank line in a block (line {position})"
    return None


def _boundary(line: bytes, inside: bytes | None) -> str | None:
    if not line.startswith((_BEGIN, _END)) or not line.endswith(b"-----"):
        return "a BEGIN or END does not stand alone on its line, at its beginning"
    if line.startswith(_END) and line[len(_END) : -5] != inside:
        return "an END line has another label than its BEGIN"
    return None
