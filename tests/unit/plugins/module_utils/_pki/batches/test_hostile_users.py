# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A local user who may write where root stages, converts and publishes makes root read, write and delete nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import corporate_pki as pki
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches import stage

sys.path.insert(0, str(Path(__file__).resolve().parents[5] / "support"))
from hostile import MISSING, UID, UNTOUCHED, USER, play

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
HOME = f"/home/{USER}"
SENSOR = "sensor-1.plant.example"
PKI = stage.__name__.rpartition(".batches")[0]
# Two sensors are staged from files, a request waits, and the old bundles go; whatever is refused is printed.
PROGRAM = f"""
import os
from {PKI}.batches.stage import StageOptions, stage_batch
from {PKI}.state.ledger import Ledger
from {PKI}.state.stage_folder import StageFolder
from {PKI}.state.waiting import WaitingKey, WaitingKeys
from {PKI}.conversion.task import run as convert

def attempt(work):
    try:
        return work()
    except Exception as error:
        print(type(error).__name__, error)

def staging(base, name="a"):
    files = {{kind: "/home/.own/bundle." + end for kind, end in
             (("certificate", "crt"), ("private_key", "key"), ("chain", "pem"))}}
    for outcome in stage_batch([{{"name": name, **files}}], StageFolder(base + "/staged"),
                               StageOptions(lock_timeout=0.0, keep_previous=0), Ledger("/home/.own/ledger"))[0]:
        print(outcome.name, outcome.action, *outcome.errors)

def waiting(base):
    keys = WaitingKeys(base + "/staged")
    entry = WaitingKey("a", "ab" * 32, "corp", "2026-01-01T00:00:00Z", b"key", b"csr")
    keys.add(entry)
    print(len(keys.of("a")))
    keys.remove(entry)
    keys.forget("a")

def converting(base):
    outputs = {{kind: base + "/out/made." + kind for kind in ("crt", "key", "pem")}}
    convert({{"src": ["/home/.own/bundle.crt", "/home/.own/bundle.key", "/home/.own/bundle.pem"], "outputs": outputs}},
            False, False)
"""


def script(tmp_path: Path) -> str:
    """Makes the bundle that root stages, and a stage directory that the user may write in."""
    made = pki.sensor(SENSOR)
    for end, content in (("crt", made.crt), ("key", made.private()), ("pem", pki.chain())):
        (tmp_path / f"bundle.{end}").write_bytes(content)
    return f"""
    cp {tmp_path}/bundle.* /home/.own/ && chmod 0700 /home/.own && chmod 0600 /home/.own/bundle.key
    as_user mkdir -m 0755 {HOME}/staged {HOME}/out
    """


PLANTS = [
    "mkdir .store && ln -s /home/safe .store/a",
    "ln -s /home/safe .store",
    "mkdir -p .store/a && ln -s /home/safe .store/a/20200101T000000Z-ABC && ln -s /home/safe .store/a/.new-abc",
    "mkdir -p .store/a/20200101T000000Z-ABC && ln -s /home/safe/secret .store/a/20200101T000000Z-ABC/a.key",
    "mkdir .locks && ln -s /home/safe/made .locks/sensors.lock",
    "mkdir .locks && ln -s /home/safe/secret .locks/sensors.lock",
    "mkdir .locks && mkfifo .locks/sensors.lock",
    "mkdir .locks && mkfifo .locks/other-1.json && ln -s /home/safe/secret .locks/other-2.json",
    "ln -s /home/safe .locks",
    "ln -s /home/safe a",
    "mkdir a && ln -s /home/safe/secret a/a.key",
    "mkfifo a",
    "ln -s /home/safe .waiting",
    "mkdir .waiting && ln -s /home/safe .waiting/a",
    "mkdir -p .waiting/a && ln -s /home/safe .waiting/a/abababababababab && ln -s /home/safe .waiting/a/.new-ab",
    "ln -s /home/safe ../out/made.crt.x && ln -s /home/safe/secret ../out/made.key && mkfifo ../out/made.pem",
    "rmdir ../out && ln -s /home/safe ../out",
    # A large hole where a file is read, a device that never ends, and a socket.
    "mkdir -p .waiting/a/abababababababab && truncate -s 20G .waiting/a/abababababababab/request.json",
    "mkdir -p .store/a && ln -s /dev/zero .store/a/20200101T000000Z-ABC",
]


