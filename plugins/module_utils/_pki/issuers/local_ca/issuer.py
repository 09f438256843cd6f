# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The embedded CA as an issuer: it signs at once, in the worker that made the key."""

from __future__ import annotations

import datetime
import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...._plain.errors import InputError, PkiError
from ...._plain.files import read_file
from ...crypto import guard, x509
from ...parallel import KEYS_AT_ONCE, process_map
from ...planning.plan import Existing
from ...planning.request import SensorRequest
from ...planning.terms import Terms
from ...profiles.base import Profile
from ...profiles.defender_iot.profile import DEFENDER_IOT
from ...profiles.files import ordered
from ...state import revocations
from ...state.ledger import issuer_key_of
from ...values import moments, text
from ...values import x509_parts as parts
from ...values.limits import MAX_CRL_BYTES
from ...values.lists import counted
from ...values.reading import load_crl
from ..base import Answer, Issuer, Job, Obtained, Run, Tools
from ..certificate import build_certificate
from .opened import Authority, folder_state, open_authority, public_certificates
from .settings import AuthoritySettings, parse_settings


class LocalCa(Issuer):
    """The embedded CA.

    :ivar authority: None in check mode, if it is yet to be made.
    :ivar listed: serial numbers that its published CRL lists; whatever the ledger says, sensors refuse them.
    """

    kind = "local_ca"
    looks_apart = True
    warns = True

    def __init__(
        self,
        name: str,
        folder: str,
        authority: Authority | None,
        terms: Terms,
        profile: Profile = DEFENDER_IOT,
        listed: frozenset[int] = frozenset(),
    ) -> None:
        super().__init__(name)
        self.profile = profile
        self.listed = listed
        self.folder = folder
        self.authority = authority
        self._terms = terms

    @property
    def terms(self) -> Terms:
        """Limits that only it sets."""
        return self._terms

    @property
    def anchors(self) -> tuple[str, ...]:
        """Its root."""
        return (os.path.join(self.folder, "root.crt"),)

    def foreign(self, existing: Existing) -> list[str]:
        """Why a bundle is not one that this CA gave."""
        authority = self.authority
        if authority is None:
            return ["issuer: the CA is to be made"]
        if not parts.signed_by(existing.certificate, authority.certificate):
            issuer = text.name_text(existing.view.issuer)
            return [f"issuer: {issuer} -> {text.name_text(authority.certificate.subject)}"]
        chain = existing.bundle.pem
        try:
            same = chain == authority.chain_pem or x509.load_pem_x509_certificates(chain) == ordered(
                self.profile, authority.chain
            )
        except ValueError:
            same = False
        return [] if same else ["chain differs: not the issuing CA followed by its root"]

    def revoked(self, existing: Existing) -> str | None:
        """Whether the published CRL lists it."""
        return "the published CRL lists it" if existing.view.serial in self.listed else None

    def obtain(self, jobs: Sequence[Job], tools: Tools) -> Iterator[Answer]:
        """Keys on all cores, signed where they are made."""
        if not jobs:
            return
        authority = self.authority
        if authority is None:
            raise InputError("there is no CA yet; apply the role local_ca first")
        authority.key  # noqa: B018 - opened here once, and inherited by the workers
        requests = [job.request for job in jobs]
        make = functools.partial(_make, authority, self.terms, tools.moment)
        for request, (key, crt) in zip(requests, process_map(make, requests, tools.workers, KEYS_AT_ONCE)):
            yield Obtained(
                request.name,
                request.common_name,
                crt,
                key,
                authority.chain_pem,
                notes=clamp_notes(request, self.terms, tools.moment),
            )


def _make(authority: Authority, terms: Terms, moment: datetime.datetime, request: SensorRequest) -> tuple[bytes, bytes]:
    """In a worker: a new key and its signed certificate, both PEM.

    Workers are forked and inherit ``authority``, so the CA's decrypted key passes through no pipe or file.
    """
    key = parts.new_key_of(request.profile.key_type, request.key_size)
    period = terms.validity(request.validity_days, moment)
    certificate = build_certificate(
        request, key.public_key(), authority.certificate, authority.key, period, terms.crl_url
    )
    return parts.key_pem(key, request.key_passphrase), parts.pem(certificate)


