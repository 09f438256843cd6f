# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each kind of store, with the tool that its users have (keytool, certutil, openssl)."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import PkiError
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.trust import system, wholeness
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.trust.bundle import BundleStore
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.trust.engine import apply
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.trust.java import JavaStore
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.trust.model import (
    Anchor,
    Report,
    Request,
    Store,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.trust.nss import NssStore
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.trust.stores import Selection, run
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.trust.system import Mechanism, SystemStore
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.trust.tools import Runner
from authorities import Made, make

ROOT, NEXT, THEIRS = make("OT Root"), make("OT Root 2", key=1), make("Their Root", key=2)
RUNNER = Runner(60)

needs_keytool = pytest.mark.skipif(not shutil.which("keytool"), reason="needs keytool (apt: default-jre-headless)")
needs_certutil = pytest.mark.skipif(not shutil.which("certutil"), reason="needs certutil (apt: libnss3-tools)")


def anchor(made: Made) -> Anchor:
    name = made.certificate.subject.rfc4514_string().partition("=")[2]
    return Anchor(made.pem.decode(), made.fingerprint, name, True)


def ask(store: Store, *wanted: Made, present: bool = True, **more: object) -> Report:
    told = frozenset(more.pop("told", ()))  # type: ignore[call-overload]
    return apply(store, Request(tuple(map(anchor, wanted)), present, told=told, **more))  # type: ignore[arg-type]


def keytool(path: Path, *arguments: str) -> str:
    command = ["keytool", *arguments, "-keystore", str(path), "-storepass", "changeit"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def a_bundle(folder: Path) -> Store:
    (folder / "ca.pem").write_bytes(b"# people's words\n" + THEIRS.pem)
    return BundleStore(str(folder / "ca.pem"), RUNNER)


def a_keystore(folder: Path) -> Store:
    path = folder / "cacerts"
    (folder / "theirs.pem").write_bytes(THEIRS.pem)
    keytool(path, "-importcert", "-noprompt", "-alias", "theirs", "-file", str(folder / "theirs.pem"))
    path.chmod(0o640)
    return JavaStore(str(path), "changeit", RUNNER)


def a_database(folder: Path) -> Store:
    database = folder / "nssdb"
    database.mkdir()
    (folder / "theirs.pem").write_bytes(THEIRS.pem)
    for arguments in (
        ["-N", "--empty-password"],
        ["-A", "-n", "theirs", "-t", "C,,", "-a", "-i", str(folder / "theirs.pem")],
    ):
        command = ["certutil", *arguments, "-d", f"sql:{database}"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=30)
    return NssStore(str(database), RUNNER)


KINDS = [
    pytest.param(a_bundle, id="bundle"),
    pytest.param(a_keystore, id="java", marks=needs_keytool),
    pytest.param(a_database, id="nss", marks=needs_certutil),
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_life_of_an_authority(kind: object, tmp_path: Path) -> None:
    store = kind(tmp_path)  # type: ignore[operator]
    planned = ask(store, ROOT, check_mode=True)
    assert (planned.changed, planned.trusted, planned.error) == (True, False, "")
    assert not ask(store, ROOT, present=False).changed

    first = ask(store, ROOT)
    assert (first.changed, first.trusted, first.added, first.error) == (True, True, [ROOT.fingerprint], "")
    assert first.verified_by
    again = ask(store, ROOT)
    assert (again.changed, again.trusted) == (False, True)

    # What others installed counts as trusted, and stays.
    assert not ask(store, THEIRS).changed
    left = ask(store, THEIRS, present=False)
    assert (left.changed, left.left, left.trusted) == (False, [THEIRS.fingerprint], True)

    # A change of CA: both are trusted until told otherwise.
    overlap = ask(store, NEXT)
    assert (overlap.changed, overlap.removed) == (True, [])
    assert {ROOT.fingerprint, NEXT.fingerprint, THEIRS.fingerprint} == {entry.fingerprint for entry in store.held()}
    ended = ask(store, NEXT, remove_former=True)
    assert ended.removed == [ROOT.fingerprint]
    assert {NEXT.fingerprint, THEIRS.fingerprint} == {entry.fingerprint for entry in store.held()}

    gone = ask(store, NEXT, present=False)
    assert (gone.changed, gone.trusted, gone.error) == (True, False, "")
    told = ask(store, present=False, told={THEIRS.fingerprint})
    assert (told.changed, told.removed) == (True, [THEIRS.fingerprint])
    assert store.held() == []


def test_a_bundle_is_made_and_keeps_what_people_wrote(tmp_path: Path) -> None:
    store = BundleStore(str(tmp_path / "new.pem"), RUNNER)
    assert ask(store, ROOT).trusted
    assert (tmp_path / "new.pem").read_bytes().startswith(b"# ot_pki.defender_iot: ot_pki_OT_Root_")
    theirs = a_bundle(tmp_path)
    before = (tmp_path / "ca.pem").read_bytes()
    ask(theirs, ROOT)
    ask(theirs, ROOT, present=False)
    assert (tmp_path / "ca.pem").read_bytes() == before
    assert "folder does not exist" in ask(BundleStore(str(tmp_path / "no" / "x.pem"), RUNNER), ROOT).error


@needs_keytool
def test_a_keystore_keeps_its_mode_and_a_wrong_password_is_told(tmp_path: Path) -> None:
    store = a_keystore(tmp_path)
    ask(store, ROOT)
    assert stat.S_IMODE(os.stat(store.path).st_mode) == 0o640
    assert ROOT.pem.decode().splitlines()[1] in keytool(Path(store.path), "-list", "-rfc")
    wrong = ask(JavaStore(store.path, "not-it-at-all", RUNNER), NEXT)
    assert "does not open with the password given; set java_password" in wrong.error
    assert not wrong.changed


@needs_certutil
def test_a_database_with_a_password_is_told_and_not_waited_for(tmp_path: Path) -> None:
    database = tmp_path / "nssdb"
    database.mkdir()
    (tmp_path / "password").write_text("secret-1234\n")
    command = ["certutil", "-N", "-f", str(tmp_path / "password"), "-d", f"sql:{database}"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=30)
    report = ask(NssStore(str(database), Runner(20)), ROOT)
    assert "protected by a password" in report.error


@needs_certutil
def test_trust_is_given_to_a_certificate_that_has_none(tmp_path: Path) -> None:
    store = a_database(tmp_path)
    command = ["certutil", "-M", "-n", "theirs", "-t", ",,", "-d", f"sql:{store.path}"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=30)
    report = ask(store, THEIRS)
    assert (report.changed, report.trusted, report.error) == (True, True, "")
    assert not ask(store, THEIRS).changed


@needs_certutil
def test_a_mark_that_something_is_not_to_be_trusted_is_honoured(tmp_path: Path) -> None:
    store = a_database(tmp_path)
    command = ["certutil", "-M", "-n", "theirs", "-t", "p,p,p", "-d", f"sql:{store.path}"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=30)
    report = ask(store, THEIRS)
    assert "has the mark that Their Root is not to be trusted" in report.error
    assert not any(entry.trusted for entry in store.held())


# A stand-in for a distribution's command: it makes the bundle from the folder, as they all do in the end.
STAND_IN = """#!/bin/sh
[ -e "$1/fails" ] && {{ echo "E: Could not get lock /var/lib/dpkg/lock-frontend" >&2; exit 100; }}
cat "$1"/anchors/*.crt "$1"/distribution.pem > "$1/bundle.pem" 2>/dev/null || true
"""


@pytest.fixture
def mechanism(tmp_path: Path) -> Mechanism:
    tool = tmp_path / "update-ca-stand-in"
    tool.write_text(STAND_IN.format())
    tool.chmod(0o755)
    (tmp_path / "distribution.pem").write_bytes(THEIRS.pem)
    (tmp_path / "bundle.pem").write_bytes(THEIRS.pem)
    bundle = str(tmp_path / "bundle.pem")
    command = (str(tool), str(tmp_path))
    return Mechanism("stand-in", str(tmp_path), str(tmp_path / "anchors"), command, bundle, ("-CAfile", bundle), "test")


def test_a_system_store_by_a_stand_in(mechanism: Mechanism) -> None:
    store = SystemStore(mechanism, RUNNER)
    assert ask(store, ROOT, check_mode=True).changed
    assert not os.path.exists(mechanism.folder)
    first = ask(store, ROOT)
    assert (first.changed, first.trusted, first.error) == (True, True, "")
    assert not ask(store, ROOT).changed
    assert not ask(store, THEIRS).changed, "the distribution's own list counts"
    # Under another name it is the same certificate.
    (name,) = os.listdir(mechanism.folder)
    os.rename(os.path.join(mechanism.folder, name), os.path.join(mechanism.folder, "somebody.crt"))
    assert not ask(store, ROOT).changed
    left = ask(store, ROOT, present=False)
    assert (left.changed, left.left) == (False, [ROOT.fingerprint])
    told = ask(store, ROOT, present=False, told={ROOT.fingerprint})
    assert (told.changed, told.trusted, told.error) == (True, False, "")


def test_a_locked_tool_is_told_and_leaves_nothing_behind(mechanism: Mechanism) -> None:
    store = SystemStore(mechanism, RUNNER)
    lock = Path(mechanism.mark) / "fails"
    lock.touch()
    report = ask(store, ROOT)
    assert "held up by another process" in report.error
    assert os.listdir(mechanism.folder) == []
    lock.unlink()
    assert ask(store, ROOT).trusted
    lock.touch()
    assert ask(store, ROOT, present=False).error
    assert len(os.listdir(mechanism.folder)) == 1, "so that the next run tries again"


def test_a_run_that_was_cut_off_is_finished_by_the_next(mechanism: Mechanism) -> None:
    store = SystemStore(mechanism, RUNNER)
    ask(store, ROOT)
    Path(mechanism.bundle).write_bytes(THEIRS.pem)  # the file is there, the command did not run
    healed = ask(store, ROOT)
    assert (healed.changed, healed.trusted) == (True, True)
    for name in os.listdir(mechanism.folder):
        os.unlink(os.path.join(mechanism.folder, name))  # removed, the command did not run
    gone = ask(store, ROOT, present=False, told={ROOT.fingerprint})
    assert (gone.trusted, gone.error) == (False, "")


def test_what_the_distribution_brings_cannot_be_removed_and_that_is_told(mechanism: Mechanism) -> None:
    report = ask(SystemStore(mechanism, RUNNER), present=False, told={THEIRS.fingerprint})
    assert "comes from elsewhere" in report.error


def test_of_a_file_with_several_only_the_told_one_goes(mechanism: Mechanism) -> None:
    os.mkdir(mechanism.folder)
    several = Path(mechanism.folder) / "several.crt"
    several.write_bytes(NEXT.pem + b"# words\n" + ROOT.pem)
    store = SystemStore(mechanism, RUNNER)
    ask(store, NEXT)
    ask(store, present=False, told={ROOT.fingerprint})
    assert several.read_bytes() == NEXT.pem + b"# words\n"


@pytest.mark.parametrize(
    ("folders", "tool", "name"),
    [
        (["etc/pki/ca-trust/source"], "update-ca-trust", "rhel"),
        (["etc/ca-certificates/trust-source"], "update-ca-trust", "arch"),
        (["etc/pki/trust"], "update-ca-certificates", "suse"),
        (["usr/share/ca-certificates"], "update-ca-certificates", "debian"),
        (["etc/alpine-release", "usr/share/ca-certificates"], "update-ca-certificates", "alpine"),
        (["usr/share/ca-certificates"], "update-ca-trust", None),
        ([], "update-ca-certificates", None),
    ],
)
def test_the_family_is_told_by_its_folder_and_command(
    folders: list[str], tool: str, name: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(system, "find", lambda wanted: f"/usr/sbin/{tool}" if wanted == tool else None)
    found = system.detect(str(tmp_path))
    assert (found.name if found else None) == name


def test_a_host_without_any_store_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{run.__module__}.detect", lambda: None)
    request = Request((anchor(ROOT),), True)
    with pytest.raises(PkiError, match="no system trust store that is known here"):
        run(Selection(kinds=("system",)), request)
    monkeypatch.setattr(f"{run.__module__}.java.discover", list)
    monkeypatch.setattr(f"{run.__module__}.nss.discover", list)
    with pytest.raises(PkiError, match="install the package ca-certificates"):
        run(Selection(), request)


def test_named_stores_that_do_not_exist_are_told(tmp_path: Path) -> None:
    request = Request((anchor(ROOT),), True)
    with pytest.raises(PkiError, match=r"java_keystores has .*, which does not exist"):
        run(Selection(kinds=("java",), java_keystores=(str(tmp_path / "no"),)), request)
    with pytest.raises(PkiError, match="no such user"):
        run(Selection(kinds=("nss",), nss_users=("nobody-of-this-name",)), request)
    with pytest.raises(PkiError, match="bundles names no file"):
        run(Selection(kinds=("bundle",)), request)


def test_a_tool_that_hangs_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(PkiError, match=r"did not end within 0\.2 seconds"):
        Runner(0.2).run([sys.executable, "-c", "import threading; threading.Event().wait(30)"])


def test_what_the_tool_distrusts_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = a_bundle(tmp_path)
    ask(store, ROOT)
    monkeypatch.setattr(store, "distrusts", lambda _anchor: "on the blocklist")
    report = ask(store, ROOT)
    assert (report.changed, report.trusted) == (False, False)
    assert "does not trust what was installed" in report.error
    assert "on the blocklist" in report.error


def test_a_folder_of_links_that_lead_back_is_looked_through_once(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).symlink_to(tmp_path)
    (tmp_path / "x.crt").touch()
    assert list(wholeness._found(str(tmp_path))) == [str(tmp_path / "x.crt")]
