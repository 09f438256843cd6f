# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make the embedded CA: keys, certificates, and its folder in one step.

Profile of the certificates: RFC 5280 sections 4.2.1.1 (AKI), 4.2.1.2 (SKI), 4.2.1.3 (keyUsage),
4.2.1.9 (basicConstraints), 4.2.1.10 (nameConstraints), 4.2.1.13 (CRL distribution points).
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ...._plain.errors import FileError
from ...._plain.files import PRIVATE_FILE, PRIVATE_FOLDER, why
from ...._plain.folders import Folder
from ...crypto import ExtendedKeyUsageOID, hashes, rsa, x509
from ...values import moments
from ...values import x509_parts as parts
from .key_file import encrypted_pem
from .settings import AuthoritySettings

FORMAT = 1
MARKER = "authority.json"
ROOT = "root"
ISSUING = "issuing"
_NO_URI = "none.invalid"
_WORK_AGE_SECONDS = 3600


@dataclass(frozen=True)
class MadeTier:
    """One CA certificate with its key, fresh from the maker."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


def _name_constraints(settings: AuthoritySettings) -> x509.NameConstraints:
    """Only what is permitted; a kind of name of which nothing is permitted is excluded as a whole.

    Without the exclusions a CA that is limited to ``plant.example`` could still vouch for every IP
    address, because a constraint says nothing about other kinds of names (RFC 5280 section 4.2.1.10).
    """
    permitted: list[x509.GeneralName] = [x509.DNSName(domain) for domain in settings.permitted_dns]
    # As soon as one URI is permitted, all others are not; this one belongs to nobody (RFC 2606 section 2).
    permitted.append(x509.UniformResourceIdentifier(_NO_URI))
    permitted += [x509.IPAddress(ipaddress.ip_network(network)) for network in settings.permitted_networks]
    excluded: list[x509.GeneralName] = []
    versions = {ipaddress.ip_network(network).version for network in settings.permitted_networks}
    if 4 not in versions:
        excluded.append(x509.IPAddress(ipaddress.ip_network("0.0.0.0/0")))
    if 6 not in versions:
        excluded.append(x509.IPAddress(ipaddress.ip_network("::/0")))
    if not settings.permitted_dns:
        excluded.append(x509.DNSName(""))
    return x509.NameConstraints(permitted_subtrees=permitted or None, excluded_subtrees=excluded or None)


def ca_name(settings: AuthoritySettings, role: str, key: rsa.RSAPrivateKey) -> x509.Name:
    """The name of a CA of this key.

    :param role: ``Root`` or ``Issuing``.
    """
    # A mark made from the key: a CA that is made anew has another name, so that stores which look
    # issuers up by name (Windows, NSS) never take one for the other.
    mark = parts.subject_key_identifier(key.public_key()).hex()[:8].upper()
    return parts.build_name([*settings.subject, ("CN", f"{settings.name} {role} CA {mark}")])


def build(
    settings: AuthoritySettings,
    subject: x509.Name,
    key: rsa.RSAPrivateKey,
    issuer: MadeTier | None,
    days: int,
    path_length: int,
    moment: datetime.datetime,
) -> x509.Certificate:
    """A CA's certificate.

    :param issuer: None: it is a root. :param days: how long it lasts, at most as long as its issuer.
    """
    public_key = key.public_key()
    not_after = moment + datetime.timedelta(days=days)
    if issuer is not None:
        not_after = min(not_after, issuer.certificate.not_valid_after_utc)
    issuer_key = key if issuer is None else issuer.key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - parts.BACKDATE)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if settings.constrained:
        builder = builder.add_extension(_name_constraints(settings), critical=True)
        if issuer is not None or settings.tiers == 1:
            # What name constraints cannot limit (a person's name, a program's) is limited by purpose: certificates
            # below are for TLS. Verifiers hold an issuing CA's purposes against what it issues (all of OpenSSL,
            # GnuTLS, NSS, Java and Windows do), although RFC 5280 says so for end certificates only.
            purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if issuer is not None and settings.root_crl_url:
        builder = builder.add_extension(parts.distribution_point(settings.root_crl_url), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def make_tiers(settings: AuthoritySettings, moment: datetime.datetime) -> dict[str, MadeTier]:
    """New keys and certificates: the root and, with two tiers, the issuing CA beneath it."""
    two = settings.tiers == 2
    # Newer releases of the library let other threads run while they look for primes.
    with ThreadPoolExecutor() as threads:
        root_key, *more_keys = threads.map(parts.new_key, [settings.key_size] * settings.tiers)
    subject = ca_name(settings, "Root", root_key)
    root = MadeTier(
        build(settings, subject, root_key, None, settings.root_validity_days, 1 if two else 0, moment), root_key
    )
    tiers = {ROOT: root}
    if two:
        key = more_keys[0]
        subject = ca_name(settings, "Issuing", key)
        tiers[ISSUING] = MadeTier(build(settings, subject, key, root, settings.issuing_validity_days, 0, moment), key)
    return tiers


def remove_remains(folder: str, older_than: float = _WORK_AGE_SECONDS) -> None:
    """Remove what runs that were killed while they made or changed the CA left beside its folder; it holds keys.

    :param older_than: seconds; what is younger may belong to a run that is at work.
    """
    parent, name = os.path.split(os.path.abspath(folder))
    prefix = f".{name}.new-"
    with contextlib.suppress(OSError), Folder.open(parent) as opened:
        for entry in opened.listdir():
            status = opened.look(entry) if entry.startswith(prefix) else None
            if status is not None and time.time() - status.st_mtime > older_than:
                opened.rmtree(entry, missing_ok=True)


def write_authority(folder: str, settings: AuthoritySettings, moment: datetime.datetime) -> None:
    """Make the CA in a new folder, which appears complete or not at all.

    :raises FileError: the folder exists with something in it, or could not be written.
    """
    parent, name = os.path.split(os.path.abspath(folder))
    remove_remains(folder)
    try:
        with Folder.open(parent, make=PRIVATE_FOLDER) as above:
            work = above.unused_name(f".{name}.new-")
            try:
                with above.make_folder(work, PRIVATE_FOLDER) as made:
                    _fill(made, settings, moment)
                # Onto an empty folder rename(2) works and stays atomic; onto a CA that another run made meanwhile it
                # fails.
                above.rename(work, name)
            finally:
                with contextlib.suppress(OSError):
                    above.rmtree(work, missing_ok=True)
            above.fsync()
    except OSError as error:
        raise FileError(f"the CA could not be made in {folder}: {why(error)}; nothing was left there") from error


def _fill(folder: Folder, settings: AuthoritySettings, moment: datetime.datetime) -> None:
    """Make the CA's keys and certificates in an empty folder."""
    tiers = make_tiers(settings, moment)
    for tier, made in tiers.items():
        folder.write_new(f"{tier}.crt", parts.pem(made.certificate), PRIVATE_FILE, durable=True)
        folder.write_new(f"{tier}.key", encrypted_pem(made.key, settings.passphrase), PRIVATE_FILE, durable=True)
    marker = {
        "format": FORMAT,
        "tiers": settings.tiers,
        "made": moments.iso(moment),
        "fingerprints": {tier: parts.fingerprint(made.certificate) for tier, made in tiers.items()},
    }
    folder.write_new(MARKER, json.dumps(marker, indent=2).encode() + b"\n", PRIVATE_FILE, durable=True)
    folder.fsync()