def clamp_notes(request: SensorRequest, terms: Terms, moment: datetime.datetime) -> tuple[str, ...]:
    """What people should know if the issuer's own end shortens a certificate's life."""
    period = terms.validity(request.validity_days, moment)
    if not period.clamped:
        return ()
    return (
        f"validity shortened from {counted(request.validity_days, 'day')} to the end of the issuing CA, "
        f"{moments.iso(period.not_after)}",
    )


def terms_of(certificate: x509.Certificate, crl_url: str | None) -> Terms:
    """The terms of the CA that is there."""
    domains, networks = parts.permitted_names(certificate)
    # The lifetime includes the backdating, which is no whole day.
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return Terms(
        lifetime_days=lifetime.days,
        domains=tuple(domains),
        networks=tuple(networks),
        crl_url=crl_url,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def planned_terms(settings: AuthoritySettings, crl_url: str | None) -> Terms:
    """The terms of a CA that is yet to be made."""
    days = settings.issuing_validity_days if settings.tiers == 2 else settings.root_validity_days
    return Terms(days, settings.permitted_dns, settings.permitted_networks, crl_url)


def make(name: str, settings: Mapping[str, Any], run: Run) -> LocalCa:
    """The embedded CA of a run, opened.

    :raises PkiError: it is not there (outside of check mode), cannot be opened, or was revoked.
    """
    ca = run.local_ca
    folder, crl_url = str(ca.get("dir") or ""), ca.get("crl_url")
    if not folder:
        raise InputError("ca_dir is not set; wanted: the folder of the embedded CA (local_ca_dir)")
    if folder_state(folder) == "absent":
        if not run.check_mode:
            raise InputError(f"there is no CA in {folder}; apply the role ot_pki.defender_iot.local_ca first")
        # An earlier task of the same run would have made it.
        parsed, _faults = parse_settings(ca.get("settings") or {})
        return LocalCa(
            name, folder, None, planned_terms(parsed, crl_url) if parsed else Terms(crl_url=crl_url), run.profile
        )
    authority = open_authority(folder, str(ca.get("passphrase") or ""), run.moment, datetime.timedelta(0), False)
    certificate = authority.certificate
    if run.ledger is not None:
        revoked = revocations.find_or_infer(run.ledger, certificate.serial_number, issuer_key_of(certificate))
        if revoked is not None:
            raise InputError(
                f"the issuing CA in {folder} was revoked ({revoked.text}), so nobody would trust what it issues; make "
                "a new CA in another folder (local_ca_dir) with local_ca_create: true"
            )
    listed = _listed(ca.get("crl_dir"), authority)
    return LocalCa(name, folder, authority, terms_of(certificate, crl_url), run.profile, listed)


def _listed(crl_dir: Any, authority: Authority) -> frozenset[int]:
    """The serial numbers in the CRLs of this CA that lie in the publish folder."""
    found: set[int] = set()
    try:
        names = [name for name in os.listdir(str(crl_dir)) if not name.startswith(".")] if crl_dir else []
    except OSError:
        return frozenset()
    for name in names:
        try:
            with guard(name):
                crl = load_crl(read_file(os.path.join(str(crl_dir), name), MAX_CRL_BYTES))
                if parts.crl_signed_by(crl, authority.certificate):
                    found.update(entry.serial_number for entry in crl)
        except PkiError:
            continue  # PEM beside it, or something else's; whether the CRL is well is the publisher's matter
    return frozenset(found)


def terms_without_key(folder: str, settings: AuthoritySettings | None, crl_url: str | None) -> Terms | None:
    """The terms of the CA in a folder, without opening any key; of one that is to be made, if none is there.

    :raises PkiError: something else than a CA stands there, or it is damaged.
    """
    if folder_state(folder) == "present":
        return terms_of(public_certificates(folder)[0], crl_url)
    return planned_terms(settings, crl_url) if settings else None
