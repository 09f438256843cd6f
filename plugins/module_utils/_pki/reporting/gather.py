# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the state on disk to the rows of a report. It only reads, and whatever cannot be read is told in the report."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..._plain.errors import PkiError
from ..._plain.texts import harmless
from ..delivery.sheet import Sheet, make_sheet
from ..planning.due import Renewal, is_due, renewal_time
from ..profiles.base import Profile
from ..state.bundles import Bundle
from ..state.events import ISSUING, Event
from ..state.fleet import FleetState
from ..state.uploads import live_of, upload_of
from ..state.waiting import WaitingKey
from ..validation import model
from ..validation.case import Settings
from ..validation.engine import check_table, iter_reports
from ..validation.facts import crl_urls
from ..validation.rules_fleet import judge_fleet
from ..values import moments
from ..values import text as texts
from ..values.certificates import CertificateView, read_certificates, read_shared_certificates
from ..values.failures import alone
from ..values.faults import whole_number
from ..values.findings import ERROR, INFO, WARNING, Finding
from ..values.sites import site_of
from ..values.source import Source
from . import facts
from .authorities import Authorities, Published, chain_texts
from .facts import Fleet, SensorRow
from .figures import calendar_of, changes_since, summary_of
from .recorded import unrecorded

UNREADABLE = "stage.unreadable"
# What one sensor may say; more is counted. It keeps one broken bundle from filling everybody's report.
MAX_FINDINGS = 10_000
MAX_HISTORY = 1_000
MAX_WITH_MODULI = 2_000
SELF_SIGNED = "self_signed"
_TOLERATED = frozenset(("crt.self-signed", "chain.contains-leaf", "chain.incomplete"))


@dataclass(frozen=True)
class Wanted:
    """A sensor of the inventory, as far as a report needs it.

    :ivar common_name: what the inventory asks for; empty: nobody said.
    """

    name: str
    common_name: str
    groups: tuple[str, ...] = ()
    issuer: str | None = None
    renewal: Renewal = field(default_factory=Renewal)
    group: str = "sensors"

    @property
    def site(self) -> str:
        """The innermost of its groups, but for the one that all sensors are in; that one if there is no other."""
        return site_of(self.groups, self.group)

    @classmethod
    def of(cls, raw: Mapping[str, Any], group: str = "sensors") -> Wanted:
        """From what the gatherer says of it; a value that cannot be used is as if it were not set.

        :param group: the one that all sensors are in.
        """
        name = str(raw["name"])
        before, spread = whole_number(raw.get("renew_before_days")), whole_number(raw.get("renew_spread_days"))
        groups = raw.get("groups")
        return cls(
            name,
            str(raw.get("common_name") or ""),
            tuple(str(group) for group in groups) if isinstance(groups, (list, tuple)) else (),
            str(raw["issuer"]) if raw.get("issuer") else None,
            Renewal(before if before is not None and before >= 0 else None, max(spread or 0, 0), name),
            group,
        )


@dataclass(frozen=True)
class Places:
    """Where, besides the state, something is to be read; each may be missing.

    :ivar ca_dir: the folder of the embedded CA (certificates alone are read). :ivar crl_dir: that of published CRLs.
    """

    ca_dir: str | None = None
    crl_dir: str | None = None


def gather(
    state: FleetState,
    wanted: Sequence[Wanted],
    profile: Profile,
    moment: datetime.datetime,
    places: Places | None = None,
    workers: int = 1,
    since: datetime.datetime | None = None,
) -> Fleet:
    """Everything that a report tells of a fleet.

    :param wanted: the sensors of the inventory; whatever else is staged is orphaned.
    :param since: tell as well what happened from this moment on.
    """
    return _Gathering(state, profile, moment, places or Places(), workers).run(wanted, since)


