# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one place that imports ``cryptography``.

Ansible's documentation tools and its import check load every file on machines without it, so the
import is guarded here and nowhere else. Everything else says ``from .crypto import x509``.
"""

from __future__ import annotations

try:
    import cryptography
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
    from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
    from cryptography.x509.oid import (
        CRLEntryExtensionOID,
        ExtendedKeyUsageOID,
        ExtensionOID,
        NameOID,
        SignatureAlgorithmOID,
    )
except ImportError as _error:
    CRYPTOGRAPHY_PROBLEM: str | None = (
        f"the Python package 'cryptography' cannot be imported ({_error}); "
        "install cryptography 42 or newer for the Python that runs Ansible"
    )

    class InvalidSignature(Exception):  # type: ignore[no-redef]
        """Stands in while files are merely being loaded."""

    class UnsupportedAlgorithm(Exception):  # type: ignore[no-redef]
        """Stands in while files are merely being loaded."""

    x509 = hashes = serialization = None  # type: ignore[assignment]
    dsa = ec = ed448 = ed25519 = padding = rsa = pkcs7 = pkcs12 = None  # type: ignore[assignment]
    CRLEntryExtensionOID = ExtendedKeyUsageOID = ExtensionOID = None  # type: ignore[assignment, misc]
    NameOID = SignatureAlgorithmOID = None  # type: ignore[assignment, misc]
else:
    CRYPTOGRAPHY_PROBLEM = None
    if int(cryptography.__version__.split(".", maxsplit=1)[0]) < 42:
        CRYPTOGRAPHY_PROBLEM = (
            f"the Python package 'cryptography' is version {cryptography.__version__}, "
            "which is too old; 42 or newer is needed"
        )

__all__ = [
    "CRYPTOGRAPHY_PROBLEM",
    "CRLEntryExtensionOID",
    "ExtendedKeyUsageOID",
    "ExtensionOID",
    "InvalidSignature",
    "NameOID",
    "SignatureAlgorithmOID",
    "UnsupportedAlgorithm",
    "dsa",
    "ec",
    "ed448",
    "ed25519",
    "hashes",
    "padding",
    "pkcs7",
    "pkcs12",
    "rsa",
    "serialization",
    "x509",
]
