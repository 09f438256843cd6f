# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the organization's root answered to the issuing CA's request: whose it is, its chain, and whether it will do."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence

from ...._plain.errors import InputError
from ...crypto import ExtendedKeyUsageOID, hashes, x509
from ...intake.material import FoundCertificate, gather
from ...intake.selection import order_chain
from ...profiles.base import Profile
from ...validation.engine import validate_bundles
from ...validation.model import ERROR, Bundle, Policy
from ...values import moments, reading
from ...values import text as texts
from ...values import x509_parts as parts
from ...values.keys import public_key_id
from ...values.lists import some
from ...values.source import Source
from .opened import Authority

_VARIABLE = "change_ca_certificate"
_ADVICE = (
    ("chain.path-length", "the root must allow a CA below its own subordinates, or sign with a greater path length"),
    ("chain.not-a-ca", "sign the request with a profile or template for subordinate CAs (AD CS: SubCA)"),
    ("chain.name-constraints", "let the root permit the sensors' names"),
    ("chain.expired", "have it signed anew"),
    ("chain.weak-signature", "let the root sign with SHA-256 or better"),
    ("chain.incomplete", f"give the certificates above it as well, up to the root, in {_VARIABLE}"),
)


def read_answer(
    paths: Sequence[str],
    authority: Authority,
    profile: Profile,
    names: Sequence[str],
    moment: datetime.datetime,
    publishes: bool,
) -> tuple[list[x509.Certificate], list[str]]:
    """The issuing CA's new certificate with its chain up to the root.

    :param paths: files of any format, the answer and the certificates above it.
    :param names: host names and IP addresses that it must be able to vouch for (those of the staged certificates).
    :param publishes: it is to sign CRLs.
    :returns: the certificates, the issuing CA's first; and what it has otherwise than was asked, in words.
    :raises InputError: it will not do, and why.
    """
    if not paths:
        raise InputError(f"{_VARIABLE} is not set; wanted: the files with the answer and the certificates above it")
    material = gather(list(paths), [])
    if material.errors:
        entry = material.errors[0]
        raise InputError(f"{_VARIABLE}: {entry.file}: {entry.message}")
    wanted = public_key_id(authority.certificate.public_key())
    mine = [entry for entry in material.certificates if entry.key_id == wanted]
    old = parts.fingerprint(authority.certificate)
    # The certificate that the CA has now may lie among the files; it is taken only if it is the only one.
    mine = [entry for entry in mine if entry.view.fingerprint != old] or mine
    if not mine:
        there = some([entry.view.title for entry in material.certificates], 5) or "none"
        raise InputError(
            f"{_VARIABLE}: no certificate in these files is for the issuing CA's key (there are: {there}); it must be "
            "the answer to the request that change_ca_action: request wrote"
        )
    mine.sort(key=lambda entry: (entry.view.not_after, entry.view.not_before))
    answer = mine[-1]
    above, gap = order_chain(answer, [entry for entry in material.certificates if entry not in mine])
    problems = _problems(answer, above, gap, authority, profile, names, moment, publishes)
    if problems:
        raise InputError(f"{_VARIABLE}: {answer.title} will not do: {'; '.join(problems)}")
    chain = [answer.view.certificate, *(entry.view.certificate for entry in above)]
    return chain, _differences(answer, authority)


def _problems(
    answer: FoundCertificate,
    above: Sequence[FoundCertificate],
    gap: str | None,
    authority: Authority,
    profile: Profile,
    names: Sequence[str],
    moment: datetime.datetime,
    publishes: bool,
) -> list[str]:
    if gap or not above:
        what = gap or "it is self-signed, so nobody signed it"
        return [f"{what}; {dict(_ADVICE)['chain.incomplete']}"]
    found = []
    if not answer.view.says_ca:
        found.append(f"it is not a CA certificate (basicConstraints); {dict(_ADVICE)['chain.not-a-ca']}")
    usage = answer.view.value("2.5.29.15")
    if usage is not None and not usage.key_cert_sign:
        found.append(f"its keyUsage lacks keyCertSign; {dict(_ADVICE)['chain.not-a-ca']}")
    if usage is not None and publishes and not usage.crl_sign:
        found.append("its keyUsage lacks cRLSign, and local_ca_crl_url says that it publishes a CRL")
    own = x509.SubjectKeyIdentifier.from_public_key(authority.key.public_key()).digest
    given = answer.view.subject_key_identifier()
    if given is not None and given != own:
        # The ledger, the numbers of CRLs and what they list are told by this identifier.
        found.append(
            f"its subjectKeyIdentifier is {given.hex()}; wanted: {own.hex()} (SHA-1 of its key, RFC 5280 section "
            "4.2.1.2), as the request asks for it, or none"
        )
    if found:
        return found
    probe = _probe(answer, authority, names, moment)
    chain = [answer, *above]
    bundle = Bundle(
        name="probe",
        certificate=Source("probe.crt", parts.pem(probe), is_file=False),
        chain=Source("chain.pem", b"".join(reading.pem_of(entry.view.der) for entry in chain), is_file=False),
        trusted_roots=(Source("root.crt", reading.pem_of(above[-1].view.der), is_file=False),),
        at=moment,
    )
    report = validate_bundles([bundle], Policy(profile)).results[0]
    for finding in report.findings:
        if finding.severity == ERROR and finding.id.startswith("chain."):
            advice = next((text for check, text in _ADVICE if check == finding.id), "")
            found.append(f"{finding.message}{'; ' + advice if advice else ''}")
    return found


def _probe(
    answer: FoundCertificate, authority: Authority, names: Sequence[str], moment: datetime.datetime
) -> x509.Certificate:
    """A sensor's certificate as this CA would issue it, for all names at once; it is shown to nobody."""
    found: list[x509.GeneralName] = []
    for name in names:
        kind, _colon, text = name.partition(":")
        found.append(x509.IPAddress(ipaddress.ip_address(text)) if kind == "IP" else x509.DNSName(text))
    key = authority.key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(parts.build_name([("O", "Probe")]))
        .issuer_name(answer.view.certificate.subject)
        .public_key(key)
        .serial_number(1)
        .not_valid_before(moment - moments.ONE_DAY)
        .not_valid_after(moment + moments.ONE_DAY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    if found:
        builder = builder.add_extension(x509.SubjectAlternativeName(found), critical=False)
    return builder.sign(authority.key, hashes.SHA256())


def _differences(answer: FoundCertificate, authority: Authority) -> list[str]:
    """What the root's own profile made of the request."""
    found = []
    before, now = texts.name_text(authority.certificate.subject), texts.name_text(answer.view.subject)
    if before != now:
        found.append(f"the subject is {now} (asked: {before})")
    asked = parts.permitted_names(authority.certificate)
    given = parts.permitted_names(answer.view.certificate)
    if asked != given:
        words = [", ".join([*entry[0], *entry[1]]) or "any name" for entry in (given, asked)]
        found.append(f"it may vouch for {words[0]} (asked: {words[1]})")
    days = (answer.view.not_after - answer.view.not_before).days
    found.append(
        f"it ends on {moments.iso(answer.view.not_after)}; sensor_certificates_validity_days can be {days} at most"
    )
    return found
