# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A local user of a workstation gains nothing when root has its trust stores changed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.trust import nss, stores, tools
from authorities import make
from hostile import MISSING, UID, UNTOUCHED, USER, play

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
needs_keytool = pytest.mark.skipif(not shutil.which("keytool"), reason="needs keytool (apt: default-jre-headless)")
needs_certutil = pytest.mark.skipif(not shutil.which("certutil"), reason="needs certutil (apt: libnss3-tools)")

ROOT = make("OT Root")
HOME = f"/home/{USER}"
PACKAGE = stores.__name__.rpartition(".")[0]
# What the module does as root; each argument is one of Selection.
PROGRAM = f"""
from {PACKAGE}.model import Anchor, Request
from {PACKAGE}.stores import Selection, run
anchor = Anchor({ROOT.pem.decode()!r}, {ROOT.fingerprint!r}, "OT Root", True)
def trust(present=True, **selection):
    for report in run(Selection(timeout=4, **selection), Request((anchor,), present)):
        print(report.type, report.path, "changed" if report.changed else "same", "trusted" if report.trusted else "not", report.error)
"""
# Each call of certutil tells as whom it is made, then is made.
WATCH_CERTUTIL = """
printf '#!/bin/sh\\necho "$(id -u) $HOME ${SECRET:-clean} $*" >> /home/.own/calls\\nexec /usr/bin/certutil "$@"\\n' \
  > /home/.own/certutil
touch /home/.own/calls
chmod 0777 /home/.own/calls
chmod 0755 /home/.own /home/.own/certutil
mount --bind /usr/local /usr/local
mount -t tmpfs -o mode=0755 none /usr/local
mkdir -p /usr/local/sbin
mv /home/.own/certutil /usr/local/sbin/
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin SECRET=of-root
"""
CALLS = "print(open('/home/.own/calls').read())\n"


@needs_certutil
@pytest.mark.parametrize(
    "plant",
    [
        # The file's owner is root; which libraries are loaded the user says, through a pipe or plainly.
        "ln -s /home/base/db/cert9.db /home/base/db/key4.db . && mkfifo pkcs11.txt",
        "ln -s /home/base/db/cert9.db /home/base/db/key4.db . && echo 'library=/home/mallory/x.so' > pkcs11.txt",
        "cp /home/base/db/*.db . && ln -s /home/base/db/pkcs11.txt .",
        "cd .. && rmdir nssdb && ln -s /home/base/db nssdb",
        "mkfifo cert9.db",
        "mkdir cert9.db",
        "mkdir moved && cp /home/base/db/* moved && rm -rf moved && ln -s / cert9.db",
    ],
)
def test_certutil_is_never_run_as_root_in_a_home(plant: str, tmp_path: Path) -> None:
    script = f"""{WATCH_CERTUTIL}
    mkdir -p -m 0755 /home/base/db && certutil -N --empty-password -d sql:/home/base/db </dev/null
    chmod 0644 /home/base/db/*
    as_user mkdir -p -m 0700 {HOME}/.pki/nssdb
    as_user sh -c 'cd {HOME}/.pki/nssdb && {plant}'
    : > /home/.own/calls
    """
    done = play(tmp_path, script, f"{PROGRAM}\ntrust(kinds=('nss',), nss_users=('{USER}',))\n{CALLS}")
    calls = [line for line in done.stdout.split("---")[0].splitlines() if f"sql:{HOME}" in line]
    assert all(line.startswith(f"{UID} {HOME} clean") for line in calls), done
    assert done.stdout.endswith(UNTOUCHED), done


