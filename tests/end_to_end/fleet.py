# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of a test's own: an inventory, what was staged for it, and what other people's tools say of that."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

PASSPHRASE = "correct horse battery staple"
SUBJECT = {"country": "US", "organization": "Contoso", "organizational_unit": "OT Security"}


class Fleet:
    """An inventory in a folder, with the default paths beside it."""

    def __init__(self, folder: Path, sensors: dict[str, dict[str, Any]], **variables: Any) -> None:
        self.folder = folder
        self.sensors = sensors
        # Other groups of the inventory.
        self.groups: dict[str, Any] = {}
        # A small CA key keeps the tests quick; that the default is 4096 is tested by itself.
        self.variables: dict[str, Any] = {
            "local_ca_passphrase": PASSPHRASE,
            "local_ca_key_size": 2048,
            "sensor_certificates_subject": SUBJECT,
            **variables,
        }
        folder.mkdir(parents=True, exist_ok=True)
        self.write()

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.yml"

    @property
    def pki(self) -> Path:
        return self.folder / "defender_iot_pki"

    @property
    def stage(self) -> Path:
        return self.pki / "staged"

    @property
    def root(self) -> Path:
        return self.pki / "local_ca" / "root.crt"

    def write(self) -> None:
        content = {"sensors": {"hosts": self.sensors, "vars": self.variables}, **self.groups}
        self.inventory.write_text(yaml.safe_dump(content, sort_keys=False))

    def set(self, **variables: Any) -> None:
        """Change variables of all sensors; ``None`` takes one away."""
        for key, value in variables.items():
            if value is None:
                self.variables.pop(key, None)
            else:
                self.variables[key] = value
        self.write()

    def staged(self) -> list[str]:
        """What people see in the stage directory."""
        return (
            sorted(name for name in os.listdir(self.stage) if not name.startswith(".")) if self.stage.is_dir() else []
        )

    def file(self, sensor: str, kind: str) -> Path:
        found = list((self.stage / sensor).glob(f"*.{kind}"))
        assert len(found) == 1, found
        return found[0]

    def snapshot(self) -> dict[str, Any]:
        """Every file and link below the inventory's folder."""
        found: dict[str, Any] = {}
        for path in sorted(self.folder.rglob("*")):
            name = str(path.relative_to(self.folder))
            if path.is_symlink():
                found[name] = ("link", os.readlink(path))
            elif path.is_file():
                found[name] = (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes())
            else:
                found[name] = "folder"
        return found

    def verify(self, sensor: str) -> None:
        """The bundle holds together, says OpenSSL."""
        certificate, key, chain = (self.file(sensor, kind) for kind in ("crt", "key", "pem"))
        run("openssl", "verify", "-x509_strict", "-CAfile", self.root, "-untrusted", chain, certificate)
        public = run("openssl", "x509", "-in", certificate, "-noout", "-pubkey")
        passphrase = self.sensors[sensor] or {}
        secret = passphrase.get("sensor_certificates_key_passphrase", "unused")
        assert run("openssl", "pkey", "-in", key, "-passin", f"pass:{secret}", "-pubout") == public
        assert key.stat().st_mode & 0o777 == 0o600


def run(*command: object) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def names(count: int) -> dict[str, dict[str, Any]]:
    return {f"sensor-{number}.plant.example": {} for number in range(1, count + 1)}
