# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``openssl`` finds in a container that the library refuses as a whole for one certificate in it.

Only ever called in the bounded process (:mod:`.bounded`), whose limits of time and memory the command inherits.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence

from ..values import reading

_SECONDS = 20
_MAX_PASSPHRASE = 4096  # fits into a pipe whose reader has not begun
_FRIENDLY_NAME = re.compile(rb"^\s*friendlyName: (.*)$", re.MULTILINE)


def certificates_of_pkcs7(der: bytes) -> list[bytes]:
    """The certificates of a PKCS#7 file as DER; none if openssl is missing or refuses it too."""
    text = _openssl(["pkcs7", "-inform", "DER", "-print_certs"], der)
    return [block.der for block in reading.pem_blocks(text) if block.kind == reading.CERTIFICATE and block.der]


def content_of_pkcs12(der: bytes, passphrase: bytes) -> tuple[list[tuple[bytes, str | None]], list[bytes]]:
    """The certificates (DER and friendly name) and the unencrypted keys (PEM) of a PKCS#12 file; none likewise."""
    text = _openssl(["pkcs12", "-nodes", "-passin"], der, passphrase)
    certificates: list[tuple[bytes, str | None]] = []
    keys = []
    position = 0
    for block in reading.pem_blocks(text):
        if block.kind == reading.CERTIFICATE and block.der:
            start = text.find(block.pem, position)
            names = _FRIENDLY_NAME.findall(text[position:start])
            position = start + len(block.pem) if start >= 0 else position
            certificates.append((block.der, names[-1].strip().decode("utf-8", "replace") if names else None))
        elif block.kind == reading.PRIVATE_KEY:
            keys.append(block.pem)
    return certificates, keys


def _openssl(arguments: Sequence[str], data: bytes, passphrase: bytes | None = None) -> bytes:
    command = shutil.which("openssl")
    if command is None or len(passphrase or b"") > _MAX_PASSPHRASE:
        return b""
    handed: tuple[int, ...] = ()
    words = [command, *arguments]
    if passphrase is not None:
        # Neither on the command line nor in the environment, which others can read.
        reader, writer = os.pipe()
        os.write(writer, passphrase + b"\n")
        os.close(writer)
        handed = (reader,)
        words.append(f"fd:{reader}")
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            words, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, pass_fds=handed, check=False,
            timeout=_SECONDS, env={"PATH": os.defpath, "LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return b""
    finally:
        for descriptor in handed:
            os.close(descriptor)
    return done.stdout if done.returncode == 0 else b""