@needs_certutil
@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (f"chown {UID} /home/base/db/pkcs11.txt", f"pkcs11.txt belongs to user {UID}, and its folder to user 0"),
        ("chmod 0666 /home/base/db/pkcs11.txt", "pkcs11.txt can be written by others (mode 0666)"),
        ("chmod 0664 /home/base/db/cert9.db", "cert9.db can be written by others (mode 0664)"),
        ("chmod 0777 /home/base/db", "can be written by others (mode 0777)"),
        ("chmod 1777 /home/base/db", "can be written by others (mode 1777)"),
        ("chmod 0777 /home/base", "/home/base can be written by others"),
        (f"chown {UID} /home/base", f"/home/base belongs to user {UID}"),
        ("mv /home/base/db/key4.db /home/base/k && ln -s ../k /home/base/db/key4.db", "key4.db is a link"),
        ("mv /home/base/db /home/base/x && ln -s x /home/base/db", "is a link where none belongs"),
        ("rm /home/base/db/pkcs11.txt && mkfifo /home/base/db/pkcs11.txt", "pkcs11.txt is no regular file"),
        (f"ln -s /home/base {HOME}/db && chown -h {UID} {HOME}/db", "belongs to user"),
    ],
)  # fmt: skip
def test_a_named_database_that_others_could_exchange_is_refused(plant: str, words: str, tmp_path: Path) -> None:
    script = f"""{WATCH_CERTUTIL}
    mkdir -p -m 0755 /home/base/db && certutil -N --empty-password -d sql:/home/base/db </dev/null
    chmod 0644 /home/base/db/*
    {plant}
    : > /home/.own/calls
    """
    place = f"{HOME}/db/db" if HOME in plant else "/home/base/db"
    done = play(tmp_path, script, f"{PROGRAM}\ntrust(kinds=('nss',), nss_databases=('{place}',))\n{CALLS}")
    assert words in done.stdout, done
    assert "is not used" in done.stdout or HOME in place, done
    assert "sql:" not in done.stdout, "certutil was run"


@needs_certutil
def test_people_still_get_what_they_need(tmp_path: Path) -> None:
    script = f"""{WATCH_CERTUTIL}
    mkdir -p -m 0755 /home/base/db && certutil -N --empty-password -d sql:/home/base/db </dev/null
    as_user mkdir -p -m 0700 {HOME}/.mozilla/firefox/profile
    as_user certutil -N --empty-password -d sql:{HOME}/.mozilla/firefox/profile </dev/null
    as_user mkdir -m 0700 {HOME}/app
    as_user certutil -N --empty-password -d sql:{HOME}/app </dev/null
    : > /home/.own/calls
    """
    done = play(
        tmp_path,
        script,
        f"{PROGRAM}\ntrust(kinds=('nss',), nss_users=('{USER}',))\n"
        f"trust(kinds=('nss',), nss_databases=('{HOME}/app', '/home/base/db'))\n{CALLS}",
    )
    told, calls = done.stdout.split("---")[0], done.stdout
    for path in (f"{HOME}/.pki/nssdb", f"{HOME}/.mozilla/firefox/profile", f"{HOME}/app", "/home/base/db"):
        assert f"nss {path} changed trusted" in told, done
        uid = 0 if path == "/home/base/db" else UID
        users = {line.split()[0] for line in calls.splitlines() if f"sql:{path}" in line}
        assert users == {str(uid)}, done


@needs_certutil
def test_one_home_cannot_hold_up_the_others(tmp_path: Path) -> None:
    """Databases whose reading never ends, many of them: one call's time for all."""
    script = f"""{WATCH_CERTUTIL}
    for number in 1 2 3 4 5; do
      as_user mkdir -p {HOME}/.mozilla/firefox/$number
      as_user certutil -N --empty-password -d sql:{HOME}/.mozilla/firefox/$number </dev/null
      as_user rm {HOME}/.mozilla/firefox/$number/pkcs11.txt
      as_user mkfifo {HOME}/.mozilla/firefox/$number/pkcs11.txt
    done
    : > /home/.own/calls
    """
    program = PROGRAM.replace("timeout=4", "timeout=2")
    done = play(tmp_path, script, f"{program}\ntrust(kinds=('nss',))\n{CALLS}")
    assert "did not end within" in done.stdout, done
    assert done.stdout.count("the calls before it have taken all the time there is") == 4, done


def test_a_home_with_very_many_databases_is_cut(tmp_path: Path) -> None:
    for number in range(nss.MAX_IN_A_HOME + 5):
        profile = tmp_path / ".mozilla" / "firefox" / str(number)
        profile.mkdir(parents=True)
        (profile / "cert9.db").touch()
    script = f"cp -r {tmp_path}/.mozilla {HOME}/ && chown -R {UID} {HOME}"
    done = play(tmp_path, script, f"from {PACKAGE}.nss import discover\nprint(len(discover()))\n")
    assert int(done.stdout.split()[0]) <= nss.MAX_IN_A_HOME + 1, done


KEYSTORE = f"{HOME}/app/lib/security/cacerts"


