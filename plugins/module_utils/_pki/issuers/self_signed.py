# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Self-signed certificates, for tests only: no CA vouches for them, and nobody can revoke them."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..parallel import KEYS_AT_ONCE, process_map
from ..planning.plan import Existing
from ..planning.request import SensorRequest
from ..planning.terms import Terms
from ..values import text
from ..values import x509_parts as parts
from ..values.certificates import signed_by
from ..values.findings import IF_SELF_SIGNED
from .base import Answer, Issuer, Job, Obtained, Run, Tools
from .certificate import build_certificate


class SelfSigned(Issuer):
    """Each sensor's certificate is signed with its own key."""

    kind = "self_signed"
    looks_apart = True

    @property
    def terms(self) -> Terms:
        """No limits."""
        return Terms()

    @property
    def anchors(self) -> tuple[str, ...]:
        """Each certificate is its own root."""
        return ()

    @property
    def tolerated(self) -> frozenset[str]:
        """That they are self-signed is what was asked for."""
        return IF_SELF_SIGNED

    def problem(self, request: SensorRequest) -> str | None:
        """Outside of tests nobody may rely on such a certificate."""
        if request.environment == "test":
            return None
        return (
            "issuer is 'self_signed', which is for tests only; wanted: sensor_certificates_environment: test "
            "for this sensor, or an issuer that is a CA"
        )

    def foreign(self, existing: Existing) -> list[str]:
        """Why a bundle is not self-signed."""
        if existing.view.self_issued and signed_by(existing.view, existing.view):
            return []
        return [f"issuer: {text.name_text(existing.view.issuer)} -> self-signed"]

    def obtain(self, jobs: Sequence[Job], tools: Tools) -> Iterator[Answer]:
        """Keys on all cores, each signing its own certificate."""
        requests = [job.request for job in jobs]
        make_one = functools.partial(_make, self.terms, tools.moment)
        for request, (key, crt) in zip(requests, process_map(make_one, requests, tools.workers, KEYS_AT_ONCE)):
            yield Obtained(request.name, request.common_name, crt, key, crt)


def _make(terms: Terms, moment: datetime.datetime, request: SensorRequest) -> tuple[bytes, bytes]:
    key = parts.new_key_of(request.profile.key_type, request.key_size)
    period = terms.validity(request.validity_days, moment)
    certificate = build_certificate(request, key.public_key(), None, key, period, None)
    return parts.key_pem(key, request.key_passphrase), parts.pem(certificate)


def make(name: str, settings: Mapping[str, Any], run: Run) -> SelfSigned:
    """The issuer of a run."""
    return SelfSigned(name)
