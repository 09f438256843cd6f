# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds at any moment, and what after a work that says that it is done; certificates and keys are OpenSSL's to judge."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SENSORS = ("sensor-1.plant.example", "sensor-2.plant.example")
OLD, NEW = "correct horse battery staple", "another horse, another battery"
# Folders of the collection's own that have a leading dot.
_OWN = (".store", ".waiting", ".locks")


def openssl(*arguments: object, secret: str | None = None) -> str | None:
    """What it prints; None if it refuses."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)],
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        env={**os.environ, "SECRET": secret or ""},
        check=False,
    )
    return done.stdout + done.stderr if done.returncode == 0 else None


def public_of(certificate: Path) -> str | None:
    return openssl("x509", "-in", certificate, "-noout", "-pubkey")


def public_of_key(key: Path, secret: str = "") -> str | None:
    return openssl("pkey", "-in", key, "-passin", "env:SECRET", "-pubout", secret=secret)


@dataclass
class Seen:
    """What is to be compared with later.

    :ivar serials: of what people see, by sensor. :ivar crl_numbers: by the CRL's file.
    """

    serials: dict[str, str] = field(default_factory=dict)
    crl_numbers: dict[str, int] = field(default_factory=dict)
    issuing: bytes = b""
    records: frozenset[str] = frozenset()


class Judge:
    """Judges a site's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pki = folder / "pki"
        self.staged = self.pki / "staged"
        self.ledger = self.pki / "ledger"
        self.ca = self.pki / "local_ca"
        self.faults: list[str] = []

    def check(self, fits: object, text: str) -> bool:
        if not fits:
            self.faults.append(text)
        return bool(fits)

    # At any moment

    def always(self, before: Seen) -> Seen:
        """What must hold whatever happened."""
        seen = Seen()
        serials: dict[str, str] = {}
        for sensor in self.visible():
            serial = self._bundle(sensor, serials)
            if serial:
                seen.serials[sensor] = serial
        for path in sorted(self.pki.glob("crl/*.crl")):
            seen.crl_numbers[path.name] = self._crl(path, before.crl_numbers.get(path.name, 0))
        for name in before.crl_numbers:
            self.check((self.pki / "crl" / name).exists(), f"the CRL {name} is gone")
        for path, content in self._keys():
            self.check(path.stat().st_mode & 0o077 == 0, f"{path} holds a key and is readable by others")
            inside = "local_ca" in path.relative_to(self.folder).as_posix()
            self.check(not inside or b"ENCRYPTED" in content, f"{path} holds a CA's key that is not encrypted")
        issuing = self.ca / "issuing.crt"
        seen.issuing = issuing.read_bytes() if issuing.exists() else b""
        if self.ledger.is_dir():
            seen.records = frozenset(path.name for path in self.ledger.glob("*.json"))
        for record in before.records:
            self.check((self.ledger / record).exists(), f"the record {record} is gone")
        hosts = (self.folder / "hosts").read_text()
        self.check("localhost" in hosts and "historian" in hosts, f"the hosts file lost lines: {hosts!r}")
        self.check(self._authorities(), "the bundle of authorities lost what was in it")
        for path in self.pki.glob("report/fleet.json"):
            self.check(_is_json(path), f"{path} is not whole")
        return seen

    def visible(self) -> list[str]:
        if not self.staged.is_dir():
            return []
        return sorted(name for name in os.listdir(self.staged) if not name.startswith("."))

    def _bundle(self, sensor: str, serials: dict[str, str]) -> str | None:
        folder = self.staged / sensor
        files = {}
        for kind in ("crt", "key", "pem"):
            found = list(folder.glob(f"*.{kind}"))
            if not self.check(len(found) == 1, f"{folder} has {len(found)} .{kind}"):
                return None
            files[kind] = found[0]
        public = public_of(files["crt"])
        self.check(public and public == public_of_key(files["key"]), f"{folder}: key and certificate differ")
        blocks = files["pem"].read_text().split("-----END CERTIFICATE-----\n")
        root = self.folder / "judged-root.pem"
        root.write_text(blocks[-2] + "-----END CERTIFICATE-----\n")
        verified = openssl("verify", "-CAfile", root, "-untrusted", files["pem"], files["crt"])
        root.unlink()
        self.check(verified, f"{folder}: the chain does not verify")
        told = openssl("x509", "-in", files["crt"], "-noout", "-serial", "-issuer", "-fingerprint", "-sha256") or ""
        lines = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
        serial = lines.get("serial", "")
        fingerprint = next((value for name, value in lines.items() if "Fingerprint" in name), "")
        name = f"{lines.get('issuer')} {serial}"
        self.check(serials.setdefault(name, fingerprint) == fingerprint, f"{serial} is there twice")
        record = self.ledger / f"{serial}.json"
        self.check(_is_json(record), f"{folder}: {serial} is not recorded")
        return serial

    def _crl(self, path: Path, least: int) -> int:
        told = openssl("crl", "-in", path, "-inform", "DER", "-noout", "-crlnumber")
        if not self.check(told, f"{path} is no CRL"):
            return least
        number = int(str(told).split("=")[1].split()[0], 16)
        self.check(number >= least, f"{path} went back from number {least} to {number}")
        return number

    def _authorities(self) -> bool:
        told = openssl("storeutl", "-noout", "-text", "-certs", self.folder / "bundle.pem") or ""
        return "Unrelated CA" in told

    def _keys(self) -> Iterator[tuple[Path, bytes]]:
        for folder, _folders, names in os.walk(self.folder):
            for name in names:
                path = Path(folder, name)
                if path.is_symlink():
                    continue
                content = path.read_bytes()
                if b"PRIVATE KEY" in content:
                    yield path, content

    # After a run that was not disturbed

    def healed(self) -> None:
        """Nothing of the earlier run is left but what it completed."""
        for path, _content in self._keys():
            parts = path.relative_to(self.folder).parts
            own = [part for part in parts if part.startswith(".") and part not in _OWN]
            self.check(not own, f"{path} is a leftover that holds a key")

    def done(self, work: str, before: Seen, now: Seen) -> None:
        """What a work that says that it is done has done."""
        goal: Callable[[Seen, Seen], Any] = getattr(self, "_" + work.replace("-", "_"))
        self.check(goal(before, now), f"{work} says that it is done, and is not")

    def _issue(self, _before: Seen, now: Seen) -> bool:
        return set(now.serials) == set(SENSORS)

    _import = _answer = _issue

    def _keep(self, before: Seen, now: Seen) -> bool:
        return now.serials == before.serials

    def _reissue(self, before: Seen, now: Seen) -> bool:
        return set(now.serials) == set(SENSORS) and not set(now.serials.values()) & set(before.serials.values())

    def _request(self, _before: Seen, _now: Seen) -> bool:
        outbox = self.pki / "outbox" / "corp"
        rows = csv.DictReader(io.StringIO((outbox / "requests.csv").read_text(), newline=""))
        return {row["sensor"] for row in rows} == set(SENSORS) and all(
            openssl("req", "-in", outbox / f"{sensor}.csr", "-noout", "-verify") for sensor in SENSORS
        )

    def _convert(self, _before: Seen, _now: Seen) -> bool:
        return self.pairs_fit(("1", "2"))

    _convert_again = _convert

    def pairs_fit(self, names: tuple[str, ...]) -> bool:
        """Whether converted certificates and keys belong together, and are whole."""
        folder = self.folder / "converted"
        return all(
            (folder / f"{name}.pem").exists()
            and public_of(folder / f"{name}.crt")
            and public_of(folder / f"{name}.crt") == public_of_key(folder / f"{name}.key")
            for name in names
        )

    def _revoke(self, before: Seen, _now: Seen) -> bool:
        path = self.ledger / f"{before.serials[SENSORS[0]]}.revoked.json"
        return _is_json(path)

    def lists(self, serials: list[str]) -> bool:
        """Whether the published CRL lists these."""
        told = openssl("crl", "-in", self.pki / "crl" / "sensors.crl", "-inform", "DER", "-noout", "-text") or ""
        return all(serial in told.upper() for serial in serials)

    def _publish(self, before: Seen, _now: Seen) -> bool:
        return self.lists([before.serials[SENSORS[0]]])

    def opened_by(self, secret: str) -> list[bool]:
        """Whether a passphrase opens each of the CA's keys."""
        return [public_of_key(path, secret) is not None for path in sorted(self.ca.glob("*.key"))]

    def _passphrase(self, _before: Seen, _now: Seen) -> bool:
        return all(self.opened_by(NEW))

    def _issuing(self, before: Seen, now: Seen) -> bool:
        pair = public_of(self.ca / "issuing.crt") == public_of_key(self.ca / "issuing.key", OLD)
        return pair and now.issuing != before.issuing

    def _retire(self, before: Seen, now: Seen) -> bool:
        left = [path for path, _content in self._keys() if SENSORS[1] in str(path) and self.staged in path.parents]
        revoked = _is_json(self.ledger / f"{before.serials[SENSORS[1]]}.revoked.json")
        return set(now.serials) == {SENSORS[0]} and not left and revoked

    def _report(self, _before: Seen, _now: Seen) -> bool:
        names = ("fleet.json", "fleet.html", "fleet.csv", "ot_pki.prom", "fleet.md")
        return all((self.pki / "report" / name).stat().st_size for name in names)

    def _trust(self, _before: Seen, _now: Seen) -> bool:
        told = openssl("storeutl", "-noout", "-text", "-certs", self.folder / "bundle.pem") or ""
        return "Contoso Root" in told

    def _hosts(self, _before: Seen, _now: Seen) -> bool:
        return all(sensor in (self.folder / "hosts").read_text() for sensor in SENSORS)


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return True