@dataclass
class _Gathering:
    state: FleetState
    profile: Profile
    moment: datetime.datetime
    places: Places
    workers: int
    problems: list[str] = field(default_factory=list)
    _ledger_readable: bool = True
    _views: dict[str, CertificateView] = field(default_factory=dict)
    _chains: dict[str, tuple[CertificateView, ...]] = field(default_factory=dict)
    _broken: dict[str, str] = field(default_factory=dict)

    def run(self, wanted: Sequence[Wanted], since: datetime.datetime | None) -> Fleet:
        staged = self._names(self.state.staged_names)
        waiting = self._names(self.state.waiting_sensors)
        own = {sensor.name: sensor for sensor in wanted}
        gone = sorted(staged.union(waiting).difference(own))
        histories = self._histories()
        everybody = [*own.values(), *(Wanted(name, "") for name in gone)]
        bundles = self._bundles([sensor.name for sensor in everybody if sensor.name in staged])
        reports = self._judge(bundles, own)
        if self._ledger_readable:
            self.problems += unrecorded({name: view.fingerprint for name, view in self._views.items()}, histories)
        self._authorities = Authorities(self.moment)
        self._crls = Published.read(self.places.crl_dir, self.moment, self.problems)
        rows = tuple(
            self._row(
                sensor,
                bundles.get(sensor.name),
                reports.get(sensor.name),
                histories.get(sensor.name, []),
                self._waiting_key(sensor.name) if sensor.name in waiting else None,
                sensor.name not in own,
            )
            for sensor in everybody
        )
        self._authorities.of_folder(self.places.ca_dir, self.problems)
        self.problems += [harmless(text) for text in self.state.problems] if self._ledger_readable else []
        return Fleet(
            generated=moments.iso(self.moment),
            sensors=rows,
            authorities=self._authorities.rows(),
            crls=self._crls.rows,
            calendar=calendar_of(rows, self.moment),
            summary=summary_of(rows),
            problems=tuple(dict.fromkeys(self.problems)),
            since=moments.iso(since) if since is not None else None,
            changes=changes_since(histories, moments.iso(since)) if since is not None else None,
        )

    # Reading

    def _names(self, read: Callable[[], Iterable[str]]) -> frozenset[str]:
        try:
            return frozenset(read())
        except (PkiError, OSError) as error:
            self.problems.append(harmless(error))
            return frozenset()

    def _histories(self) -> Mapping[str, list[Event]]:
        try:
            return self.state.histories
        except (PkiError, OSError) as error:
            self._ledger_readable = False
            self.problems.append(harmless(error))
            return {}

    def _bundles(self, names: Iterable[str]) -> dict[str, Bundle]:
        found: dict[str, Bundle] = {}
        for name in names:
            try:
                bundle = self.state.visible(name, spare_key=True)
            except (PkiError, OSError) as error:
                self._broken[name] = harmless(error)
                continue
            if bundle is None:
                self._broken[name] = f"{name} leads to a bundle that is not there any more"
                continue
            found[name] = bundle
            views = read_certificates(bundle.crt, bundle.files.crt).views
            if views:
                self._views[name] = views[0]
            chain = read_shared_certificates(Source(bundle.files.pem, bundle.pem)).views
            leaf = views[0].fingerprint if views else ""
            self._chains[name] = tuple(view for view in chain if view.fingerprint != leaf)
        return found

    def _waiting_key(self, name: str) -> WaitingKey | None:
        try:
            found = self.state.waiting_keys(name)
        except (PkiError, OSError) as error:
            self.problems.append(harmless(error))
            return None
        return found[0] if found else None

    # Judging

    def _judge(self, bundles: Mapping[str, Bundle], own: Mapping[str, Wanted]) -> dict[str, _Judged]:
        """What validation says of everything that is staged; keys that need a passphrase are left out."""
        given = []
        for name, bundle in bundles.items():
            key = bundle.key if bundle.key and b"ENCRYPTED" not in bundle.key else None
            given.append(
                model.Bundle(
                    name=name,
                    certificate=Source(bundle.files.crt, bundle.crt),
                    private_key=Source(bundle.files.key, key, _mode(bundle.files.key)) if key else None,
                    chain=Source(bundle.files.pem, bundle.pem),
                    expected_common_name=(own[name].common_name or None) if name in own else None,
                    at=self.moment,
                )
            )
        # As when it was staged: which of the sample's optional fields a subject has is the user's choice.
        policy = model.Policy(self.profile, severities={"subject.field-order": INFO}, at=self.moment)
        self._settings = settings = Settings.of(policy)
        try:
            check_table(self.profile)
            reports = list(iter_reports(given, settings, self.workers))
        except PkiError as error:
            self.problems.append(harmless(f"the staged bundles could not be judged: {error}"))
            return {}
        found = {entry.name: _Judged(list(entry.findings), entry.facts) for entry in reports}
        for finding in judge_fleet(_comparable(reports), (), settings) if len(reports) > 1 else ():
            for name in finding.objects if finding.id not in settings.ignore else ():
                if name in found:
                    found[name].findings.append(finding)
        return found

    def _findings(
        self, sensor: Wanted, issuer: str | None, judged: _Judged | None, view: CertificateView | None
    ) -> tuple[Mapping[str, Any], ...]:
        found = list(judged.findings) if judged is not None else []
        if issuer == SELF_SIGNED:  # what was asked for
            found = [replace(one, severity=WARNING) if one.id in _TOLERATED else one for one in found]
        if view is not None:
            found += self._revoked(sensor.name, view)
        if sensor.name in self._broken:
            hint = "Run deploy_certs: it obtains anew what cannot be read, or restore the bundle from the backup."
            found.append(Finding(UNREADABLE, ERROR, self._broken[sensor.name], hint))
        rest = len(found) - MAX_FINDINGS
        data = [_plain_finding(one) for one in found[:MAX_FINDINGS]]
        if rest > 0:
            more = Finding("report.more", ERROR, f"and {rest} more findings", "Run validate_certs for all of them.")
            data.append(_plain_finding(more))
        return tuple(data)

    def _revoked(self, name: str, view: CertificateView) -> list[Finding]:
        try:
            entry = self.state.revocation_of(view.certificate)
        except (PkiError, OSError) as error:
            self.problems.append(harmless(error))
            return []
        if entry is None:
            return []
        return [self._settings.finding("crl.revoked", f"the certificate was revoked: {entry.text}", (name,))]

    # Rows

    def _row(
        self,
        sensor: Wanted,
        bundle: Bundle | None,
        judged: _Judged | None,
        history: Sequence[Event],
        key: WaitingKey | None,
        orphaned: bool,
    ) -> SensorRow:
        def work() -> SensorRow:
            return self._made(sensor, bundle, judged, history, key, orphaned)

        def failed(problem: str) -> SensorRow:
            self._broken[sensor.name] = problem
            return self._made(sensor, None, None, (), None, orphaned)

        return alone(work, failed)

    def _made(
        self,
        sensor: Wanted,
        bundle: Bundle | None,
        judged: _Judged | None,
        history: Sequence[Event],
        key: WaitingKey | None,
        orphaned: bool,
    ) -> SensorRow:
        view = self._views.get(sensor.name) if bundle is not None else None
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
            findings=self._findings(sensor, issuer, judged, view),
            request=_request(key),
            live=_live(None, history),
            crl={"state": "none", "seen": None, "url": None},
            history=tuple(_told(event) for event in reversed(history[-MAX_HISTORY:])),
        )
        if bundle is None or view is None:
            return row
        return self._with_certificate(row, sensor, bundle, view, judged, history)

    def _with_certificate(
        self,
        row: SensorRow,
        sensor: Wanted,
        bundle: Bundle,
        view: CertificateView,
        judged: _Judged | None,
        history: Sequence[Event],
    ) -> SensorRow:
        said = judged.facts if judged is not None else {}
        chain = self._chains.get(sensor.name, ())
        self._authorities.of_sensor(chain, bundle.files.pem, view.not_after)
        titles, first_end = chain_texts(chain)
        due_on = renewal_time(view.not_before, view.not_after, sensor.renewal)
        # Where the issuing CA ends with it, a new one would end no later.
        possible_end = min([self.moment + datetime.timedelta(days=36_500), *(ca.not_after for ca in chain[:1])])
        urls = crl_urls(view)
        url = harmless(urls[0]) if urls else None
        crl_state, crl_seen = self._crls.state_of(view, url)
        common_name = harmless(view.common_names[-1]) if view.common_names else row.common_name
        upload = upload_of(view.fingerprint, history)
        sheet = self._sheet(row, bundle, view, common_name or sensor.name, url, crl_state, upload.needed, upload.since)
        return replace(
            row,
            common_name=common_name,
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
            upload=sheet,
            live={**_live(view.fingerprint, history), "confirmed": upload.confirmed},
            crl={"state": crl_state, "seen": crl_seen, "url": url},
        )

    def _sheet(
        self,
        row: SensorRow,
        bundle: Bundle,
        view: CertificateView,
        common_name: str,
        url: str | None,
        crl_state: str,
        needed: bool,
        since: str | None,
    ) -> Sheet:
        obstacles = [f"{one['id']}: {one['message']}" for one in row.findings if one["severity"] == ERROR]
        if row.issuer == SELF_SIGNED:
            obstacles.append("a self-signed certificate cannot be validated; for tests only")
        if crl_state in ("expired", "revoked"):
            obstacles.append(f"its CRL is {crl_state}" if crl_state == "expired" else "the CRL lists it as revoked")
        files = bundle.files
        return make_sheet(
            {
                "crt": self._visible_path(row.name, files.crt),
                "key": self._visible_path(row.name, files.key),
                "pem": self._visible_path(row.name, files.pem),
            },
            bundle.contents,
            common_name,
            moments.iso(view.not_before),
            url,
            obstacles,
            needed and row.state == facts.STAGED,
            since if row.state == facts.STAGED else None,
        )

    def _visible_path(self, sensor: str, path: str) -> str:
        """Where people find a file, not the store behind it."""
        stage = self.state.stage
        return os.path.join(stage.visible(sensor), os.path.basename(path)) if stage is not None else path


@dataclass
class _Judged:
    findings: list[Finding]
    facts: Mapping[str, Any]


def _comparable(reports: list[model.BundleReport]) -> list[model.BundleReport]:
    """What is compared within the fleet.

    A key that cannot be read is compared by its modulus, with all others; in a large fleet that would take a minute.
    """
    if len(reports) <= MAX_WITH_MODULI:
        return reports
    return [
        report if report.identity.primes else replace(report, identity=replace(report.identity, modulus=None))
        for report in reports
    ]


def _mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode & 0o7777
    except OSError:
        return None


def _plain_finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "severity": finding.severity,
        "message": harmless(finding.message),
        "hint": harmless(finding.hint),
        "upload_error": finding.upload_error,
        "source": finding.source,
    }


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


def _told(event: Event) -> dict[str, Any]:
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
