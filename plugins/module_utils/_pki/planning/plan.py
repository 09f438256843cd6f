# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep or issue, and why: what a sensor has, held against what is asked for it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from ..._plain.errors import FileError, KeyReadError, PassphraseError
from ..crypto import ExtendedKeyUsageOID, rsa, x509
from ..issuers.local_ca.certificate import subject_fields, validity
from ..issuers.local_ca.opened import Authority
from ..state import revocations
from ..state.ledger import Ledger
from ..state.store import BundleFiles, Store, find_files
from ..values import x509_parts as parts
from ..values.keys import load_private_key, public_key_id, public_numbers_fit
from .due import is_due, renewal_time
from .request import SensorRequest


@dataclass(frozen=True)
class Existing:
    """A readable certificate of a bundle, and where it is."""

    files: BundleFiles
    certificate: x509.Certificate


@dataclass(frozen=True)
class Plan:
    """What is to be done for one sensor.

    ``reasons`` is empty exactly when ``kept`` holds the bundle that stays. ``visible`` is false for a
    bundle which an earlier run completed but did not get to stage. ``changes`` are the differing fields
    as (field, before, after).
    """

    request: SensorRequest
    reasons: tuple[str, ...] = ()
    kept: Existing | None = None
    visible: bool = False
    replaced: x509.Certificate | None = None
    changes: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What all sensors of a run are held against."""

    store: Store
    ledger: Ledger
    authority: Authority | None
    crl_url: str | None
    moment: datetime.datetime


def make_plan(request: SensorRequest, wanted: Wanted) -> Plan:
    """Look at the visible bundle, then at complete ones that were never shown.

    :raises FileError: something stands in the sensor's place that must not be replaced.
    """
    current = wanted.store.current(request.name)
    if current is None:
        reasons: tuple[str, ...] = ("missing",)
        changes: tuple[tuple[str, str, str], ...] = ()
        replaced = None
    else:
        existing, reasons, changes = _judge(request, current, wanted)
        if not reasons:
            return Plan(request, kept=existing, visible=True)
        replaced = existing.certificate if existing else None
    for folder in wanted.store.pending(request.name):
        existing, faults, _changes = _judge(request, folder, wanted)
        if not faults:
            return Plan(request, kept=existing, replaced=replaced)
    return Plan(request, reasons=reasons, replaced=replaced, changes=changes)


def _judge(
    request: SensorRequest, folder: str, wanted: Wanted
) -> tuple[Existing | None, tuple[str, ...], tuple[tuple[str, str, str], ...]]:
    try:
        files = find_files(folder)
    except FileError as error:
        return None, (f"unreadable: {error}",), ()
    try:
        certificate = x509.load_pem_x509_certificate(files.read("crt"))
        # cryptography parses lazily: whatever is looked at below must be readable.
        certificate.extensions, certificate.subject, certificate.not_valid_after_utc  # noqa: B018
        public_key = certificate.public_key()
    except (ValueError, FileError, x509.DuplicateExtension) as error:
        return None, (f"unreadable: {files.crt}: {error}",), ()
    if not isinstance(public_key, rsa.RSAPublicKey):
        return Existing(files, certificate), ("key type: not RSA",), ()
    changes = _field_changes(request, certificate, public_key, wanted.crl_url)
    reasons = [text for text, _change in changes]
    reasons += _key_reasons(request, files, public_key)
    reasons += _issuer_reasons(files, certificate, wanted)
    reasons += _time_reasons(request, certificate, wanted)
    return Existing(files, certificate), tuple(reasons), tuple(change for _text, change in changes)


def _field_changes(
    request: SensorRequest, certificate: x509.Certificate, public_key: rsa.RSAPublicKey, crl_url: str | None
) -> list[tuple[str, tuple[str, str, str]]]:
    """Each field that was asked for and differs: the reason's text, and (field, before, after)."""
    found = []
    have, want = parts.name_fields(certificate.subject), subject_fields(request)
    if have != want:
        differing = False
        for short in dict.fromkeys([*(key for key, _value in want), *(key for key, _value in have)]):
            before = " + ".join(value for key, value in have if key == short) or "none"
            after = " + ".join(value for key, value in want if key == short) or "none"
            if before != after:
                differing = True
                found.append((f"subject differs: {short}: {before} -> {after}", (f"subject {short}", before, after)))
        if not differing:
            before, after = (", ".join(key for key, _value in fields) for fields in (have, want))
            found.append((f"subject order differs: {before} -> {after}", ("subject order", before, after)))
    sans_before = _alternative_names(certificate)
    sans_after = sorted(
        [f"DNS:{name.lower()}" for name in request.dns_names] + [f"IP:{address}" for address in request.ip_addresses]
    )
    if sans_before != sans_after:
        texts = ", ".join(sans_before) or "none", ", ".join(sans_after)
        found.append((f"SAN differs: {texts[0]} -> {texts[1]}", ("SAN", *texts)))
    if public_key.key_size != request.key_size:
        sizes = str(public_key.key_size), str(request.key_size)
        found.append((f"key size: {sizes[0]} -> {sizes[1]}", ("key size", *sizes)))
    url_before = parts.crl_url(certificate)
    if url_before != crl_url:
        urls = url_before or "none", crl_url or "none"
        found.append((f"CRL URL differs: {urls[0]} -> {urls[1]}", ("CRL URL", *urls)))
    if not _usable_as_sensor(certificate):
        found.append(("usage differs: not a server certificate of our making", ("usage", "other", "sensor")))
    return found


