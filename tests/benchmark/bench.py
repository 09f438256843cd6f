# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times whole commands and prints ratios, all in one run on one machine. Called by ``make bench``.

Absolute times say more about the machine than about the collection, so nothing here is asserted; the
targets are printed beside the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
BIN = Path(sys.executable).parent
COLLECTIONS = os.environ.get("OT_PKI_COLLECTIONS", str(CHECKOUT / "build" / "collections"))


def make_key(_number: int) -> None:
    rsa.generate_private_key(public_exponent=65537, key_size=2048)


def timed(*command: object, cwd: Path, environment: dict[str, str]) -> float:
    """Seconds that a whole command takes; its output is shown if it fails."""
    start = time.monotonic()
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{command} failed:\n{done.stdout[-4000:]}")
    return time.monotonic() - start


def inventory(folder: Path, count: int) -> Path:
    """Sensors as a user would write them: all variables in group_vars."""
    (folder / "group_vars").mkdir(parents=True)
    lines = "\n".join(f"sensor-{number:05d}.plant.example" for number in range(count))
    (folder / "inventory.ini").write_text(f"[sensors]\n{lines}\n")
    (folder / "group_vars" / "all.yml").write_text(
        "local_ca_passphrase: benchmark only, not a secret\n"
        "sensor_certificates_subject:\n  country: US\n  organization: Contoso\n  organizational_unit: OT Security\n"
    )
    return folder / "inventory.ini"


def keys_alone(count: int) -> float:
    """Seconds to make the keys and do nothing else, on all cores."""
    start = time.monotonic()
    with ProcessPoolExecutor() as pool:
        list(pool.map(make_key, range(count), chunksize=8))
    return time.monotonic() - start


def environment(home: Path, **more: str) -> dict[str, str]:
    """Of a run that no setting of Ansible from outside reaches."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    return {**plain, "ANSIBLE_HOME": str(home), **more}


def ours(folder: Path, count: int) -> tuple[float, float]:
    """Seconds of the first and of an unchanged run."""
    own = environment(folder / "home", ANSIBLE_COLLECTIONS_PATH=COLLECTIONS)
    command = [BIN / "ansible-playbook", "ot_pki.defender_iot.deploy_certs", "-i", inventory(folder / "ours", count)]
    return tuple(timed(*command, cwd=folder, environment=own) for _run in range(2))  # type: ignore[return-value]


def shell_loop(folder: Path, count: int) -> float:
    """Seconds that openssl in a shell loop takes, two at a time."""
    target = folder / "openssl"
    target.mkdir()
    return timed("bash", HERE / "openssl_loop.sh", target, count, cwd=folder, environment=dict(os.environ))


def usual_way(folder: Path, count: int, environment_folder: Path) -> tuple[float, float]:
    """Seconds of community.crypto, module by module and sensor by sensor, first and unchanged."""
    python = environment_folder / "bin" / "python"
    if not python.exists():
        print(f"installing the package 'ansible' into {environment_folder} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", environment_folder], check=True)
        subprocess.run(
            [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "ansible", "cryptography"],
            check=True,
        )
    own = environment(folder / "peer_home", ANSIBLE_LOCALHOST_WARNING="false")
    command = [
        environment_folder / "bin" / "ansible-playbook",
        HERE / "usual_way.yml",
        "-i",
        inventory(folder / "peer", count),
        "-f",
        "10",
        "-e",
        f"out={folder}/peer/out",
        "-e",
        f"ansible_python_interpreter={python}",
    ]
    return tuple(timed(*command, cwd=folder, environment=own) for _run in range(2))  # type: ignore[return-value]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sensors", type=int, default=1000)
    parser.add_argument("--peer-sensors", type=int, default=20, help="0: leave community.crypto out")
    parser.add_argument("--loop-sensors", type=int, default=100, help="0: leave the shell loop out")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    figures: dict[str, float] = {}
    try:
        count = arguments.sensors
        print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}", flush=True)
        print(subprocess.check_output([BIN / "ansible", "--version"], text=True).splitlines()[0], flush=True)
        figures["keys_alone"] = keys_alone(count)
        figures["first"], figures["unchanged"] = ours(folder, count)
        rows = [
            (f"{count} RSA-2048 keys alone, all cores", figures["keys_alone"], ""),
            (
                f"first run, {count} sensors",
                figures["first"],
                f"{figures['first'] / figures['keys_alone']:.2f} times the keys alone (target: at most 1.5)",
            ),
            (
                f"unchanged run, {count} sensors",
                figures["unchanged"],
                f"{figures['unchanged'] / figures['first']:.2f} of the first run (target: at most 10 s, or a third)",
            ),
        ]
        if arguments.loop_sensors:
            figures["loop"] = shell_loop(folder, arguments.loop_sensors) / arguments.loop_sensors * count
            ratio = figures["loop"] / figures["first"]
            rows.append(
                (
                    f"openssl in a shell loop, {arguments.loop_sensors} scaled",
                    figures["loop"],
                    f"ours is {ratio:.1f} times faster (target: 3)",
                )
            )
        if arguments.peer_sensors:
            peer = usual_way(folder, arguments.peer_sensors, CHECKOUT / ".venv-peer")
            for name, seconds, target in (("first", peer[0], 40), ("unchanged", peer[1], 200)):
                scaled = seconds / arguments.peer_sensors * count
                figures[f"peer_{name}"] = scaled
                rows.append(
                    (
                        f"community.crypto, {name}, {arguments.peer_sensors} scaled",
                        scaled,
                        f"ours is {scaled / figures[name]:.0f} times faster (target: {target})",
                    )
                )
        for name, seconds, remark in rows:
            print(f"{name:<48} {seconds:>9.1f} s  {remark}", flush=True)
        result = CHECKOUT / "build" / "benchmark.json"
        result.parent.mkdir(exist_ok=True)
        result.write_text(json.dumps(figures, indent=2) + "\n")
    finally:
        shutil.rmtree(folder)
    speed = HERE / "validate_speed.py"
    if speed.exists():
        print(flush=True)
        subprocess.run([sys.executable, str(speed)], check=True, env={**os.environ, "PYTHONPATH": COLLECTIONS})


if __name__ == "__main__":
    main()