def test_what_a_user_plants_leads_root_nowhere(tmp_path: Path) -> None:
    """Each plant has a place of its own: a stage directory, and a folder beside it for what is converted."""
    planted = "\n".join(
        f"as_user mkdir -p {HOME}/{number}/staged {HOME}/{number}/out && as_user sh -c 'cd {HOME}/{number}/staged && {plant}'"
        for number, plant in enumerate(PLANTS)
    )
    calls = f"""
for number in range({len(PLANTS)}):
    base = f"{HOME}/{{number}}"
    print("place", number)
    for work in (staging, waiting, converting):
        attempt(lambda: work(base))
"""
    done = play(tmp_path, f"{script(tmp_path)}\n{planted}", f"{PROGRAM}\n{calls}\nprint('over')\n", timeout=120)
    assert "over" in done.stdout, done
    told = done.stdout.split("place ")[1:]
    assert len(told) == len(PLANTS)
    # Where a link or pipe is not simply replaced or removed, that it was found is told.
    assert sum("link" in text or "not a" in text or "large" in text or "bytes" in text for text in told) >= 8, told
    assert done.stdout.endswith(UNTOUCHED), done


# Puts a link to root's folder or file in place of whatever appears, as fast as it can.
ATTACK = """
import os, sys
victims = ("/home/safe", "/home/safe/secret")
turn = 0
while True:
    for folder, folders, files in os.walk(sys.argv[1]):
        for name in folders + files:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                try:
                    os.rename(path, f"/home/mallory/away/{turn}")
                    os.symlink(victims[turn % 2], path)
                    turn += 1
                except OSError:
                    pass
"""


@pytest.mark.parametrize("where", [f"{HOME}/staged", f"{HOME}/out"])
def test_who_exchanges_what_appears_gains_nothing(where: str, tmp_path: Path) -> None:
    (tmp_path / "attack.py").write_text(ATTACK)
    # The user owns the folders, so that everything in them can be moved away.
    prepared = f"""{script(tmp_path)}
    mkdir -m 0755 /home/attack && cp {tmp_path}/attack.py /home/attack/
    as_user mkdir -p {HOME}/away {HOME}/staged/.locks {HOME}/staged/.store/a {HOME}/staged/.waiting
    as_user python3 /home/attack/attack.py {where} 2>/dev/null &
    """
    work = "staging" if "staged" in where else "converting"
    done = play(
        tmp_path,
        prepared,
        f"{PROGRAM}\nfor _turn in range(15):\n    attempt(lambda: {work}('{HOME}'))\nprint('over')\n",
    )
    assert "over" in done.stdout, done
    assert done.stdout.endswith(UNTOUCHED), done


def test_root_gives_nothing_to_the_owner_of_a_folder(tmp_path: Path) -> None:
    """What root writes into a user's folder is root's, and a key is for nobody else's eyes."""
    done = play(
        tmp_path,
        script(tmp_path),
        f"{PROGRAM}\nstaging('{HOME}')\nconverting('{HOME}')\n"
        f"print(sorted({{os.stat(path).st_uid for path in ('{HOME}/out/made.key', '{HOME}/out/made.crt')}}))\n"
        f"print(oct(os.stat('{HOME}/out/made.key').st_mode), os.stat(os.path.realpath('{HOME}/staged/a')).st_uid, {UID})\n",
    )
    assert f"[0]\n0o100600 0 {UID}" in done.stdout, done
    assert done.stdout.endswith(UNTOUCHED), done


# Where root makes folders for the CA, the record, CRLs and answers.
MAKING = f"""
import datetime
from {PKI}.crl.publishing import Publisher
from {PKI}.issuers.local_ca.make import write_authority
from {PKI}.issuers.local_ca.settings import AuthoritySettings
from {PKI}.state import events
from {PKI}.state.ledger import Ledger
from {PKI.removesuffix("._pki")}._plain.files import make_folder

def attempt(work):
    try:
        work()
    except Exception as error:
        print(type(error).__name__, error)

def ca(folder):
    settings = AuthoritySettings(name="x", subject=(("C", "DE"),), passphrase="a long passphrase")
    write_authority(folder, settings, now)

now = datetime.datetime.now(datetime.timezone.utc)
for name in ("link", "link/deep/er", "dangling", "dangling/deep"):
    path = "{HOME}/" + name
    attempt(lambda: ca(path + "/local_ca"))
    attempt(lambda: Ledger(path).prepare())
    attempt(lambda: events.record(Ledger(path), "seen", [events.Event("seen", "a")], now))
    attempt(lambda: Publisher(path, Ledger("/home/.own/ledger"), None, now, ())._prepare())
    attempt(lambda: make_folder(path, 0o755))
print("over", sorted(os.listdir("/home")))
"""


def test_no_folder_is_made_where_a_users_link_leads(tmp_path: Path) -> None:
    script = f"as_user ln -s /home/safe {HOME}/link && as_user ln -s /home/new {HOME}/dangling"
    done = play(tmp_path, script, f"import os\n{MAKING}")
    assert f"over ['.own', '{USER}', 'safe']" in done.stdout, done
    assert done.stdout.count("belongs to user") == 20, done
    assert done.stdout.endswith(UNTOUCHED), done
