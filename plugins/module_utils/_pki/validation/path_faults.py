# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with a certification path, as RFC 5280, section 6.1, says, and as TLS software is stricter."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..crypto import ExtendedKeyUsageOID, UnreadableError, dsa, ec, rsa, x509
from ..values import der
from ..values.certificates import CertificateView, signed_by
from ..values.moments import iso
from ..values.oids import extension_name
from ..values.text import normal_name
from . import name_constraints, policies, weak_keys
from .published_keys import where_published

# Critical extensions that TLS software understands. Others may be there, but not as critical ones: subject and
# authority key identifier, authority information access, freshestCRL, issuerAltName mark nothing that has to be
# understood, and OpenSSL, Java and Chromium refuse a certificate that says so.
_UNDERSTOOD = frozenset(
    {
        "2.5.29.15",  # keyUsage
        "2.5.29.17",  # subjectAltName
        "2.5.29.19",  # basicConstraints
        "2.5.29.30",  # nameConstraints
        "2.5.29.31",  # cRLDistributionPoints
        "2.5.29.32",  # certificatePolicies
        "2.5.29.33",  # policyMappings
        "2.5.29.36",  # policyConstraints
        "2.5.29.37",  # extendedKeyUsage
        "2.5.29.54",  # inhibitAnyPolicy
    }
)
_NETSCAPE_TYPE = "2.16.840.1.113730.1.1"
# SSL CA, S/MIME CA, object signing CA
_SSL_CA, _CA_KINDS = 0x04, 0x07
SSL_SERVER = 0x40
_WEAK_HASHES = frozenset({"md5", "sha1"})
_MD2_WITH_RSA = "1.2.840.113549.1.1.2"


@dataclass(frozen=True)
class Fault:
    """Why a path is not valid: the id of the check, the sentence, the certificate."""

    id: str
    message: str
    view: CertificateView


def judge(views: Sequence[CertificateView], at: datetime.datetime, min_ca_key_bits: int = 2048) -> list[Fault]:
    """All faults of a path that is given from the leaf upwards, whose signatures are known to be right.

    Of the leaf itself only its names, its policies and its key identifier are judged: the rest are rules of their own.
    """
    above = tuple(views[1:])
    if not above:
        return []
    faults = [*_of_authorities(above, at, min_ca_key_bits), *_judge_link(views[0], above[0])]
    for position, view in enumerate(above, start=1):
        constraints = view.value("2.5.29.30")
        if constraints is not None:
            faults.extend(_judge_names(view, views[:position]))
    problem = policies.problem(list(reversed(views[:-1])))
    if problem is not None:
        faults.append(Fault("chain.policy", problem, views[0]))
    return faults


@functools.lru_cache(maxsize=256)
def _of_authorities(above: tuple[CertificateView, ...], at: datetime.datetime, min_ca_key_bits: int) -> list[Fault]:
    """The faults of a path's CAs, whatever is below them: asked once, for thousands of sensors have the same ones."""
    faults: list[Fault] = []
    intermediates = 0  # CAs below, self-issued ones not counted
    for position, view in enumerate(above):
        faults.extend(_of_ca(view, at, min_ca_key_bits))
        faults.extend(_judge_length(view, intermediates))
        if position > 0:
            faults.extend(_of_link(above[position - 1], view))
        if view is above[-1] and view.self_issued:
            faults.extend(_of_link(view, view))
        else:
            faults.extend(_judge_signature(view))
        if not view.self_issued:
            intermediates += 1
    return faults


def unknown_critical_extensions(view: CertificateView) -> list[str]:
    """The critical extensions of a certificate that TLS software does not understand or take as critical, by name."""
    return [
        extension_name(oid)
        for oid, extension in view.extensions.items()
        if extension.critical and oid not in _UNDERSTOOD
    ]


