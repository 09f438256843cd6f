# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times whole commands over fleets of several sizes, and prints ratios, growth and peak memory, all in one run.

Called by ``make scale`` (``SIZES="100 1000 10000"``). Nothing is asserted: absolute times say more about the machine
than about the collection. The inventory is as people write theirs: five sites as groups, alternative names from a
template, the passphrase in a file that ansible-vault has encrypted.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import BIN, CHECKOUT, COLLECTIONS, environment, keys_alone

SITES = ("hamburg", "tulsa", "pune", "osaka", "porto")
PART = 20  # one sensor in so many is obtained anew, or described badly: 5 %


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a command took: seconds by the clock, seconds of processors, and the largest process (MiB)."""

    wall: float
    processor: float
    peak: float


def measured(command: Sequence[object], cwd: Path, environment: dict[str, str], failing: bool = False) -> Measured:
    """Run a command and measure it, with all processes that it starts and waits for.

    :param failing: whether it is to fail; its output is shown if it does otherwise.
    """
    with tempfile.TemporaryFile() as output:
        start = time.monotonic()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - start
        if (process.returncode != 0) != failing:
            output.seek(0)
            sys.exit(f"{command} ended with {process.returncode}:\n{output.read()[-4000:].decode(errors='replace')}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def inventory(folder: Path, count: int) -> Path:
    """A fleet of several sites, with two small groups for what happens later."""
    names = [f"sensor-{number:05d}" for number in range(count)]
    lines = []
    for place, site in enumerate(SITES):
        lines += [f"[site_{site}]", *(f"{name}.{site}.plant.example" for name in names[place :: len(SITES)]), ""]
    lines += ["[sensors:children]", *(f"site_{site}" for site in SITES), ""]
    hosts = [f"{name}.{SITES[number % len(SITES)]}.plant.example" for number, name in enumerate(names)]
    lines += ["[some_anew]", *hosts[::PART], "", "[some_bad]", *hosts[1::PART]]
    variables = folder / "group_vars"
    (variables / "all").mkdir(parents=True)
    (folder / "inventory.ini").write_text("\n".join(lines) + "\n")
    (folder / "vault-password").write_text("benchmark only, not a secret\n")
    secret = variables / "all" / "vault.yml"
    secret.write_text("vault_ca_passphrase: benchmark only, not a secret\n")
    subprocess.run(
        [BIN / "ansible-vault", "encrypt", "--vault-password-file", folder / "vault-password", secret],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    (variables / "all" / "main.yml").write_text(
        'local_ca_passphrase: "{{ vault_ca_passphrase }}"\n'
        "sensor_certificates_subject:\n"
        '  {country: "{{ site_country }}", organization: Contoso, organizational_unit: OT Security}\n'
        'sensor_certificates_sans: ["{{ inventory_hostname_short }}.ot.example"]\n'
    )
    for place, site in enumerate(SITES):
        (variables / f"site_{site}.yml").write_text(f"site_country: {('DE', 'US', 'IN', 'JP', 'PT')[place]}\n")
    return folder / "inventory.ini"


def runs(folder: Path, count: int) -> dict[str, Measured]:
    """Every command over one fleet, in the order in which a user would meet them."""
    path = inventory(folder, count)
    own = environment(
        folder / "home",
        ANSIBLE_COLLECTIONS_PATH=COLLECTIONS,
        ANSIBLE_VAULT_PASSWORD_FILE=str(folder / "vault-password"),
    )

    def play(name: str, *more: object, failing: bool = False) -> Measured:
        command = [BIN / "ansible-playbook", f"ot_pki.defender_iot.{name}", "-i", path, *more]
        return measured(command, folder, own, failing)

    found = {"first": play("deploy_certs"), "unchanged": play("deploy_certs")}
    extra = folder / "group_vars" / "some_anew.yml"
    extra.write_text("sensor_certificates_reissue: true\n")
    found["5 % anew"] = play("deploy_certs")
    extra.unlink()
    extra = folder / "group_vars" / "some_bad.yml"
    extra.write_text("sensor_certificates_key_size: 1024\n")
    found["5 % bad"] = play("deploy_certs", failing=True)
    extra.unlink()
    found["validate"] = play("validate_certs", "-e", f"validate_certs_folder={folder}/defender_iot_pki/staged")
    found["report"] = play("report")
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=[100, 1000])
    sizes = parser.parse_args().sizes
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}", flush=True)
    print(subprocess.check_output([BIN / "ansible", "--version"], text=True).splitlines()[0], flush=True)
    results: dict[int, dict[str, Measured]] = {}
    for count in sizes:
        keys = keys_alone(count)
        print(f"\n{count} sensors; their keys alone: {keys:.1f} s", flush=True)
        folder = Path(tempfile.mkdtemp(prefix="scale-"))
        try:
            results[count] = runs(folder, count)
        finally:
            shutil.rmtree(folder)
        before = results.get(sizes[sizes.index(count) - 1]) if sizes.index(count) else None
        for name, taken in results[count].items():
            ratio = f"{taken.wall / keys:5.2f} times the keys"
            growth = ""
            if before is not None:
                factor = count / sizes[sizes.index(count) - 1]
                growth = f", {taken.wall / before[name].wall:.1f} times as long for {factor:.0f} times as many"
            print(
                f"  {name:<10} {taken.wall:8.1f} s  {taken.processor:8.1f} s of processors  {taken.peak:5.0f} MiB  "
                f"{ratio}{growth}",
                flush=True,
            )
    result = CHECKOUT / "build" / "scale.json"
    result.parent.mkdir(exist_ok=True)
    plain = {
        str(count): {name: dataclasses.asdict(taken) for name, taken in found.items()}
        for count, found in results.items()
    }
    result.write_text(json.dumps(plain, indent=2) + "\n")


if __name__ == "__main__":
    main()
