# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules about the sensor's certificate and its subject."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from ..crypto import ExtendedKeyUsageOID, rsa, x509
from ..values import names
from ..values.certificates import signed_by
from ..values.moments import iso
from ..values.oids import extension_name
from ..values.text import show
from . import weak_keys
from .case import Case, Rules
from .facts import crl_urls, key_type
from .path_faults import SSL_SERVER, critical_extensions_refused, netscape_kinds
from .published_keys import where_published

RULES = Rules()

_STATUS_REQUEST = 5  # RFC 6066, section 8
# rsaEncryption, and X.500's rsa, which means the same.
_PLAIN_RSA = frozenset({"1.2.840.113549.1.1.1", "2.5.8.1.1"})
_SIGNATURE_NAMES = {
    "1.2.840.113549.1.1.2": "md2WithRSAEncryption",
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
    "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.2.840.113549.1.1.10": "RSASSA-PSS",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
}


def _path(case: Case) -> str | None:
    return None if case.bundle.certificate is None else case.bundle.certificate.path


@RULES.rule("crt.signature-algorithm")
def signature_algorithm(case: Case) -> None:
    view = case.certificate
    if view is None:
        return
    oid = view.certificate.signature_algorithm_oid.dotted_string
    if oid not in case.settings.profile.signature_algorithms:
        wanted = " or ".join(_SIGNATURE_NAMES.get(entry, entry) for entry in case.settings.profile.signature_algorithms)
        case.report(
            "crt.signature-algorithm", f"signed with {_SIGNATURE_NAMES.get(oid, oid)}; wanted: {wanted}", _path(case)
        )


@RULES.rule("crt.not-yet-valid", "crt.expired", "crt.expires-soon", "crt.validity-period")
def validity(case: Case) -> None:
    view = case.certificate
    if view is None or any("date" in problem for problem in view.problems):
        return
    if case.at < view.not_before:
        case.report("crt.not-yet-valid", f"not valid before {iso(view.not_before)}", _path(case))
    if case.at > view.not_after:
        case.report("crt.expired", f"expired on {iso(view.not_after)}", _path(case))
    elif view.not_after - case.at < datetime.timedelta(days=case.bundle.min_days_left):
        days = (view.not_after - case.at).days
        case.report(
            "crt.expires-soon",
            f"expires on {iso(view.not_after)}, in {days} {'day' if days == 1 else 'days'}",
            _path(case),
        )
    length = view.not_after - view.not_before
    if length < datetime.timedelta(0):
        case.report("crt.validity-period", "it ends before it begins", _path(case))
    elif length > datetime.timedelta(days=case.settings.profile.max_validity_days):
        case.report(
            "crt.validity-period",
            f"valid for {length.days} days; at most {case.settings.profile.max_validity_days} are wanted",
            _path(case),
        )


@RULES.rule("crt.key-type", "crt.key-size", "crt.weak-key", "crt.public-exponent")
def public_key(case: Case) -> None:
    view = case.certificate
    if view is None:
        return
    key = view.public_key
    if key is None:
        case.report("crt.key-type", f"its public key cannot be read: {view.key_problem}", _path(case))
        return
    if not judge_key(case, key, _path(case)) or not isinstance(key, rsa.RSAPublicKey):
        return
    # cryptography 42 does not tell the kind of RSA key.
    algorithm = getattr(view.certificate, "public_key_algorithm_oid", None)
    if algorithm is not None and algorithm.dotted_string not in _PLAIN_RSA:
        oid = algorithm.dotted_string
        case.report("crt.key-type", f"the key may only be used with RSASSA-PSS ({oid}); wanted: plain RSA", _path(case))
    own = case.private_key
    weakness = weak_keys.public_weakness(
        key,
        thorough=case.settings.key_check == "full",
        private_known=isinstance(own, rsa.RSAPrivateKey) and own.public_key() == key,
    )
    if weakness is not None:
        case.report("crt.weak-key", f"the public key can be broken: {weakness}", _path(case))
    unusual = weak_keys.unusual_exponent(key)
    if unusual is not None:
        case.report("crt.public-exponent", unusual, _path(case))


def _kind(kind: str | None) -> str:
    """A kind of key for people."""
    return {"rsa": "RSA", "ec": "elliptic curve", "dsa": "DSA"}.get(str(kind), str(kind).capitalize())


def judge_key(case: Case, key: Any, path: str | None) -> bool:
    """Report a public key that everybody has, or of another kind or size than the appliance wants, wherever it stands.

    :returns: whether it is of the right kind.
    """
    place = where_published(key)
    if place is not None:
        case.report("crt.weak-key", f"everybody has the private key: it is {place}", path)
    profile = case.settings.profile
    found, kind = key_type(key), _kind(profile.key_type)
    if found != profile.key_type:
        case.report("crt.key-type", f"the key is of type {_kind(found)}; wanted: {kind}", path)
        return False
    bits = getattr(key, "key_size", 0)
    if bits < profile.min_key_bits:
        case.report("crt.key-size", f"the {kind} key has {bits} bits; wanted: {profile.min_key_bits} or more", path)
    elif profile.allowed_key_bits and bits not in profile.allowed_key_bits:
        wanted = " or ".join(str(entry) for entry in profile.allowed_key_bits)
        case.report("crt.key-size", f"the {kind} key has {bits} bits; wanted: {wanted}", path)
    return True