@needs_keytool
@pytest.mark.parametrize(
    "plant",
    [
        # The user's own program, wherever a Java would have it.
        f"as_user mkdir {HOME}/app/bin && as_user cp /home/.own/keytool {HOME}/app/bin/",
        f"as_user mkdir {HOME}/bin && as_user cp /home/.own/keytool {HOME}/bin/",
        f"as_user mkdir {HOME}/app/lib/bin && as_user cp /home/.own/keytool {HOME}/app/lib/bin/",
        # Root's program in a place where the user can put another.
        f"mkdir {HOME}/app/bin && cp /home/.own/keytool {HOME}/app/bin/",
        f"ln -s /home/.own/bin {HOME}/app/bin && mkdir -m 0777 /home/.own/bin && cp /home/.own/keytool /home/.own/bin/",
        # The way to all tools.
        f"as_user mkdir {HOME}/bin && as_user cp /home/.own/keytool {HOME}/bin/ && export PATH={HOME}/bin:$PATH",
        f"cp /home/.own/keytool {HOME}/ && cd {HOME} && export PATH=.:$PATH",
    ],
)
def test_root_never_runs_a_program_that_a_user_could_put_there(plant: str, tmp_path: Path) -> None:
    script = f"""
    printf '#!/bin/sh\\necho "PROGRAM OF THE USER $OT_PKI_STOREPASS" >&2; exec /usr/bin/keytool "$@"\\n' \
      > /home/.own/keytool
    chmod 0755 /home/.own /home/.own/keytool
    as_user mkdir -p {HOME}/app/lib/security
    as_user keytool -genkeypair -alias x -keyalg EC -dname CN=x -keystore {KEYSTORE} -storepass changeit 2>/dev/null
    {plant}
    """
    program = f"""{PROGRAM}
import subprocess
real, seen = subprocess.Popen, []
def watched(command, **more):
    seen.append(command)
    return real(command, **more)
subprocess.Popen = watched
trust(kinds=('java',), java_keystores=('{KEYSTORE}',))
print([part for command in seen for part in command if 'changeit' in part], {{command[0] for command in seen}})
"""
    done = play(tmp_path, script, program)
    assert f"java {KEYSTORE} changed trusted" in done.stdout, done
    assert "[] {'/usr/bin/keytool'}" in done.stdout, done
    assert "PROGRAM OF THE USER" not in done.stdout + done.stderr
    assert done.stdout.endswith(UNTOUCHED), done


# Everything a Java loads beside its program; each of it would run as root.
JAVA = "/home/opt/jre"


@needs_keytool
@pytest.mark.parametrize(
    "plant",
    [
        f"chown {UID} {JAVA}/lib",
        f"chown {UID} {JAVA}/lib/security",
        f"touch {JAVA}/lib/libjli.so && chmod 0666 {JAVA}/lib/libjli.so",
        f"mkdir -p {JAVA}/conf/security && chmod 0777 {JAVA}/conf/security",
        f"as_user touch {HOME}/java.security && mkdir {JAVA}/conf && ln -s {HOME}/java.security {JAVA}/conf/",
        f"as_user mkdir {HOME}/ext && ln -s {HOME}/ext {JAVA}/lib/ext",
        f"ln -s {HOME}/later.so {JAVA}/lib/later.so",
    ],
)
def test_a_java_of_which_a_part_is_a_users_is_not_run(plant: str, tmp_path: Path) -> None:
    script = f"""
    mkdir -p {JAVA}/bin {JAVA}/lib/security
    touch {JAVA}/lib/security/cacerts
    # Whose the keystore is does not matter.
    chown {UID} {JAVA}/lib/security/cacerts
    cp /bin/true {JAVA}/bin/keytool
    """
    program = f"""
from {PACKAGE}.java import JavaStore
from {PACKAGE}.tools import Runner
print(JavaStore("{JAVA}/lib/security/cacerts", "", Runner())._tool())
"""
    done = play(tmp_path, script, program)
    assert done.stdout.startswith(f"{JAVA}/bin/keytool\n"), done
    done = play(tmp_path, script + plant, program)
    assert done.stdout.startswith("/usr/bin/keytool\n"), done


@needs_keytool
@pytest.mark.parametrize("name", ["store", "java/lib/security/cacerts"])
def test_a_keystore_that_is_a_users_link_is_not_followed(name: str, tmp_path: Path) -> None:
    script = f"""
    keytool -genkeypair -alias x -keyalg EC -dname CN=x -keystore /home/.own/store -storepass changeit
    as_user mkdir -p {HOME}/java/lib/security && as_user ln -s /home/.own/store {HOME}/{name}
    """
    program = f"""{PROGRAM}
def content():
    return open('/home/.own/store', 'rb').read()
before = content()
for path in ('{HOME}/{name}', '{HOME}/java'):
    try:
        trust(kinds=('java',), java_keystores=(path,))
    except Exception as error:
        print(error)
print(content() == before)
"""
    done = play(tmp_path, script, program)
    assert done.stdout.count(f"a link that belongs to user {UID}"), done
    assert done.stdout.split("---")[0].endswith("True\n"), done


