# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet's state on disk, as runs leave it, made by the library itself at moments that a test chooses."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crl.making import make_crl
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crypto import hashes, rsa, serialization, x509
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.certificate import build_certificate
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.planning.request import SensorRequest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.planning.terms import Validity
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.facts import Fleet
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.gather import Places, gather
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.wanted import Wanted
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state import events, revocations
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.events import Event
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.fleet import fleet_state
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.ledger import Ledger
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.stage_folder import StageFolder
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.waiting import WaitingKey, WaitingKeys
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments, text
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import x509_parts as parts

# The real now, in whole seconds: records say themselves when they were written.
NOW = moments.now()
DAY = datetime.timedelta(days=1)
URL = "http://crl.plant.example/issuing.crl"
SUBJECT = (("C", "US"), ("O", "Contoso"), ("OU", "OT Security"))


@functools.cache
def key(number: int) -> rsa.RSAPrivateKey:
    """A key of one's own for each number; the same in all tests of a process."""
    return parts.new_key(2048)


def authority(common_name: str, own: int, issuer: x509.Certificate | None, signer: int, days: int) -> x509.Certificate:
    """A CA certificate that ends so many days from now."""
    name = parts.build_name([("CN", common_name)])
    public = key(own).public_key()
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    signer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(key(signer).public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.subject if issuer is not None else name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 1000 * DAY)
        .not_valid_after(NOW + days * DAY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        .add_extension(signer_id, False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(usage, True)
        .sign(key(signer), hashes.SHA256())
    )


class Kitchen:
    """Folders as :file:`ot_pki_dir` has them."""

    def __init__(self, folder: Path, ca_days: int = 3000) -> None:
        self.folder = folder
        self.staged, self.ledger_dir, self.ca_dir, self.crl_dir, self.report = (
            folder / name for name in ("staged", "local_ca_ledger", "local_ca", "crl", "report")
        )
        self.stage = StageFolder(str(self.staged))
        self.stage.prepare()
        self.ledger = Ledger(str(self.ledger_dir))
        self.ledger.prepare()
        self.root = authority("Plant Root CA", 1, None, 1, 6000)
        self.issuing = authority("Plant Issuing CA", 2, self.root, 1, ca_days)
        self.ca_dir.mkdir()
        (self.ca_dir / "root.crt").write_bytes(parts.pem(self.root))
        (self.ca_dir / "issuing.crt").write_bytes(parts.pem(self.issuing))
        self._next = 10

    def bundle(
        self,
        sensor: str,
        left: int = 700,
        age: int = 30,
        issuer: str = "local_ca",
        crl_url: str | None = None,
        passphrase: str | None = None,
        own_key: int | None = None,
        record: bool = True,
        common_name: str | None = None,
        staged_event: bool = True,
    ) -> x509.Certificate:
        """Stage a bundle that began ``age`` days ago and has ``left`` days left; recorded as a run does it."""
        self._next += 1
        own = key(own_key if own_key is not None else self._next)
        name = common_name or sensor
        request = SensorRequest(name, name, SUBJECT, dns_names=(name,), key_passphrase=passphrase)
        period = Validity(NOW - age * DAY, NOW + left * DAY, False)
        certificate = build_certificate(request, own.public_key(), self.issuing, key(2), period, crl_url)
        if record:
            self.ledger.record(sensor, certificate, issuer=issuer, reason="missing")
        contents = {
            "crt": parts.pem(certificate),
            "key": parts.key_pem(own, passphrase),
            "pem": parts.pem(self.issuing) + parts.pem(self.root),
        }
        self.stage.reveal(sensor, self.stage.add(sensor, f"{self._next:016X}", name, contents, NOW).folder)
        if record and staged_event:
            self.happened(events.STAGED, sensor, certificate, NOW - age * DAY, "staged")
        return certificate

    def happened(
        self, event: str, sensor: str, certificate: x509.Certificate | None, when: datetime.datetime, reason: str = ""
    ) -> None:
        """Record an event."""
        serial = text.serial_text(certificate.serial_number) if certificate is not None else None
        mark = parts.fingerprint(certificate) if certificate is not None else None
        entry = Event(event, sensor, reason=reason, serial=serial, fingerprint=mark)
        events.record(self.ledger, event, [entry], when)

    def seen(self, sensor: str, certificate: x509.Certificate | None, when: datetime.datetime, state: str) -> None:
        """Somebody looked at the console."""
        self.happened(events.SEEN, sensor, certificate, when, state)

    def revoke(self, sensor: str, certificate: x509.Certificate, reason: str = "keyCompromise") -> None:
        """Revoke a certificate in the ledger."""
        mark = revocations.key_mark(self.issuing)
        entry = revocations.RevocationRecord(
            certificate.serial_number, NOW, reason, mark, certificate.not_valid_after_utc, sensor
        )
        revocations.record(self.ledger, certificate, entry)

    def publish(self, days: int = 30, age: int = 0, revoked: Sequence[x509.Certificate] = ()) -> Path:
        """Publish the issuing CA's CRL, made ``age`` days ago for ``days`` days."""
        mark = revocations.key_mark(self.issuing)
        listed = [
            revocations.RevocationRecord(one.serial_number, NOW, "unspecified", mark, one.not_valid_after_utc)
            for one in revoked
        ]
        crl = make_crl(self.issuing, key(2), 7, listed, NOW - age * DAY, days * DAY)
        self.crl_dir.mkdir(exist_ok=True)
        path = self.crl_dir / "issuing.crl"
        path.write_bytes(crl.public_bytes(serialization.Encoding.DER))
        path.with_name("issuing.crl.pem").write_bytes(crl.public_bytes(serialization.Encoding.PEM))
        return path

    def request(self, sensor: str, issuer: str = "corp") -> None:
        """A key that waits for its certificate."""
        entry = WaitingKey(sensor, f"{self._next:064x}", issuer, moments.iso(NOW), b"key", b"csr")
        WaitingKeys(str(self.staged)).add(entry)

    def gather(self, wanted: Sequence[str | Wanted], since: datetime.datetime | None = None, **more: Any) -> Fleet:
        """The report's rows as of now."""
        sensors = [
            one if isinstance(one, Wanted) else Wanted(one, one, ("sensors", "site_a"), "local_ca") for one in wanted
        ]
        state = fleet_state(str(self.staged), str(self.ledger_dir))
        places = Places(str(self.ca_dir), str(self.crl_dir))
        return gather(state, sensors, DEFENDER_IOT, NOW, places, since=since, **more)
