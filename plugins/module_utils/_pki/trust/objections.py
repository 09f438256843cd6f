# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why nobody should trust a certificate as an authority: what software refuses, or believes though it should not."""

from __future__ import annotations

import datetime
from typing import Any

from ..crypto import ExtendedKeyUsageOID, UnreadableError, dsa, ec, guard, rsa
from ..validation import weak_keys
from ..validation.path_faults import unknown_critical_extensions
from ..validation.published_keys import where_published
from ..values import der
from ..values.certificates import CertificateView, signed_by
from ..values.reading import declared_length

MIN_RSA_BITS, MIN_CURVE_BITS = 2048, 224
_BASIC_CONSTRAINTS, _KEY_USAGE, _EXTENDED = "2.5.29.19", "2.5.29.15", "2.5.29.37"
_MD2_WITH_RSA = "1.2.840.113549.1.1.2"
_BROKEN = frozenset({"md2", "md4", "md5"})
_REJECTED = 0xA0  # [0] of OpenSSL's X509_CERT_AUX
_ANY_USE, _SERVERS = bytes.fromhex("551d2500"), bytes.fromhex("2b06010505070301")


def objection(view: CertificateView, moment: datetime.datetime) -> str | None:
    """The first reason against trusting a certificate (RFC 5280, section 6.1.4), or None.

    Reads on behind the certificate's title: "is not a CA certificate: …".
    """
    for problem in (*view.problems, view.key_problem):
        if problem:
            return f"has a part that cannot be read: {problem}"
    return (
        _no_authority(view)
        or _out_of_date(view, moment)
        or _weak_key(view.public_key)
        or _weak_signature(view)
        or _no_servers(view)
        or _unknown(view)
        or _no_root(view)
    )


def settings_objection(data: bytes) -> str | None:
    """What OpenSSL's own settings behind a certificate (BEGIN TRUSTED CERTIFICATE) say against its use for servers.

    They are ``SEQUENCE { trust SEQUENCE OF OBJECT IDENTIFIER OPTIONAL, reject [0] … OPTIONAL, … }``
    (openssl-x509(1), TRUST SETTINGS).
    """
    length = declared_length(data)
    if length is None or length >= len(data):
        return None
    try:
        for part in der.elements(der.only(data[length:], der.SEQUENCE).content):
            uses = [element.content for element in der.elements(part.content)] if part.tag in (0x30, _REJECTED) else []
            if part.tag == _REJECTED and (_SERVERS in uses or _ANY_USE in uses):
                return "carries the setting of OpenSSL that it is not to be trusted for servers (reject)"
            if part.tag == der.SEQUENCE and not (_SERVERS in uses or _ANY_USE in uses):
                return "carries the setting of OpenSSL that it is to be trusted for other uses only"
    except UnreadableError:
        return "carries settings of OpenSSL that are damaged"
    return None


def _no_authority(view: CertificateView) -> str | None:
    constraints = view.value(_BASIC_CONSTRAINTS)
    if constraints is None:
        return "is not a CA certificate: it has no basicConstraints"
    if not constraints.ca:
        return "is not a CA certificate: its basicConstraints say CA:FALSE"
    usage = view.value(_KEY_USAGE)
    if usage is not None and not usage.key_cert_sign:
        return "is not a CA certificate: its keyUsage does not allow keyCertSign"
    return None


def _out_of_date(view: CertificateView, moment: datetime.datetime) -> str | None:
    if moment > view.not_after:
        return f"expired on {view.not_after:%Y-%m-%dT%H:%M:%SZ}"
    if moment < view.not_before:
        return f"is not valid before {view.not_before:%Y-%m-%dT%H:%M:%SZ}"
    return None


def _weak_key(key: Any) -> str | None:
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        return f"has an RSA key of {key.key_size} bits, which is too small; wanted: {MIN_RSA_BITS} or more"
    if isinstance(key, dsa.DSAPublicKey):
        return "has a DSA key, which TLS software no longer takes"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < MIN_CURVE_BITS:
        return f"has a key on the curve {key.curve.name}, which is too small"
    weakness = weak_keys.public_weakness(key)
    if weakness is not None:
        return f"has a key that can be broken: {weakness}"
    place = where_published(key)
    return None if place is None else f"has a key whose private half everybody has: it is {place}"


def _weak_signature(view: CertificateView) -> str | None:
    name = "md2" if view.certificate.signature_algorithm_oid.dotted_string == _MD2_WITH_RSA else ""
    try:
        with guard():
            digest = view.certificate.signature_hash_algorithm
            name = digest.name if digest is not None else name
    except UnreadableError:
        return f"is signed with {name.upper() or 'an algorithm'} that is not supported any more"
    # Nobody looks at what a root says of itself; that of any other could be forged.
    if name in _BROKEN or (name == "sha1" and view.subject_name != view.issuer_name):
        return f"is signed with {name.upper()}, which can be forged"
    return None


def _no_servers(view: CertificateView) -> str | None:
    usages = view.value(_EXTENDED)
    if usages is None:
        return None
    if {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usages):
        return None
    return "does not allow TLS servers: its extendedKeyUsage has no serverAuth"


def _unknown(view: CertificateView) -> str | None:
    unknown = unknown_critical_extensions(view)
    return f"has unknown critical extensions: {', '.join(unknown)}" if unknown else None


def _no_root(view: CertificateView) -> str | None:
    if view.subject_name == view.issuer_name and not signed_by(view, view):
        return "says that it is a root, but its own key has not signed it"
    return None