def test_tools_get_the_home_of_the_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What sudo left in HOME is another user's, and p11-kit loads what a file there names."""
    monkeypatch.setenv("HOME", str(tmp_path))
    told = tools.Runner().must(["/usr/bin/env"])
    assert f"HOME={pwd.getpwuid(os.geteuid()).pw_dir}\n" in told


def test_what_an_accounts_certutil_prints_is_read_in_linear_time() -> None:
    """Read in quadratic time, a line of blanks would hold root up for days."""
    lines = ["Certificate Nickname      Trust Attributes", "a name  with blanks     C,,", " x  C,,", "-d  ,,", ",,", ""]
    program = f"from {PACKAGE}.nss import _listed\nprint(_listed(sys.stdin.read()))"
    hostile = "\n".join([*lines, "x" + " " * 3_000_000 + "y", "x " * 1_000_000 + "C,,c"])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.path[:] = {sys.path!r}\n{program}"],
        input=hostile,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("[('a name  with blanks', 'C,,'), ('-d', ',,')"), done


# Puts a link to root's file, or to root's folder, in place of whatever appears in the user's folder.
ATTACK = """
import os, sys
folder, victim = sys.argv[1:]
known = set(os.listdir(folder))
while True:
    for name in os.listdir(folder):
        if name not in known:
            try:
                os.unlink(f"{folder}/{name}")
                os.symlink(victim, f"{folder}/{name}")
            except OSError:
                pass
"""


@pytest.mark.parametrize("victim", ["/home/safe/secret", "/home/safe/made-by-root"])
def test_what_appears_in_a_users_folder_cannot_be_exchanged_to_gain_anything(victim: str, tmp_path: Path) -> None:
    (tmp_path / "attack.py").write_text(ATTACK)
    script = f"""
    cp {tmp_path}/attack.py /home/.own/ && chmod 0755 /home/.own
    as_user touch {HOME}/ca.pem
    as_user /usr/bin/python3 /home/.own/attack.py {HOME} {victim} &
    """
    program = f"""{PROGRAM}
import os
for number in range(40):
    for present in (True, False):
        try:
            trust(present, kinds=('bundle',), bundles=('{HOME}/ca.pem',))
        except Exception as error:
            print(type(error).__name__)
"""
    program = program.replace(
        "import os\n", f"import os\nimport {PACKAGE}.bundle as b\nb.BundleStore.distrusts = lambda s, a: ''\n"
    )
    done = play(tmp_path, script, program)
    assert "bundle" in done.stdout, done
    assert done.stdout.endswith(UNTOUCHED), done


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (f"as_user ln -s /home/safe/secret {HOME}/ca.pem", "a link that belongs to user"),
        (f"as_user ln -s /home/safe {HOME}/folder", "a link that belongs to user"),
        (f"as_user mkfifo {HOME}/ca.pem", "is not a regular file"),
        (f"as_user mkdir {HOME}/ca.pem", "is not a regular file"),
    ],
)
def test_a_bundle_that_leads_elsewhere_is_refused(plant: str, words: str, tmp_path: Path) -> None:
    path = f"{HOME}/folder/secret" if "folder" in plant else f"{HOME}/ca.pem"
    done = play(tmp_path, plant, f"{PROGRAM}\ntrust(kinds=('bundle',), bundles=({path!r},))\n")
    assert words in done.stdout, done
    assert done.stdout.endswith(UNTOUCHED), done


def test_a_file_that_was_linked_into_a_home_keeps_its_owner_and_mode(tmp_path: Path) -> None:
    """A hard link to root's file under the bundle's name: the new file is no more readable than what was read."""
    script = f"ln /home/safe/secret {HOME}/ca.pem"
    done = play(tmp_path, script, f"{PROGRAM}\ntrust(kinds=('bundle',), bundles=('{HOME}/ca.pem',))\nimport os\n"
                f"s = os.stat('{HOME}/ca.pem')\nprint(s.st_uid, oct(s.st_mode))\n")  # fmt: skip
    assert "0 0o100600" in done.stdout, done
    assert done.stdout.endswith(UNTOUCHED), done