def _alternative_names(certificate: x509.Certificate) -> list[str]:
    try:
        value = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    names = [f"DNS:{name.value.lower()}" for name in value if isinstance(name, x509.DNSName)]
    names += [f"IP:{name.value}" for name in value if isinstance(name, x509.IPAddress)]
    others = [name for name in value if not isinstance(name, (x509.DNSName, x509.IPAddress))]
    return sorted(names + [f"other:{type(name).__name__}" for name in others])


def _usable_as_sensor(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return not constraints.ca and ExtendedKeyUsageOID.SERVER_AUTH in usage


def _key_reasons(request: SensorRequest, files: BundleFiles, public_key: rsa.RSAPublicKey) -> list[str]:
    try:
        data = files.read("key")
        encrypted = b"ENCRYPTED" in data
        if encrypted and not request.key_passphrase:
            return ["key passphrase: the key has one -> none"]
        key = load_private_key(data, request.key_passphrase.encode() if request.key_passphrase and encrypted else None)
    except PassphraseError:
        return ["key passphrase: the key has another one"]
    except (KeyReadError, FileError) as error:
        return [f"unreadable: {files.key}: {error}"]
    if not isinstance(key, rsa.RSAPrivateKey) or public_key_id(key.public_key()) != public_key_id(public_key):
        return ["key does not match"]
    if not public_numbers_fit(key):
        return ["key is damaged: its numbers do not fit each other"]
    if request.key_passphrase and not encrypted:
        return ["key passphrase: none -> the given one"]
    return []


def _issuer_reasons(files: BundleFiles, certificate: x509.Certificate, wanted: Wanted) -> list[str]:
    authority = wanted.authority
    if authority is None:
        return ["issuer: the CA is to be made"]
    if not parts.signed_by(certificate, authority.certificate):
        return [f"issuer: {parts.name_text(certificate.issuer)} -> {parts.name_text(authority.certificate.subject)}"]
    try:
        chain = files.read("pem")
        same = chain == authority.chain_pem or x509.load_pem_x509_certificates(chain) == list(authority.chain)
    except (ValueError, FileError):
        same = False
    reasons = [] if same else ["chain differs: not the issuing CA followed by its root"]
    revocation = revocations.find(wanted.ledger, certificate.serial_number)
    if revocation is not None:
        reasons.append(f"revoked: {revocation.text}")
    return reasons


def _time_reasons(request: SensorRequest, certificate: x509.Certificate, wanted: Wanted) -> list[str]:
    authority, moment = wanted.authority, wanted.moment
    if authority is None:
        return []
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    possible_end = validity(authority, request.validity_days, moment).not_after
    if moment > end:
        return [f"due: expired on {parts.iso(end)}"]
    if start > moment + parts.ONE_DAY:
        return [f"not yet valid: starts on {parts.iso(start)}"]
    if is_due(moment, start, end, request.renew_before_days, possible_end):
        since = renewal_time(start, end, request.renew_before_days)
        return [f"due: since {parts.iso(since)}, expires on {parts.iso(end)}"]
    return []
