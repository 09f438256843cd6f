# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A certificate, key and chain in the form in which an appliance wants its files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ..crypto import serialization, x509
from ..values.keys import load_private_key
from .base import CERTIFICATE, CHAIN, PRIVATE_KEY, ROOT_FIRST, Profile

Entry = TypeVar("Entry")


def ordered(profile: Profile, chain: Sequence[Entry]) -> list[Entry]:
    """A chain in the appliance's order.

    :param chain: the issuing CA first.
    """
    return list(reversed(chain)) if profile.chain_order == ROOT_FIRST else list(chain)


def rendered(profile: Profile, crt: bytes, key: bytes, pem: bytes, passphrase: str | None = None) -> dict[str, bytes]:
    """The contents of the files by kind (``crt``, ``key``, ``pem``).

    :param crt: PEM, as ``key`` and ``pem``; the chain's issuing CA first.
    :param passphrase: of the key, if it is encrypted; it stays so.
    :raises KeyReadError: the key must be written anew and cannot be opened.
    :raises ValueError: the certificate or the chain is not PEM.
    """
    contents = {"crt": crt, "key": key, "pem": pem}
    if profile.file(CERTIFICATE).encodings[0] == "der":
        certificate = x509.load_pem_x509_certificate(crt)
        contents["crt"] = certificate.public_bytes(serialization.Encoding.DER)
    if profile.file(PRIVATE_KEY).encodings[0] == "der":
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            encryption = serialization.BestAvailableEncryption(passphrase.encode())
        opened = load_private_key(key, passphrase.encode() if passphrase else None)
        contents["key"] = opened.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, encryption
        )
    if profile.chain_order == ROOT_FIRST and any(kind.role == CHAIN for kind in profile.files):
        views = x509.load_pem_x509_certificates(pem)
        contents["pem"] = b"".join(view.public_bytes(serialization.Encoding.PEM) for view in reversed(views))
    return contents
