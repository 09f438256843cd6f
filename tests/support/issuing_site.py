# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A site with a stage directory, a ledger and issuers, in which runs are made as cert_issue and cert_stage make them."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import corporate_pki as pki
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches.obtain import (
    Batch,
    Obtaining,
    SensorOutcome,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches.stage import (
    StageOptions,
    StageOutcome,
    stage_batch,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.base import Run, Tools
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.kinds import (
    Issuers,
    check_described,
    known_names,
    make_issuers,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.make import write_authority
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.settings import (
    AuthoritySettings,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.fleet import FleetState
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.ledger import Ledger
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.stage_folder import StageFolder
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import x509_parts as parts
from ansible_collections.ot_pki.defender_iot.plugins.plugin_utils import http_caller
from cryptography import x509
from cryptography.hazmat.primitives import hashes

PASSPHRASE = "correct horse battery staple"
SUBJECT = {"country": "US", "organization": "Contoso", "organizational_unit": "OT"}
DAY = datetime.timedelta(days=1)


def cn(number: int, domain: str = "plant.example") -> str:
    return f"sensor-{number}.{domain}"


def wanted(number: int, issuer: str, **more: Any) -> dict[str, Any]:
    """A sensor's description."""
    return {"name": cn(number), "common_name": cn(number), "subject": SUBJECT, "issuer": issuer, **more}


class Site:
    """Runs over one stage directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pki_dir = folder / "pki"
        self.stage = StageFolder(str(self.pki_dir / "staged"))
        self.ledger = Ledger(str(self.pki_dir / "ledger"))
        self.described: dict[str, dict[str, Any]] = {}
        self.received: dict[str, Any] = {}
        self.issuers = Issuers({})
        self.staged: list[StageOutcome] = []

    # Folders

    def outbox(self, issuer: str = "corp") -> Path:
        return self.pki_dir / "outbox" / issuer

    def inbox(self, issuer: str = "corp") -> Path:
        found = self.pki_dir / "inbox" / issuer
        found.mkdir(parents=True, exist_ok=True)
        return found

    def rows(self, issuer: str = "corp") -> list[dict[str, str]]:
        """What requests.csv says."""
        path = self.outbox(issuer) / "requests.csv"
        if not path.exists():
            return []
        return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))

    def snapshot(self) -> dict[str, Any]:
        """Every file below the site's folder with its content; locks do not count."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(self.folder.rglob("*"))
            if ".locks" not in str(path) and path.name != ".lock"
        }

    def local_ca(self) -> None:
        """Make the embedded CA."""
        settings = AuthoritySettings(PASSPHRASE, key_size=2048, permitted_dns=("plant.example",))
        write_authority(str(self.pki_dir / "local_ca"), settings, moments.now())

    # Runs

    def run(
        self,
        *sensors: dict[str, Any],
        check_mode: bool = False,
        moment: datetime.datetime | None = None,
        others: Sequence[dict[str, Any]] = (),
        show: bool = True,
        workers: int = 1,
        max_changes: int | None = None,
    ) -> list[SensorOutcome]:
        """One run: obtain, then stage what came."""
        described = check_described(self.described)
        run = Run(
            moment or moments.now(),
            check_mode,
            ot_pki_dir=str(self.pki_dir),
            ledger=self.ledger,
            local_ca={"dir": str(self.pki_dir / "local_ca"), "passphrase": PASSPHRASE},
            received=self.received,
            http=http_caller.call,
        )
        used = dict.fromkeys(str(sensor["issuer"]) for sensor in sensors)
        names = known_names(described)
        self.issuers = make_issuers([name for name in used if name in names], described, run)
        state = FleetState(self.stage, self.ledger)
        tools = Tools(run.moment, state, workers, check_mode, "sensor_certificates_")
        batch = Batch(names, "sensor_certificates_", 0.0, workers, max_changes)
        outcomes = Obtaining(self.stage, self.ledger, self.issuers, tools, batch).run(list(sensors), others)
        if show and not check_mode:
            self._show(outcomes, sensors, run.moment)
        return outcomes

    def _show(
        self, outcomes: Sequence[SensorOutcome], sensors: Sequence[dict[str, Any]], moment: datetime.datetime
    ) -> None:
        passphrases = {sensor["name"]: sensor.get("key_passphrase") for sensor in sensors}
        raws = [
            {
                "name": outcome.name,
                "certificate": outcome.files.crt,
                "private_key": outcome.files.key,
                "chain": outcome.files.pem,
                "private_key_passphrase": passphrases[outcome.name],
                "expected_common_name": outcome.common_name,
                "issuer": outcome.issuer,
                "trusted_roots": list(outcome.trusted_roots),
                "tolerated": list(outcome.tolerated),
            }
            for outcome in outcomes
            if outcome.action in ("kept", "issued") and outcome.files is not None
        ]
        self.staged, _report = stage_batch(raws, self.stage, StageOptions(), self.ledger, moment=moment)

    def certificate(self, sensor: str) -> x509.Certificate:
        """The certificate that people see."""
        bundle = self.stage.read_visible(sensor)
        assert bundle is not None, f"nothing is staged for {sensor}"
        return x509.load_pem_x509_certificate(bundle.crt)

    def waiting(self, sensor: str) -> list[Path]:
        """The folders of keys that wait."""
        return sorted((self.pki_dir / "staged" / ".waiting" / sensor).glob("*"))


def actions(outcomes: Sequence[SensorOutcome]) -> dict[str, str]:
    return {outcome.name: outcome.action for outcome in outcomes}


def told(outcomes: Sequence[SensorOutcome]) -> str:
    """Everything that is said of the sensors."""
    return "\n".join(
        text
        for outcome in outcomes
        for text in (*outcome.errors, *outcome.reasons, *outcome.notes, *outcome.warnings, *map(str, outcome.altered))
    )


# --- A CA that answers requests ---------------------------------------------------------------------


def answer(csr: bytes, issuer: pki.Issued | None = None, **changes: Any) -> pki.Issued:
    """A certificate for a request, as the CA gives it.

    :param changes: C(drop) subject fields by short name, C(days), C(extensions) to leave out by class name,
        C(more) extensions, C(subject), C(hash), C(public_key), C(ca).
    """
    request = x509.load_pem_x509_csr(csr)
    issuer = issuer or pki.issuing()
    oids = dict(parts.name_oids())
    dropped = {oids[short] for short in changes.get("drop", ())}
    subject = changes.get("subject") or x509.Name([entry for entry in request.subject if entry.oid not in dropped])
    days = changes.get("days", (-1, 700))
    public_key = changes.get("public_key") or request.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(pki.NOW + days[0] * DAY)
        .not_valid_after(pki.NOW + days[1] * DAY)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    for extension in request.extensions:
        if type(extension.value).__name__ in changes.get("extensions", ()):
            continue
        value = extension.value
        if changes.get("ca") and isinstance(value, x509.BasicConstraints):
            value = x509.BasicConstraints(ca=True, path_length=None)
        builder = builder.add_extension(value, extension.critical)
    for value in changes.get("more", ()):
        builder = builder.add_extension(value, critical=False)
    return pki.Issued(builder.sign(issuer.key, changes.get("hash", hashes.SHA256())), None)


def template_extension() -> x509.UnrecognizedExtension:
    """The template that AD CS names in what it issues."""
    return x509.UnrecognizedExtension(
        x509.ObjectIdentifier("1.3.6.1.4.1.311.21.7"), bytes.fromhex("300706052a03040506")
    )


def requests_of(site: Site, issuer: str = "corp") -> dict[str, bytes]:
    """The requests in an outbox, by sensor."""
    folder = site.outbox(issuer)
    if not folder.is_dir():
        return {}
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.csr"))}


def answer_all(site: Site, issuer: str = "corp", **changes: Any) -> None:
    """The PKI department answers everything, with the chain."""
    for sensor, csr in requests_of(site, issuer).items():
        (site.inbox(issuer) / f"{sensor}.cer").write_bytes(answer(csr, **changes).crt + pki.chain())