@RULES.rule("crt.version", "crt.serial-number", "crt.self-signed", "crt.ca-true")
def kind_of_certificate(case: Case) -> None:
    view = case.certificate
    if view is None:
        return
    if not view.version_3 and not any("version" in problem for problem in view.problems):
        case.report("crt.version", "the certificate is of X.509 version 1; wanted: version 3", _path(case))
    if view.serial <= 0:
        case.report(
            "crt.serial-number", f"the serial number is {'negative' if view.serial < 0 else 'zero'}", _path(case)
        )
    elif view.serial.bit_length() >= 160:
        case.report("crt.serial-number", "the serial number is longer than 20 octets", _path(case))
    if view.self_issued and signed_by(view, view):
        case.report("crt.self-signed", "the certificate signed itself", _path(case))
    if view.says_ca:
        case.report(
            "crt.ca-true", "basicConstraints say CA:TRUE; with this certificate others can be issued", _path(case)
        )


@RULES.rule(
    "crt.parse",
    "crt.extended-key-usage",
    "crt.client-auth-missing",
    "crt.key-usage",
    "crt.digital-signature-missing",
    "crt.cert-sign",
    "crt.must-staple",
    "chain.critical-extension",
)
def usages(case: Case) -> None:
    view = case.certificate
    if view is None:
        return
    extended = view.value("2.5.29.37")
    if extended is not None:
        purposes = set(extended)
        if ExtendedKeyUsageOID.SERVER_AUTH not in purposes:
            anything = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in purposes
            besides = "; anyExtendedKeyUsage is not taken for it by OpenSSL, NSS, Node and Firefox" if anything else ""
            case.report("crt.extended-key-usage", f"extendedKeyUsage lacks serverAuth{besides}", _path(case))
        if ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
            case.report("crt.client-auth-missing", "extendedKeyUsage lacks clientAuth", _path(case))
    kinds = netscape_kinds(view)
    if kinds is None:
        case.report("crt.parse", "its Netscape certificate type cannot be read, so OpenSSL refuses it", _path(case))
    elif kinds and not kinds & SSL_SERVER:
        text = "the Netscape certificate type lacks SSL server, so OpenSSL and Java do not take it for a server's"
        case.report("crt.extended-key-usage", text, _path(case))
    usage = view.value("2.5.29.15")
    if usage is not None and not usage.digital_signature:
        if usage.key_encipherment:
            case.report("crt.digital-signature-missing", "keyUsage lacks digitalSignature", _path(case))
        else:
            case.report("crt.key-usage", "keyUsage has neither digitalSignature nor keyEncipherment", _path(case))
    if usage is not None and usage.key_cert_sign and not view.says_ca:
        case.report("crt.cert-sign", "keyUsage has keyCertSign, and the certificate is no CA's", _path(case))
    refused = critical_extensions_refused(view)
    if refused:
        case.report("chain.critical-extension", f"the certificate {refused}", _path(case))
    features = view.value("1.3.6.1.5.5.7.1.24")
    if features is not None and _STATUS_REQUEST in {getattr(feature, "value", feature) for feature in features}:
        case.report("crt.must-staple", "the TLS feature extension promises a stapled OCSP answer", _path(case))


@RULES.rule("crt.crl-url-missing", "crt.crl-url-unwanted", "crt.crl-url-scheme")
def crl_url(case: Case) -> None:
    view, wanted = case.certificate, case.bundle.crl_validation
    if view is None or wanted is None or not view.extensions_known:
        return
    urls = crl_urls(view)
    if not wanted:
        if "2.5.29.31" in view.extensions:
            case.report(
                "crt.crl-url-unwanted",
                f"it names a CRL distribution point ({show(urls[0]) if urls else 'without a URL'})",
                _path(case),
            )
    elif not urls:
        case.report("crt.crl-url-missing", "it names no URL of a CRL", _path(case))
    elif all(names.crl_url_problem(url) for url in urls):
        case.report(
            "crt.crl-url-scheme",
            f"none of its CRL URLs is a usable http:// URL: {', '.join(show(url) for url in urls[:4])}; "
            f"wanted: {names.crl_url_problem(urls[0])}",
            _path(case),
        )


