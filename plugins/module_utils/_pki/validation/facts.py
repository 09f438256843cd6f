# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a certificate says, as plain data: for results and reports, and for an organization's own rules."""

from __future__ import annotations

import datetime
import functools
import hashlib
from typing import Any

from ..crypto import ec, rsa, x509
from ..values import moments, text
from ..values import x509_parts as parts
from ..values.certificates import CertificateView, signed_by
from ..values.oids import extension_name
from .case import Case

_USAGES = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
}


def result_facts(case: Case) -> dict[str, Any]:
    """What the certificate says, for results and reports; empty if it cannot be read."""
    view = case.certificate
    if view is None:
        return {}
    left = view.not_after - case.at
    return {
        "common_name": view.common_names[-1] if view.common_names else None,
        "subject": text.pairs_text(view.subject_pairs),
        "issuer": text.pairs_text(view.issuer_pairs),
        "serial_number": text.serial_text(view.serial),
        "not_before": moments.iso(view.not_before),
        "not_after": moments.iso(view.not_after),
        "days_left": left.days,
        "expiring": left < datetime.timedelta(days=case.bundle.min_days_left),
        "fingerprint": view.fingerprint,
        "public_key_id": parts.spki_id(view.spki) if view.spki else None,
        "key_bits": getattr(view.public_key, "key_size", None),
        "dns_names": view.dns_names,
        "ip_addresses": [str(address) for address in view.alternative_names(x509.IPAddress)],
        # Texts, since ten thousand results of lists cost Ansible seconds.
        "subject_order": {
            "sample": ", ".join(case.settings.profile.subject_order),
            "certificate": ", ".join([short for short, _value in view.subject_pairs]),
        },
        "extension_order": {
            "sample": _extension_names(case.settings.profile.extension_order),
            "certificate": _extension_names(tuple(view.extensions)),
        },
        "chain": [above.title for above in case.path.views[1:]] if case.path is not None else [],
    }


@functools.lru_cache(maxsize=256)
def _extension_names(oids: tuple[str, ...]) -> str:
    return ", ".join(map(extension_name, oids))


def rule_facts(case: Case, view: CertificateView) -> dict[str, Any]:
    """What an organization's own rules look at: the facts of results, and more that they may ask for."""
    usage = view.value("2.5.29.15")
    return {
        **result_facts(case),
        "name": case.bundle.name,
        "subject_fields": [{"field": short, "value": value} for short, value in view.subject_pairs],
        "issuer_fields": [{"field": short, "value": value} for short, value in view.issuer_pairs],
        "validity_days": (view.not_after - view.not_before).days,
        "key_type": key_type(view.public_key),
        "signature_algorithm": view.certificate.signature_algorithm_oid.dotted_string,
        "self_signed": view.self_issued and signed_by(view, view),
        "is_ca": view.says_ca,
        "key_usages": [name for name, attribute in _USAGES.items() if usage is not None and getattr(usage, attribute)],
        "extended_key_usages": [purpose.dotted_string for purpose in view.value("2.5.29.37") or []],
        "extensions": list(view.extensions),
        "policies": [policy.policy_identifier.dotted_string for policy in view.value("2.5.29.32") or []],
        "crl_urls": crl_urls(view),
    }


def key_type(key: Any) -> str | None:
    """What kind of key it is, in the words of profiles: ``rsa``, ``ec``, or the name of another kind."""
    if key is None:
        return None
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ec"
    return type(key).__name__.replace("PublicKey", "").lstrip("_").lower()


def crl_urls(view: CertificateView) -> list[str]:
    """The URLs of a certificate's CRL distribution points, in their order."""
    return [
        name.value
        for point in view.value("2.5.29.31") or []
        for name in point.full_name or []
        if isinstance(name, x509.UniformResourceIdentifier)
    ]


@functools.lru_cache(maxsize=256)
def _issuer_mark(issuer_name: Any) -> bytes:
    return hashlib.sha256(repr(issuer_name).encode()).digest()


@functools.lru_cache(maxsize=1024)
def numbering_of(view: CertificateView) -> str:
    """A mark that two certificates share exactly if they are of one issuer's name and have one serial number."""
    serial = view.serial.to_bytes(view.serial.bit_length() // 8 + 1, "big", signed=True)
    return hashlib.sha256(_issuer_mark(view.issuer_name) + serial).hexdigest()[:32]
