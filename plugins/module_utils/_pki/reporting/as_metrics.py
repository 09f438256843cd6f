# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``ot_pki.prom``: metrics in the text form of Prometheus, for node_exporter's textfile collector.

Names and labels of the certificates' and CRLs' metrics are those of the widespread x509-certificate-exporter, so that
public dashboards and alerts fit. No sample has a timestamp: the collector refuses files that do.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping

from .facts import STATES, Fleet

NAME = "ot_pki.prom"

_HELP = {
    "x509_cert_not_after": "Indicates the certificate's not after timestamp",
    "x509_cert_not_before": "Indicates the certificate's not before timestamp",
    "x509_cert_expired": "Indicates if the certificate is expired",
    "x509_crl_next_update": "Indicates the CRL's next update timestamp",
    "x509_crl_this_update": "Indicates the CRL's this update timestamp",
    "x509_crl_number": "Indicates the CRL's number",
    "ot_pki_sensors": "How many sensors there are of each state",
    "ot_pki_sensors_failed": "How many sensors have a finding of severity error",
    "ot_pki_state_problems": "How many files of the state cannot be read",
    "ot_pki_upload_needed": "Whether the console has still to get the certificate that is staged for the sensor",
    "ot_pki_upload_needed_since": "Since when (Unix time) an upload is waited for",
    "ot_pki_renewal_due": "From when on (Unix time) the next run renews the sensor's certificate",
    "ot_pki_report_generated": "When (Unix time) this report was made",
}

Sample = tuple[str, Mapping[str, str], float]


def render(fleet: Fleet) -> bytes:
    """The report as metrics."""
    by_name: dict[str, list[str]] = {name: [] for name in _HELP}
    for name, labels, value in _samples(fleet):
        by_name[name].append(f"{name}{_labels(labels)} {_number(value)}\n")
    text = "".join(
        f"# HELP {name} {_HELP[name]}\n# TYPE {name} gauge\n{''.join(lines)}"
        for name, lines in by_name.items()
        if lines
    )
    return text.encode("utf-8")


def _samples(fleet: Fleet) -> Iterator[Sample]:
    for state in STATES:
        yield "ot_pki_sensors", {"state": state}, fleet.summary[state]
    yield "ot_pki_sensors_failed", {}, fleet.summary["failed"]
    yield "ot_pki_state_problems", {}, len(fleet.problems)
    yield "ot_pki_report_generated", {}, _unix(fleet.generated)
    yield from _sensors(fleet)
    yield from _authorities(fleet)
    yield from _crls(fleet)


def _sensors(fleet: Fleet) -> Iterator[Sample]:
    for row in fleet.sensors:
        own = {"sensor": row.name}
        yield "ot_pki_upload_needed", own, int(row.upload.needed)
        if row.upload.since and row.upload.needed and _is_time(row.upload.since):
            yield "ot_pki_upload_needed_since", own, _unix(row.upload.since)
        if row.serial is None or row.not_before is None or row.not_after is None:
            continue
        if row.due_on:
            yield "ot_pki_renewal_due", own, _unix(row.due_on)
        path = next((entry["path"] for entry in row.upload.files if entry["kind"] == "crt"), "")
        issuer = row.chain[0] if row.chain else _common_name(row.issuer_subject)
        yield from _certificate(
            row.common_name or "", issuer, row.serial, path, row.name, row.not_before, row.not_after, row.expired
        )


def _authorities(fleet: Fleet) -> Iterator[Sample]:
    for ca in fleet.authorities:
        yield from _certificate(
            ca.common_name, ca.issuer_common_name, ca.serial, ca.path, "", ca.not_before, ca.not_after, ca.expired
        )


def _certificate(
    subject: str, issuer: str, serial: str, path: str, sensor: str, start: str, end: str, expired: bool
) -> Iterator[Sample]:
    labels = {
        "subject_CN": subject,
        "issuer_CN": issuer,
        "serial_number": str(int(serial, 16)),
        "filepath": path,
        "sensor": sensor,
    }
    yield "x509_cert_not_before", labels, _unix(start)
    yield "x509_cert_not_after", labels, _unix(end)
    yield "x509_cert_expired", labels, int(expired)


def _crls(fleet: Fleet) -> Iterator[Sample]:
    for crl in fleet.crls:
        labels = {"issuer_CN": crl.issuer_common_name or "", "filepath": crl.path}
        if crl.this_update:
            yield "x509_crl_this_update", labels, _unix(crl.this_update)
        if crl.next_update:
            yield "x509_crl_next_update", labels, _unix(crl.next_update)
        if crl.number is not None:
            yield "x509_crl_number", labels, crl.number


def _labels(labels: Mapping[str, str]) -> str:
    # An empty label is the same as none.
    pairs: Iterable[str] = (f'{name}="{_quoted(value)}"' for name, value in labels.items() if value)
    text = ",".join(pairs)
    return f"{{{text}}}" if text else ""


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value))


def _unix(moment: str) -> int:
    return int(datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp())


def _is_time(text: str) -> bool:
    try:
        _unix(text)
    except ValueError:
        return False
    return True


def _common_name(subject: str | None) -> str:
    parts = [part[3:] for part in (subject or "").split(", ") if part.startswith("CN=")]
    return parts[-1] if parts else subject or ""
