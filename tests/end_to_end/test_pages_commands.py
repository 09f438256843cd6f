# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command block of the pages for people, run in their order. A page is a story: it starts from one prepared
inventory, and what is shown below a command is looked for in its output."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
import checkout_copy
import corporate_pki
import pages
from conftest import Ansible
from console import console
from fleet import PASSPHRASE

BIN = Path(sys.executable).parent
SENSORS = ("sensor-1", "sensor-2")
# What a page's command says, and what stands in its place here.
Story = Iterator[dict[str, str]]


class Place:
    """A folder as the pages assume it: an inventory, and the secrets in a file."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = {**environment, "PATH": f"{BIN}:{os.environ['PATH']}"}
        self.variables: dict[str, Any] = {
            "local_ca_key_size": 2048,
            "crl_access_fail_on": "never",
            "crl_access_retries": 0,
        }
        self.hosts: dict[str, Any] = {
            name: {"sensor_certificates_common_name": f"{name}.plant.example"} for name in SENSORS
        }

    @property
    def staged(self) -> Path:
        return self.folder / "defender_iot_pki" / "staged"

    def write(self, **variables: Any) -> None:
        """The inventory, under both names that the pages use, and group_vars."""
        self.variables.update(variables)
        (self.folder / "group_vars").mkdir(exist_ok=True)
        content = {"sensors": {"hosts": self.hosts, "vars": self.variables}}
        for name in ("inventory.yml", "inventory"):
            (self.folder / name).write_text(yaml.safe_dump(content))
        subject = "{country: US, organization: Contoso, organizational_unit: OT Security}"
        (self.folder / "group_vars" / "sensors.yml").write_text(f"sensor_certificates_subject: {subject}\n")
        secrets = {"local_ca_passphrase": PASSPHRASE, "local_ca_new_passphrase": f"a new {PASSPHRASE}"}
        (self.folder / "secrets.yml").write_text(yaml.safe_dump(secrets))

    def run(self, block: pages.Block, replaced: dict[str, str]) -> None:
        """Run a block in one shell, so that its ``cd`` counts, and look for the output that the page shows."""
        steps = block.steps()
        script = ["set -euo pipefail"]
        for command, _shown in steps:
            for word, here in replaced.items():
                command = command.replace(word, here)
            script += ["printf '\\036'", command]
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)],
            cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{block.place}\n{done.stdout}"
        for (command, shown), output in zip(steps, done.stdout.split("\036")[1:], strict=True):
            told = " ".join(output.split())
            for line in shown:
                for part in line.split("…"):
                    wanted = " ".join(part.split())
                    for word, here in replaced.items():
                        wanted = wanted.replace(word, here)
                    assert wanted in told, f"{block.place}: {command} does not tell {wanted!r}\n{output}"

    def play(self, name: str, *more: str) -> None:
        """Run one of our playbooks, to prepare what a page takes for granted."""
        command = ["ansible-playbook", f"ot_pki.defender_iot.{name}", "-i", "inventory", "-e", "@secrets.yml", *more]
        checkout_copy.run(*command, cwd=self.folder, **self.environment)


@pytest.fixture(scope="module")
def deployed(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fleet that has its certificates; made once, copied for each page."""
    folder = tmp_path_factory.mktemp("deployed")
    place = Place(folder, Ansible(collection.parents[2], folder).environment())
    place.write()
    place.play("deploy_certs")
    return folder


@contextlib.contextmanager
def _plain(place: Place) -> Story:
    yield {"SENSOR": "sensor-1", "ACTION": "passphrase", "UPLOADED": "defender_iot_pki/staged/sensor-1"}


@contextlib.contextmanager
def _readme(place: Place) -> Story:
    """In a copy of the checkout, which make uses with this Python environment."""
    checkout_copy.copy(pages.CHECKOUT, place.folder)
    environment = place.folder / ".venv"
    environment.mkdir()
    for part in ("bin", "lib", "pyvenv.cfg"):
        (environment / part).symlink_to(BIN.parent / part)
    (environment / ".demo").touch()
    place.environment["ANSIBLE_COLLECTIONS_PATH"] = str(place.folder / "installed")
    (place.folder / "vault-password").write_text("of the file that the page's editor would have made")
    yield {}
    assert [path.name for path in (place.folder / "defender_iot_pki" / "handover").iterdir()]
    assert len([path for path in (place.folder / "demo" / "staged").iterdir() if path.name[0] != "."]) == 12


@contextlib.contextmanager
def _way_back(place: Place) -> Story:
    first = (place.staged / "sensor-1").resolve().name
    yield {"SENSOR": "sensor-1", "EARLIER": first}
    assert (place.staged / "sensor-1").resolve().name == first


