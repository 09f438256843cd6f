# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bundles that Apache serves to real clients: what they say of each must go with what ``cert_validate`` says.

The outcome is the page docs/clients.md, which must be current; ``tools/generate_clients_page.py`` writes it anew.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]
import clients  # noqa: E402
import clients_page  # noqa: E402
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import (  # noqa: E402
    DEFENDER_IOT,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation import engine  # noqa: E402
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.model import (  # noqa: E402
    Bundle,
    Policy,
    Source,
)
from apache import Served, apache, free_ports  # noqa: E402
from clients_page import Row  # noqa: E402
from faulty_bundles import TWINS, Made, faulty_bundles  # noqa: E402
from fleet import Fleet  # noqa: E402

MAKER = Path(__file__).parents[1] / "unit/plugins/module_utils/_pki/validation/make-certificates"
PASSPHRASE = "Fit-for_a.Sensor1"
LACKING = {**clients.missing(), **({} if Path("/usr/sbin/apache2").exists() else {"Apache": ["apache2"]})}


def staged(ansible: Any, folder: Path) -> list[Made]:
    """What the collection stages: of its own CA with one tier and with two, and received from elsewhere."""
    foreign = folder / "two" / "defender_iot_pki" / "inbox"
    foreign.mkdir(parents=True)
    subprocess.run([str(MAKER), "openssl"], cwd=foreign, check=True, capture_output=True, timeout=60)
    for unwanted in [
        path for path in foreign.iterdir() if path.name not in ("sensor.crt", "sensor.key", "sensor.pem", "root.crt")
    ]:
        unwanted.unlink()
    received = {"sensor_certificates_issuer": "received", "sensor_certificates_common_name": "sensor-1.plant.example"}
    protected = {"sensor_certificates_key_passphrase": PASSPHRASE}
    two = {
        "two-2048": ("two tiers, 2048 bits", {}),
        "two-4096": ("two tiers, 4096 bits", {"sensor_certificates_key_size": 4096}),
        "two-passphrase": ("two tiers, a passphrase", protected),
        "received": ("received, made by openssl", received),
    }
    one = {
        "one-2048": ("one tier, 2048 bits", {}),
        "one-4096": (
            "one tier with a key of 4096 bits, 4096 bits",
            {"sensor_certificates_key_size": 4096, **protected},
        ),
    }
    made = []
    for name, sensors, variables in (
        ("two", two, {"import_certificates_trusted_roots": [str(foreign / "root.crt")]}),
        ("one", one, {"local_ca_tiers": 1, "local_ca_key_size": 4096}),
    ):
        hosts = {
            sensor: {"sensor_certificates_common_name": f"{sensor}.plant.example", **own}
            for sensor, (_title, own) in sensors.items()
        }
        # Two CAs of one name would be taken for each other.
        fleet = Fleet(folder / name, hosts, local_ca_name=f"Plant {name}", **variables)
        run = ansible.playbook("deploy_certs", fleet.inventory)
        assert run.code == 0, run.output
        for sensor, (title, own) in sensors.items():
            root = foreign / "root.crt" if "sensor_certificates_issuer" in own else fleet.root
            made.append(_of_files(fleet, sensor, title, hosts[sensor], root))
    return made


def _of_files(fleet: Fleet, sensor: str, title: str, variables: dict[str, Any], root: Path) -> Made:
    host = variables["sensor_certificates_common_name"]
    bundle = Bundle(
        name=sensor,
        certificate=Source.read(str(fleet.file(sensor, "crt"))),
        private_key=Source.read(str(fleet.file(sensor, "key"))),
        chain=Source.read(str(fleet.file(sensor, "pem"))),
        private_key_passphrase=variables.get("sensor_certificates_key_passphrase"),
        expected_common_name=host,
        trusted_roots=(Source.read(str(root)),),
    )
    return Made(sensor, f"staged: {title}", host, bundle, (root.read_bytes(),))


def judged(bundles: list[Made]) -> dict[str, list[str]]:
    """By slug, severity and id of what ``cert_validate`` finds; twins are judged together."""
    twins = engine.validate_bundles([made.bundle for made in bundles if made.slug in TWINS], Policy(DEFENDER_IOT))
    together = [*twins.fleet_findings]
    found = {}
    for made in bundles:
        (report,) = engine.validate_bundles([made.bundle], Policy(DEFENDER_IOT)).results
        findings = [*report.findings, *(together if made.slug in TWINS else [])]
        found[made.slug] = list(
            dict.fromkeys(f"{each.severity} {each.id}" for each in findings if each.severity != "info")
        )
    return found


def served_to_all(bundles: list[Made], folder: Path) -> list[Row]:
    """Serve all bundles to all clients."""
    folder.mkdir()
    served = [
        Served(
            made.slug, made.host, port, made.bundle.certificate.data or b"", made.bundle.private_key.data or b"",
            made.bundle.chain.data or b"", made.bundle.private_key_passphrase,
        )
        for made, port in zip(bundles, free_ports(len(bundles)), strict=True)
        if made.bundle.certificate and made.bundle.private_key and made.bundle.chain
    ]  # fmt: skip
    roots = []
    for position, data in enumerate(dict.fromkeys(root for made in bundles for root in made.roots)):
        roots.append(folder / f"root{position}.crt")
        roots[-1].write_bytes(data)
    with apache(folder / "apache", served) as refused:
        said = clients.ask_all([each for each in served if each.slug not in refused], roots, folder)
    findings = judged(bundles)
    return [
        Row(
            made.slug, made.title, tuple(findings[made.slug]),
            None if made.slug in refused else {name: said[name][made.slug] for name in said},
        )
        for made in bundles
    ]  # fmt: skip


@pytest.mark.skipif(bool(LACKING), reason=f"not installed: {LACKING}")
def test_clients_and_cert_validate_agree(ansible: Any, tmp_path: Path, checkout: Path) -> None:
    """One test, since the bundles are served once; it tells all disagreements together."""
    fit = staged(ansible, tmp_path / "site")
    rows = served_to_all([*fit, *faulty_bundles()], tmp_path / "served")
    by_slug = {row.slug: row for row in rows}
    wrong = []
    for made in fit:
        row = by_slug[made.slug]
        if row.refused_by or row.findings:
            wrong.append(f"{made.slug} is fit, and is refused by {row.said or 'Apache'}, {row.findings}")
    for row in rows:
        if row.error:
            if row.slug in clients_page.EXCEPTIONS:
                wrong.append(f"{row.slug} is an exception, and an error of cert_validate: {row.findings}")
            continue
        expected, _reason = clients_page.EXCEPTIONS.get(row.slug, (frozenset(), ""))
        if row.refused_by != expected:
            wrong.append(f"{row.slug} is valid, {row.findings}; refused by {sorted(row.refused_by)}: {row.said}")
        if expected and row.said and not row.findings:
            wrong.append(f"{row.slug} is refused by some, and there is not even a warning")
    wrong += [f"{slug} is an exception that is not served" for slug in clients_page.EXCEPTIONS if slug not in by_slug]
    assert not wrong, "\n".join(wrong)
    page = checkout / "docs" / "clients.md"
    text = clients_page.text(rows)
    if os.environ.get("OT_PKI_WRITE_CLIENTS_PAGE"):
        page.write_text(text, encoding="utf-8")
    assert clients_page.verdicts(page.read_text(encoding="utf-8")) == clients_page.verdicts(text), (
        "docs/clients.md is not current; run tools/generate_clients_page.py"
    )
