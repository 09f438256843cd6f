# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a conversion writes belongs together, also if it is killed, or the disk fails, between two files."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import corporate_pki as pki
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.conversion import switching
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.conversion.task import run
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hostile import MISSING, UID, UNTOUCHED, USER, play

FORMER, NEXT = "sensor-1.plant.example", "sensor-2.plant.example"
CALLS = ("replace", "link", "mkdir", "unlink", "rmdir", "open")


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for name in (FORMER, NEXT):
        made = pki.sensor(name)
        found[name] = tmp_path / f"{name}.pem"
        found[name].write_bytes(made.private() + made.crt + pki.chain())
    (tmp_path / "out").mkdir()
    return found


def convert(source: Path, *kinds: str, stem: str = "s") -> dict[str, Any]:
    out = source.parent / "out"
    return run({"src": [str(source)], "outputs": {kind: str(out / f"{stem}.{kind}") for kind in kinds}}, False, False)


def name_of(out: Path, stem: str = "s") -> str:
    """The common name of the certificate, whose key lies beside it."""
    certificate = x509.load_pem_x509_certificate((out / f"{stem}.crt").read_bytes())
    # Whose key it is, is the question here; a test of its primes would cost more than all the rest.
    pem = (out / f"{stem}.key").read_bytes()
    key = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    assert certificate.public_key() == key.public_key(), "a mixed pair"
    return str(certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


def killed_at(source: Path, call: str, number: int) -> bool:
    """Convert in a process that is killed at the n-th call of a function of os; whether it came so far."""
    child = os.fork()
    if not child:
        real, count = getattr(os, call), 0

        def deadly(*arguments: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **more)

        setattr(os, call, deadly)
        try:
            convert(source, "crt", "key")
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("first", [True, False], ids=["nothing before", "others before"])
@pytest.mark.parametrize("call", CALLS)
def test_the_run_after_a_kill_finds_or_makes_a_pair(call: str, first: bool, sources: dict[str, Path]) -> None:
    out = sources[FORMER].parent / "out"
    number = 0
    while True:
        number += 1
        for path in out.iterdir():
            path.unlink()
        if not first:
            convert(sources[FORMER], "crt", "key")
        if not killed_at(sources[NEXT], call, number):
            break
        # A run that is about other files of the folder already puts it right.
        after = convert(sources[FORMER], "crt", stem="other")
        assert not after.get("failed"), after
        names = sorted(path.name for path in out.iterdir())
        there = ["other.crt", "s.crt", "s.key"]
        assert names == there or (first and names == there[:1]), (number, names)
        if len(names) == 3:
            assert name_of(out) in (FORMER, NEXT)
        assert convert(sources[NEXT], "crt", "key").get("failed") is None
        assert name_of(out) == NEXT
    assert number > 1, "was never called"


def test_the_run_that_mends_says_so(sources: dict[str, Path]) -> None:
    convert(sources[FORMER], "crt", "key")
    assert killed_at(sources[NEXT], "replace", 2)
    planned = run(
        {"src": [str(sources[NEXT])], "outputs": {"crt": str(sources[NEXT].parent / "out" / "s.crt")}}, True, False
    )
    assert "warnings" not in planned, "check mode mends nothing"
    result = convert(sources[NEXT], "crt", "key")
    assert "a run was cut off while it changed files; they belong together again" in result["warnings"][0]
    assert "warnings" not in convert(sources[NEXT], "crt", "key")


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("call", CALLS)
def test_a_failing_disk_leaves_the_earlier_files(
    call: str, for_good: bool, sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = sources[FORMER].parent / "out"
    real = getattr(os, call)
    number = 0
    while True:
        number += 1
        for path in out.iterdir():
            path.unlink()
        convert(sources[FORMER], "crt", "key")
        count = 0

        def failing(*arguments: Any, at: int = number, **more: Any) -> Any:
            nonlocal count
            count += 1
            if count == at or (for_good and count > at):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(*arguments, **more)

        with monkeypatch.context() as patched:
            patched.setattr(os, call, failing)
            result = convert(sources[NEXT], "crt", "key")
        if count < number:
            break
        if not result.get("failed"):
            assert name_of(out) == NEXT
        elif "could not be put back" not in result["msg"]:
            assert name_of(out) == FORMER, (number, result)
            assert "Input/output error" in result["msg"]
        # Whatever was left, the next run ends it.
        assert convert(sources[FORMER], "crt", "key").get("failed") is None
        assert name_of(out) == FORMER
        assert sorted(path.name for path in out.iterdir()) == ["s.crt", "s.key"], number
    assert number > 1, "was never called"


def test_a_run_that_is_at_work_is_left_alone(sources: dict[str, Path]) -> None:
    out = sources[FORMER].parent / "out"
    switch = switching.Switch(str(out))
    switch.add("s.crt", b"new", 0o644, None)
    switch.ready()
    assert switching.settle_abandoned(str(out)) == []
    (work,) = out.iterdir()
    assert stat.S_IMODE(work.stat().st_mode) == 0o700
    switch.put("s.crt")
    switch.finish()
    assert [path.name for path in out.iterdir()] == ["s.crt"]


def test_many_conversions_into_one_folder_at_once(sources: dict[str, Path]) -> None:
    out = sources[FORMER].parent / "out"
    program = f"import sys; sys.path[:] = {sys.path!r}\nfrom {run.__module__} import run\n"
    program += "src, out, stem = sys.argv[1:]\nfor turn in range(20):\n"
    program += (
        "    r = run({'src': [src], 'outputs': {k: f'{out}/{stem}{turn}.{k}' for k in ('crt', 'key')}}, False, False)\n"
    )
    program += "    assert not r.get('failed') and 'warnings' not in r, r\n"
    command = [sys.executable, "-c", program]
    running = [
        subprocess.Popen([*command, str(sources[name]), str(out), stem])
        for name, stem in ((FORMER, "a"), (NEXT, "b"), (FORMER, "c"))
    ]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    assert len(list(out.iterdir())) == 120
    assert name_of(out, "b7") == NEXT


HOME = f"/home/{USER}"
ATTACK = """
import os, sys
folder, victim = sys.argv[1:]
while True:
    for name in os.listdir(folder):
        if name != "s.crt":
            try:
                os.rename(f"{folder}/{name}", f"{folder}/../taken")
                os.symlink(victim, f"{folder}/{name}")
            except OSError:
                pass
"""


@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
@pytest.mark.parametrize("victim", ["/home/safe/secret", "/home/safe/made-by-root"])
@pytest.mark.parametrize("options", ["'owner': 'mallory', 'mode': '0644'", "'output_passphrase': passphrase"])
def test_nothing_of_root_is_given_away(victim: str, options: str, sources: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "attack.py").write_text(ATTACK)
    script = f"""
    cp {tmp_path}/attack.py {sources[FORMER]} {sources[NEXT]} /home/.own/ && chmod 0755 /home/.own
    as_user mkdir {HOME}/out
    as_user touch {HOME}/out/s.crt {HOME}/out/s.key
    as_user /usr/bin/python3 /home/.own/attack.py {HOME}/out {victim} &
    """
    program = f"""
from {run.__module__} import run
for turn in range(40):
    passphrase = f'Word.{{turn}}'
    src = '/home/.own/' + ('{FORMER}.pem' if turn % 2 else '{NEXT}.pem')
    try:
        run({{'src': [src], 'outputs': {{'crt': '{HOME}/out/s.crt', 'key': '{HOME}/out/s.key'}}, {options}}}, False, False)
    except Exception as error:
        print(repr(error))
"""
    done = play(tmp_path, script, program)
    assert done.stdout.replace("---\n", "") == UNTOUCHED, done


@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
@pytest.mark.parametrize(
    ("folder", "owner"),
    [("mode=1777", 0), ("mode=0777", 0), (f"mode=0755,uid={UID},gid={UID}", UID)],
    ids=["sticky", "open to all", "the user's own"],
)
def test_a_key_goes_to_nobody_who_put_a_file_in_its_place(
    folder: str, owner: int, sources: dict[str, Path], tmp_path: Path
) -> None:
    script = f"mkdir /home/out && mount -t tmpfs -o {folder} none /home/out && as_user touch /home/out/s.key"
    program = f"""
import os
from {run.__module__} import run
run({{'src': ['{sources[NEXT]}'], 'outputs': {{'key': '/home/out/s.key'}}}}, False, False)
print(os.stat('/home/out/s.key').st_uid, os.stat('/home/out/s.key').st_size > 99)
"""
    done = play(tmp_path, script, program)
    assert done.stdout.startswith(f"{owner} True"), done


@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
@pytest.mark.parametrize(
    "owner", [f"chown -R {UID} /home/out/.ot_pki-convert-x", "chmod 0777 /home/out/.ot_pki-convert-x"]
)
def test_a_planted_leftover_is_left_alone(owner: str, sources: dict[str, Path], tmp_path: Path) -> None:
    """In a folder for all, root would put the user's file in place of another's."""
    script = f"""
    mkdir -m 1777 /home/out && echo other > /home/out/victim
    mkdir -p /home/out/.ot_pki-convert-x/new /home/out/.ot_pki-convert-x/old
    cd /home/out/.ot_pki-convert-x && touch lock && echo '[]' > go && echo mine > new/victim && chmod 0700 .
    {owner}
    """
    program = f"""
from {run.__module__} import run
run({{'src': ['{sources[NEXT]}'], 'outputs': {{'key': '/home/out/s.key'}}}}, False, False)
print(open('/home/out/victim').read())
"""
    assert play(tmp_path, script, program).stdout.startswith("other"), owner