@contextlib.contextmanager
def _received(place: Place) -> Story:
    inbox = place.folder / "defender_iot_pki" / "inbox"
    inbox.mkdir(parents=True)
    shutil.rmtree(place.staged)
    shutil.rmtree(place.folder / "defender_iot_pki" / "local_ca_ledger")
    (place.folder / "root.pem").write_bytes(corporate_pki.root().crt)
    for name in SENSORS:
        sensor = corporate_pki.sensor(f"{name}.plant.example")
        (inbox / f"{name}.pem").write_bytes(sensor.crt + sensor.private() + corporate_pki.chain())
    place.write(import_certificates_trusted_roots=[str(place.folder / "root.pem")])
    yield {}
    assert {path.name for path in place.staged.iterdir() if path.name[0] != "."} == set(SENSORS)


@contextlib.contextmanager
def _consoles(place: Place) -> Story:
    with contextlib.ExitStack() as stack:
        for number, name in enumerate(SENSORS, 2):
            address, folder = f"127.0.0.{number}", place.folder / f"console-{name}"
            folder.mkdir()
            port = stack.enter_context(console(place.staged / name, folder, address))
            place.hosts[name] |= {"live_check_host": address, "live_check_port": port}
        place.write()
        yield {"SENSOR": "sensor-1"}


@contextlib.contextmanager
def _from_nothing(place: Place) -> Story:
    """The page writes its own inventory."""
    for left in ("inventory.yml", "inventory", "secrets.yml", "group_vars/sensors.yml"):
        (place.folder / left).unlink()
    (block,) = [each for each in pages.blocks(pages.CHECKOUT / "docs" / "start.md") if each.language == "yaml"]
    (place.folder / "inventory.yml").write_text(block.text)
    yield {}


@contextlib.contextmanager
def _one_left(place: Place) -> Story:
    del place.hosts["sensor-2"]
    place.write()
    yield {}
    assert {path.name for path in place.staged.iterdir() if path.name[0] != "."} == {"sensor-1"}


@contextlib.contextmanager
def _own_pki(place: Place) -> Story:
    """A corporate root with its openssl.cnf, and nothing staged yet."""
    shutil.rmtree(place.folder / "defender_iot_pki")
    (place.folder / "corporate-root.crt").write_bytes(corporate_pki.root().crt)
    (place.folder / "ca.key").write_bytes(corporate_pki.root().private())
    (place.folder / "index.txt").touch()
    (place.folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca = corp\n[corp]\ndatabase = index.txt\ncertificate = corporate-root.crt\nprivate_key = ca.key\n"
        "rand_serial = yes\nnew_certs_dir = .\ndefault_md = sha256\ndefault_days = 365\nunique_subject = no\n"
        "copy_extensions = copy\npolicy = kept\nx509_extensions = usual\n[usual]\nsubjectKeyIdentifier = hash\n"
        "authorityKeyIdentifier = keyid\n[kept]\ncountryName = supplied\norganizationName = supplied\n"
        "organizationalUnitName = supplied\ncommonName = supplied\n"
    )
    issuer = {"kind": "request_folder", "trusted_roots": [str(place.folder / "corporate-root.crt")]}
    del place.hosts["sensor-2"]
    place.write(sensor_certificates_issuers={"corp": issuer}, sensor_certificates_issuer="corp")
    yield {}
    assert (place.staged / "sensor-1").is_dir()


@contextlib.contextmanager
def _inbox(place: Place) -> Story:
    yield {"/srv/inbox": str(place.staged)}


STORIES: dict[str, Callable[[Place], contextlib.AbstractContextManager[dict[str, str]]]] = {
    "README.md": _readme,
    "docs/article.md": _consoles,
    "docs/checks.md": _inbox,
    "docs/convert.md": _received,
    "docs/deploy.md": _way_back,
    "docs/live-check.md": _consoles,
    "docs/report.md": _one_left,
    "docs/start.md": _from_nothing,
    "docs/your-own-pki.md": _own_pki,
}
CONSOLES = [
    path
    for path in pages.PAGES
    if any(block.language == "console" and not block.not_run for block in pages.blocks(path))
]


@pytest.mark.parametrize("path", CONSOLES, ids=lambda path: str(path.relative_to(pages.CHECKOUT)))
def test_the_commands_of(path: Path, request: pytest.FixtureRequest, collection: Path, tmp_path: Path) -> None:
    name = str(path.relative_to(pages.CHECKOUT))
    folder = tmp_path / "site"
    place = Place(folder, Ansible(collection.parents[2], tmp_path).environment())
    if name in NEW:
        folder.mkdir()
    else:
        shutil.copytree(request.getfixturevalue("deployed"), folder, symlinks=True)
    place.write()
    with STORIES.get(name, _plain)(place) as replaced:
        for block in pages.blocks(path):
            if block.language == "console" and not block.not_run:
                place.run(block, replaced)


# Pages that begin with nothing.
NEW = {"README.md", "docs/start.md"}


def test_what_is_not_run_has_its_reason() -> None:
    left = [block for path in pages.PAGES for block in pages.blocks(path) if block.not_run]
    assert all(block.not_run and len(block.not_run) > 10 for block in left)
    assert len(left) <= 6, [block.place for block in left]