def netscape_kinds(view: CertificateView) -> int | None:
    """The bits of a Netscape certificate type, an ancestor of extendedKeyUsage: 0 without one, None if unreadable."""
    value = view.value(_NETSCAPE_TYPE)
    if value is None:
        return 0
    try:
        content = der.only(value.value, der.BIT_STRING).content
    except UnreadableError:
        return None
    return content[1] if len(content) > 1 else 0


def critical_extensions_refused(view: CertificateView) -> str | None:
    """Which critical extensions make TLS software refuse a certificate, or None."""
    critical = unknown_critical_extensions(view)
    if not critical:
        return None
    shown = ", ".join(critical)
    return f"marks as critical what software does not understand, or does not take as critical: {shown}"


@functools.lru_cache(maxsize=256)
def _of_ca(view: CertificateView, at: datetime.datetime, min_ca_key_bits: int) -> tuple[Fault, ...]:
    """Asked once for each CA of a run: thousands of sensors have the same ones."""
    return tuple(_judge_ca(view, at, min_ca_key_bits))


@functools.lru_cache(maxsize=256)
def _of_link(child: CertificateView, issuer: CertificateView) -> tuple[Fault, ...]:
    """Asked once for each pair of CAs."""
    return tuple(_judge_link(child, issuer))


def _judge_ca(view: CertificateView, at: datetime.datetime, min_ca_key_bits: int) -> Iterator[Fault]:
    for problem in view.problems:
        yield Fault("chain.parse", f"{view.title}: {problem}", view)
    if view.key_problem is not None:
        yield Fault("chain.parse", f"{view.title}: its public key cannot be read: {view.key_problem}", view)
    if at > view.not_after:
        yield Fault("chain.expired", f"the CA certificate {view.title} expired on {iso(view.not_after)}", view)
    elif at < view.not_before:
        yield Fault(
            "chain.expired", f"the CA certificate {view.title} is not valid before {iso(view.not_before)}", view
        )
    why_not = _not_a_ca(view)
    if why_not is not None:
        yield Fault("chain.not-a-ca", f"{view.title} {why_not}", view)
    usages = view.value("2.5.29.37")
    if usages is not None and ExtendedKeyUsageOID.SERVER_AUTH not in usages:
        yield Fault("chain.extended-key-usage", f"the extendedKeyUsage of {view.title} does not allow serverAuth", view)
    kinds = netscape_kinds(view)
    if kinds is None:
        yield Fault("chain.parse", f"{view.title}: its Netscape certificate type cannot be read", view)
    elif kinds & _CA_KINDS and not kinds & _SSL_CA:
        text = f"the Netscape certificate type of {view.title} lacks SSL CA, which NSS asks for"
        yield Fault("chain.extended-key-usage", text, view)
    refused = critical_extensions_refused(view)
    if refused:
        yield Fault("chain.critical-extension", f"{view.title} {refused}", view)
    size = _weak_key(view.public_key, min_ca_key_bits)
    if size is not None:
        yield Fault("chain.weak-key", f"the key of the CA {view.title} is too small: {size}", view)
    weakness = weak_keys.public_weakness(view.public_key)
    if weakness is not None:
        yield Fault("chain.weak-key", f"the key of the CA {view.title} can be broken: {weakness}", view)
    place = where_published(view.public_key)
    if place is not None:
        yield Fault("chain.weak-key", f"everybody has the private key of the CA {view.title}: it is {place}", view)


def _not_a_ca(view: CertificateView) -> str | None:
    if not view.extensions_known:
        return None  # said already; what the extensions are is not known
    if not view.subject_name:
        return "has no name: the subject of a CA is not empty"
    if view.extensions and not view.version_3:
        return "has extensions, and is not of X.509 version 3: Java, GnuTLS and OpenSSL with -x509_strict refuse it"
    usage = view.value("2.5.29.15")
    if usage is not None and not usage.key_cert_sign:
        return "may not sign certificates: its keyUsage lacks keyCertSign"
    constraints = view.value("2.5.29.19")
    if constraints is not None:
        return None if constraints.ca else "is not a CA: its basicConstraints say CA:FALSE"
    if not view.version_3:
        # Roots from before extensions exist and are trusted by being named; nothing else of version 1 is a CA.
        return None if view.self_issued and signed_by(view, view) else "is not a CA: it is of X.509 version 1"
    return "is not a CA: it has no basicConstraints"


