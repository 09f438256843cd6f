# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one way to check a signature."""

from __future__ import annotations

from typing import Any

from ..crypto import UnsupportedAlgorithm, dsa, ec, ed448, ed25519, padding, rsa


def verify_signature(signed: Any, content: bytes, key: Any) -> None:
    """Check the signature of a certificate, CRL or request.

    :param content: the bytes that were signed.
    :raises InvalidSignature: made with another key, or the content was altered.
    :raises UnsupportedAlgorithm: this algorithm or kind of key cannot be checked (ValueError and TypeError likewise).
    """
    algorithm = signed.signature_hash_algorithm
    if isinstance(key, rsa.RSAPublicKey):
        parameters = signed.signature_algorithm_parameters or padding.PKCS1v15()
        key.verify(signed.signature, content, parameters, algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signed.signature, content, ec.ECDSA(algorithm))
    elif isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        key.verify(signed.signature, content)
    elif isinstance(key, dsa.DSAPublicKey):
        key.verify(signed.signature, content, algorithm)
    else:
        raise UnsupportedAlgorithm("this kind of key does not sign certificates")
