# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A sensor as a row of the report, from what is staged, what validation says and what happened to it."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..._plain.texts import harmless
from ..delivery.sheet import Sheet, make_sheet, obstacles
from ..planning.due import is_due, renewal_time
from ..state.bundles import Bundle
from ..state.events import ISSUING, Event
from ..state.uploads import Upload, live_of, upload_of
from ..state.waiting import WaitingKey
from ..validation.facts import crl_urls
from ..values import moments
from ..values import text as texts
from ..values.certificates import CertificateView
from ..values.failures import alone
from . import facts
from .authorities import Authorities, Published, chain_texts
from .facts import SensorRow
from .holdings import Holdings
from .judged import SELF_SIGNED, Verdicts
from .wanted import Wanted

MAX_HISTORY = 1_000
_FOR_EVER = datetime.timedelta(days=36_500)


@dataclass(frozen=True)
class Rows:
    """What rows are made of; the authorities learn from each which CAs it depends on."""

    holdings: Holdings
    verdicts: Verdicts
    authorities: Authorities
    crls: Published
    moment: datetime.datetime

    def of(self, sensor: Wanted, orphaned: bool) -> SensorRow:
        """The row of a sensor. What nobody expected about it is a finding of this row, and the others are made."""
        history = self.holdings.histories.get(sensor.name, [])
        bundle = self.holdings.bundles.get(sensor.name)
        key = self.holdings.waiting_key(sensor.name)

        def failed(problem: str) -> SensorRow:
            self.holdings.broken[sensor.name] = problem
            return self._made(sensor, None, (), None, orphaned)

        return alone(self._made, failed, sensor, bundle, history, key, orphaned)

    def _made(
        self, sensor: Wanted, bundle: Bundle | None, history: Sequence[Event], key: WaitingKey | None, orphaned: bool
    ) -> SensorRow:
        view = self.holdings.views.get(sensor.name) if bundle is not None else None
        recorded = next(
            (event for event in history if view and event.fingerprint == view.fingerprint and event.event in ISSUING),
            None,
        )
        issuer = recorded.issuer if recorded is not None else sensor.issuer
        state = facts.STAGED if bundle is not None else facts.PENDING if key is not None else facts.MISSING
        row = SensorRow(
            name=harmless(sensor.name),
            groups=tuple(harmless(group) for group in sensor.groups),
            site=harmless(sensor.site),
            common_name=harmless(sensor.common_name) or None,
            state=facts.ORPHANED if orphaned else state,
            issuer=harmless(issuer) if issuer else None,
            findings=self.verdicts.findings_of(sensor.name, issuer, bundle is not None),
            request=_request(key),
            live=_live(None, history),
            crl={"state": "none", "seen": None, "url": None},
            history=tuple(_told(event) for event in reversed(history[-MAX_HISTORY:])),
        )
        if bundle is None or view is None:
            return row
        return self._with_certificate(row, sensor, bundle, view, history)

    def _with_certificate(
        self, row: SensorRow, sensor: Wanted, bundle: Bundle, view: CertificateView, history: Sequence[Event]
    ) -> SensorRow:
        said = self.verdicts.facts_of(sensor.name)
        chain = self.holdings.chains.get(sensor.name, ())
        self.authorities.of_sensor(chain, bundle.files.pem, view.not_after)
        titles, first_end = chain_texts(chain)
        due_on = renewal_time(view.not_before, view.not_after, sensor.renewal)
        # Where the issuing CA ends with it, a new one would end no later.
        possible_end = min([self.moment + _FOR_EVER, *(ca.not_after for ca in chain[:1])])
        urls = crl_urls(view)
        url = harmless(urls[0]) if urls else None
        crl_state, crl_seen = self.crls.state_of(view, url)
        row = replace(
            row,
            common_name=harmless(view.common_names[-1]) if view.common_names else row.common_name,
            crl={"state": crl_state, "seen": crl_seen, "url": url},
        )
        upload = upload_of(view.fingerprint, history)
        return replace(
            row,
            serial=texts.serial_text(view.serial),
            fingerprint=view.fingerprint,
            not_before=moments.iso(view.not_before),
            not_after=moments.iso(view.not_after),
            days_left=(view.not_after - self.moment).days,
            due_on=moments.iso(due_on),
            due=row.state == facts.STAGED
            and is_due(self.moment, view.not_before, view.not_after, sensor.renewal, possible_end),
            expired=view.not_after < self.moment,
            key_bits=getattr(view.public_key, "key_size", None),
            sans=tuple(harmless(name) for name in [*said.get("dns_names", ()), *said.get("ip_addresses", ())]),
            subject=harmless(said.get("subject", "")) or None,
            issuer_subject=harmless(said.get("issuer", "")) or None,
            chain=titles,
            chain_not_after=first_end,
            upload=self._sheet(row, sensor.name, bundle, view, upload),
            live={**_live(view.fingerprint, history), "confirmed": upload.confirmed},
        )

    def _sheet(self, row: SensorRow, sensor: str, bundle: Bundle, view: CertificateView, upload: Upload) -> Sheet:
        files = bundle.files
        paths = {"crt": files.crt, "key": files.key, "pem": files.pem}
        staged = row.state == facts.STAGED
        return make_sheet(
            {kind: self._visible_path(sensor, path) for kind, path in paths.items()},
            bundle.contents,
            row.common_name or row.name,
            moments.iso(view.not_before),
            row.crl["url"],
            obstacles(row.findings, row.issuer == SELF_SIGNED, row.crl["state"]),
            upload.needed and staged,
            upload.since if staged else None,
        )

    def _visible_path(self, sensor: str, path: str) -> str:
        """Where people find a file, not the store behind it."""
        stage = self.holdings.state.stage
        return os.path.join(stage.visible(sensor), os.path.basename(path)) if stage is not None else path


def _request(key: WaitingKey | None) -> dict[str, Any] | None:
    if key is None:
        return None
    return {"since": harmless(key.requested), "issuer": harmless(key.issuer), "public_key_sha256": key.public_key_id}


def _live(fingerprint: str | None, history: Sequence[Event]) -> dict[str, Any]:
    live = live_of(fingerprint, history)
    return {
        "state": harmless(live.state) if live.state else None,
        "seen": harmless(live.seen) if live.seen else None,
        "fingerprint": harmless(live.fingerprint) if live.fingerprint else None,
        "confirmed": None,
    }


def _told(event: Event) -> Mapping[str, Any]:
    """An event as a row of the history."""
    return {
        "time": harmless(event.time, 40),
        "event": harmless(event.event, 40),
        "actor": harmless(event.actor, 200),
        "reason": harmless(event.reason, 500),
        "serial": harmless(event.serial, 100) if event.serial else None,
        "fingerprint": harmless(event.fingerprint, 100) if event.fingerprint else None,
        "issuer": harmless(event.issuer, 200) if event.issuer else None,
    }