def _judge_length(view: CertificateView, intermediates: int) -> Iterator[Fault]:
    constraints = view.value("2.5.29.19")
    if constraints is None or constraints.path_length is None or intermediates <= constraints.path_length:
        return
    yield Fault(
        "chain.path-length",
        f"{view.title} allows {constraints.path_length} CA certificates below it (pathLenConstraint), "
        f"and the chain has {intermediates}",
        view,
    )


def _judge_link(child: CertificateView, issuer: CertificateView) -> Iterator[Fault]:
    """Whether what a certificate says of its issuer's certificate fits: key identifier, issuer's issuer and serial."""
    value = child.value("2.5.29.35")
    if value is None:
        return
    own = issuer.subject_key_identifier()
    whose = "its own" if child is issuer else f"that of its issuer {issuer.title}"
    if value.key_identifier is not None and own is not None and value.key_identifier != own:
        yield Fault(
            "chain.key-identifier",
            f"the authorityKeyIdentifier of {child.title} is {value.key_identifier.hex()[:40]}, "
            f"and the subjectKeyIdentifier is {own.hex()[:40]} ({whose})",
            child,
        )
        return
    if value.authority_cert_serial_number is not None and value.authority_cert_serial_number != issuer.serial:
        yield Fault(
            "chain.key-identifier",
            f"the authorityKeyIdentifier of {child.title} names a certificate with another serial number ({whose})",
            child,
        )
        return
    # The first name of a directory counts, as in OpenSSL.
    named = [name.value for name in value.authority_cert_issuer or [] if isinstance(name, x509.DirectoryName)]
    if named and normal_name(named[0]) != issuer.issuer_name:
        yield Fault(
            "chain.key-identifier",
            f"the authorityKeyIdentifier of {child.title} names a certificate by another issuer ({whose})",
            child,
        )


def _judge_signature(view: CertificateView) -> Iterator[Fault]:
    algorithm = view.certificate.signature_algorithm_oid
    try:
        digest = view.certificate.signature_hash_algorithm
        name = digest.name if digest is not None else ""
    except Exception:  # noqa: BLE001 - every kind of refusal means a hash that is not supported any more
        name = "md2" if algorithm.dotted_string == _MD2_WITH_RSA else ""
    if name in _WEAK_HASHES or name == "md2":
        yield Fault("chain.weak-signature", f"the CA certificate {view.title} is signed with {name.upper()}", view)


def _weak_key(key: Any, min_rsa_bits: int) -> str | None:
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < min_rsa_bits:
        return f"RSA with {key.key_size} bits"
    if isinstance(key, dsa.DSAPublicKey):
        return "DSA, which TLS software no longer takes"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < 224:
        return f"the curve {key.curve.name}"
    return None


@functools.lru_cache(maxsize=1024)
def _violation(certificate: CertificateView, is_leaf: bool, authority: CertificateView) -> str | None:
    """Asked once for each pair: many paths lead over the same certificates."""
    return name_constraints.violation(certificate, is_leaf, authority.value("2.5.29.30"))


def _judge_names(view: CertificateView, below: Sequence[CertificateView]) -> Iterator[Fault]:
    for position, certificate in enumerate(below):
        is_leaf = position == 0
        if certificate.self_issued and not is_leaf:
            continue
        problem = _violation(certificate, is_leaf, view)
        if problem is not None:
            whose = "" if is_leaf else f" (in the CA certificate {certificate.title})"
            yield Fault(
                "chain.name-constraints", f"the CA {view.title} may not certify this: {problem}{whose}", certificate
            )