@RULES.rule("crt.san-missing", "crt.san-without-cn", "crt.san-wildcard", "crt.san-malformed")
def alternative_names(case: Case) -> None:
    view = case.certificate
    if view is None or not view.extensions_known:
        return
    dns_names = view.dns_names
    addresses = view.alternative_names(x509.IPAddress)
    if not dns_names and not addresses:
        case.report("crt.san-missing", "it has no subject alternative name of a host", _path(case))
        return
    wildcards = [name for name in dns_names if "*" in name]
    if wildcards:
        case.report("crt.san-wildcard", f"wildcard among the alternative names: {show(wildcards[0])}", _path(case))
    for name in dns_names:
        problem = None if "*" in name else names.host_name_problem(name)
        if problem is not None:
            kind = "IP address as a DNS name" if names.is_ip_address(name.strip("[]")) else "DNS name"
            case.report("crt.san-malformed", f"the {kind} {show(name)!r} is none; wanted: {problem}", _path(case))
    known = {name.lower() for name in dns_names} | {str(address) for address in addresses}
    for common_name in view.common_names[-1:]:
        if common_name.strip() and "*" not in common_name and common_name.lower() not in known:
            case.report("crt.san-without-cn", f"the alternative names lack the CN {show(common_name)}", _path(case))


@RULES.rule("crt.ski-missing", "crt.aki-missing", "crt.extension-order")
def extensions(case: Case) -> None:
    view = case.certificate
    if view is None or not view.extensions_known:
        return
    if not view.subject_key_identifier():
        what = "has no" if "2.5.29.14" not in view.extensions else "has an empty"
        case.report("crt.ski-missing", f"it {what} subjectKeyIdentifier", _path(case))
    if not view.authority_key_identifier():
        what = "its authorityKeyIdentifier has no key identifier"
        what = what if "2.5.29.35" in view.extensions else "it has no authorityKeyIdentifier"
        case.report("crt.aki-missing", what, _path(case))
    sample = list(case.settings.profile.extension_order)
    if [oid for oid in view.extensions if oid in sample] != sample:
        case.report(
            "crt.extension-order",
            f"sample: {', '.join(map(extension_name, sample))}; "
            f"here: {', '.join(map(extension_name, view.extensions)) or 'none'}",
            _path(case),
        )


@RULES.rule(
    "subject.cn-missing", "subject.cn-several", "subject.cn-mismatch", "subject.cn-wildcard", "subject.cn-not-a-name"
)
def common_name(case: Case) -> None:
    if case.certificate is not None:
        judge_common_name(case, case.certificate.common_names, _path(case))


def judge_common_name(case: Case, values: Iterable[str], path: str | None) -> None:
    """Report common names that are none of an appliance, wherever they stand."""
    expected = case.bundle.expected_common_name
    found = [name for name in values if name.strip()]
    if not found:
        case.report("subject.cn-missing", "the subject has no common name (CN)", path)
        return
    if len(found) > 1:
        case.report("subject.cn-several", f"the subject has {len(found)} CNs; {show(found[-1])} counts", path)
    name = found[-1]
    if expected is not None and _comparable(name) != _comparable(expected):
        case.report("subject.cn-mismatch", f"the CN is {show(name)}; expected: {show(expected)}", path)
    if "*" in name:
        case.report("subject.cn-wildcard", f"the CN {show(name)} is a wildcard", path)
        return
    problem = names.host_name_problem(name)
    if problem is not None:
        case.report("subject.cn-not-a-name", f"the CN is {show(name)!r}; wanted: {problem}", path)


def _comparable(name: str) -> str:
    """A host name for comparison: case does not count, and an internationalized name equals its xn-- form."""
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            return name.casefold()
    return name.lower()


@RULES.rule(
    "subject.missing-field", "subject.country-code", "subject.non-ascii", "subject.value", "subject.field-order"
)
def subject_fields(case: Case) -> None:
    if case.certificate is not None:
        judge_subject(case, case.certificate.subject_pairs, _path(case))


def judge_subject(case: Case, pairs: Sequence[tuple[str, str]], path: str | None) -> None:
    """Report fields of a subject that are missing or not fit, wherever it stands."""
    profile = case.settings.profile
    present = [short for short, value in pairs if value.strip()]
    for field in profile.required_fields:
        if field not in present:
            case.report("subject.missing-field", f"the subject lacks {field}", path)
    for short, value in pairs:
        if short == "C" and value.strip() and names.country_problem(value.upper()) is not None:
            case.report("subject.country-code", f"C is {show(value)!r}; wanted: two letters, for example US", path)
        allowed = profile.subject_allowed.get(short)
        if allowed is not None and value not in allowed:
            case.report("subject.value", f"{short} is {show(value)!r}; allowed: {', '.join(allowed)}", path)
        if not value.isascii():
            case.report("subject.non-ascii", f"{short} holds characters outside ASCII: {show(value)!r}", path)
    _field_order(case, [short for short, _value in pairs], path)


def _field_order(case: Case, found: list[str], path: str | None) -> None:
    """Only what is there counts: the sample's optional fields may be missing, and what must not be is reported."""
    profile = case.settings.profile
    sample = [short for short in profile.subject_order if short in found]
    if found != sample:
        case.report(
            "subject.field-order",
            f"sample: {', '.join(profile.subject_order)}; here: {', '.join(found) or 'empty'}",
            path,
        )
