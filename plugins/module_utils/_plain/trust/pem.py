# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PEM files with the standard library alone: which certificates are in them, and where."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import ssl
from dataclasses import dataclass

from .model import Anchor
from .tools import Runner, find

# OpenSSL writes TRUSTED CERTIFICATE with settings after it; those are not read here.
_BLOCK = re.compile(
    rb"-----BEGIN (?:X509 )?CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END (?:X509 )?CERTIFICATE-----\r?\n?"
)


@dataclass(frozen=True)
class Found:
    """A certificate in a text, and the half-open range of bytes where it stands."""

    fingerprint: str
    start: int
    end: int


def fingerprint(der: bytes) -> str:
    """SHA-256 in lower-case hexadecimal."""
    return hashlib.sha256(der).hexdigest()


def certificates(data: bytes) -> list[Found]:
    """The certificates of a PEM text, or of a file that is one DER certificate."""
    found = []
    for match in _BLOCK.finditer(data):
        try:
            der = base64.b64decode(b"".join(match.group(1).split()), validate=True)
        except binascii.Error:
            continue
        found.append(Found(fingerprint(der), match.start(), match.end()))
    if not found and data[:2] == b"\x30\x82":
        length = 4 + int.from_bytes(data[2:4], "big")
        found.append(Found(fingerprint(data[:length]), 0, len(data)))
    return found


def openssl_distrusts(runner: Runner, anchor: Anchor, source: tuple[str, str]) -> tuple[str, str]:
    """Ask OpenSSL whether a file or folder of authorities vouches for a certificate.

    :param source: ``-CAfile`` or ``-CApath``, and the path.
    :returns: what is wrong or nothing, and who said so (Python's OpenSSL if there is no tool).
    """
    option, path = source
    tool = find("openssl")
    if tool is None:
        return _python_distrusts(anchor, source), "Python's ssl"
    other = "-no-CApath" if option == "-CAfile" else "-no-CAfile"
    partial = [] if anchor.self_signed else ["-partial_chain"]
    done = runner.run([tool, "verify", other, option, path, *partial], given=anchor.pem.encode("ascii"))
    return ("" if done.code == 0 else done.words), "openssl verify"


def _python_distrusts(anchor: Anchor, source: tuple[str, str]) -> str:
    option, path = source
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bundle = path if option == "-CAfile" else os.path.join(path, "ca-certificates.crt")
    try:
        context.load_verify_locations(cafile=bundle)
    except (OSError, ssl.SSLError) as error:
        return f"{bundle} cannot be loaded: {error}"
    loaded = {fingerprint(der) for der in context.get_ca_certs(binary_form=True)}
    return "" if anchor.fingerprint in loaded else f"it is not among the authorities of {bundle}"
