# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys that everybody has: their private halves stand in public packages, as examples and test data.

``published_list`` beside this file is written by ``tools/collect_published_keys.py``, which says how a key is
marked there. It is read once, when the first key is asked about.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from typing import Any

from ..crypto import ec, rsa, serialization
from .published_list import LIST

_DIGITS = 32
_REGISTRIES = {"pypi": "PyPI", "pypi-sdist": "PyPI", "npm": "npm", "debian": "Debian"}


@functools.lru_cache(maxsize=1)
def known() -> Mapping[str, str]:
    """Where each key stands, by its mark."""
    found: dict[str, str] = {}
    package = ""
    for line in LIST.splitlines():
        if line.startswith("["):
            registry, name = line.strip("[]").split(" ", 1)
            package = f"{_REGISTRIES[registry]} package {name}"
        elif not line.startswith("#"):
            found[line[:_DIGITS]] = f"{line[_DIGITS + 1 :]} of the {package}"
    return found


def where_published(key: Any) -> str | None:
    """Where the private half of a public key can be read by everybody, or None.

    :param key: a public key of any kind; RSA keys and those on elliptic curves are known.
    """
    if isinstance(key, rsa.RSAPublicKey):
        modulus = key.public_numbers().n
        octets = modulus.to_bytes((modulus.bit_length() + 7) // 8, "big")
    elif isinstance(key, ec.EllipticCurvePublicKey):
        octets = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    else:
        return None
    return known().get(hashlib.sha256(octets).hexdigest()[:_DIGITS])
