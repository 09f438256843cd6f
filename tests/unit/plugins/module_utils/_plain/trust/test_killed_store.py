# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A system's trust store whose change was killed is seen, and made anew, by the next run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.trust import stores
from authorities import make

MISSING = None if os.geteuid() == 0 and shutil.which("update-ca-certificates") else "needs root, and ca-certificates"
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

ROOT = make("OT Root")
PACKAGE = stores.__name__.rpartition(".")[0]
PROGRAM = f"""
import sys
sys.path[:] = {sys.path!r}
from {PACKAGE}.model import Anchor, Request
from {PACKAGE}.stores import Selection, run
anchor = Anchor({ROOT.pem.decode()!r}, {ROOT.fingerprint!r}, "OT Root", True)
(report,) = run(Selection(kinds=("system",), timeout=60), Request((anchor,), sys.argv[1] != "absent", check_mode=sys.argv[1] == "check"))
print("changed" if report.changed else "same", "trusted" if report.trusted else "not", "repaired:", report.repaired, report.damage, report.error)
"""
# A machine whose store can be changed, and where the tools that the command uses count their calls: at one of them
# all that is at work is killed.
PREPARE = """
set -e
mount --make-rprivate /
mount -t tmpfs none {layers}
for own in etc usr/local var; do
  mkdir -p {layers}/$own/upper {layers}/$own/work
  mount -t overlay none -o lowerdir=/$own,upperdir={layers}/$own/upper,workdir={layers}/$own/work /$own
done
# A few of the distribution's certificates are enough.
sed -i '/^#/d;/^!/d' /etc/ca-certificates.conf
sed -i '7,$d' /etc/ca-certificates.conf
update-ca-certificates --fresh >&2
mkdir -p /usr/local/bin
for tool in ln sed rm mv chmod openssl find run-parts; do
  printf '#!/bin/sh\\necho . >> {layers}/calls
[ "$(wc -l < {layers}/calls)" != "$(cat {layers}/at)" ] || {{ kill -9 -1; kill -9 $$; }}\\nexec /usr/bin/%s "$@"\\n' $tool > /usr/local/bin/$tool
  chmod 0755 /usr/local/bin/$tool
done
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
killed_at() {{ : > {layers}/calls; echo "$1" > {layers}/at; shift
  unshare --pid --fork --mount-proc sh -c '"$@"; true' sh "$@" >/dev/null 2>&1 || true; echo 0 > {layers}/at; }}
# The judge knows nothing of the collection: links, bundle, and OpenSSL.
judge() {{
  find /etc/ssl/certs -xtype l
  ls /etc/ssl/certs/*.new 2>/dev/null || true
  cat $(sed '/^[#!]/d;/^$/d;s,^,/usr/share/ca-certificates/,' /etc/ca-certificates.conf) $(ls /usr/local/share/ca-certificates/*.crt 2>/dev/null) \\
    | grep -v '^$' | sort > {layers}/wanted
  grep -v '^$' /etc/ssl/certs/ca-certificates.crt | sort | cmp - {layers}/wanted || echo "the bundle differs"
  for path in $(ls /usr/local/share/ca-certificates/*.crt 2>/dev/null) $(sed "s,^,/usr/share/ca-certificates/," /etc/ca-certificates.conf); do
    openssl verify -no-CAfile -CApath /etc/ssl/certs "$path" 2>&1 | grep -q 'error \\(18\\|20\\) ' && echo "$path is not linked"
  done
  true
}}
echo 0 > {layers}/at
: > {layers}/calls
"""


def machine(folder: Path, script: str) -> str:
    """Run a shell script on such a machine; what it printed."""
    (folder / "layers").mkdir()
    (folder / "program.py").write_text(PROGRAM)
    prepare = PREPARE.format(layers=folder / "layers")
    done = subprocess.run(
        ["unshare", "-m", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", prepare + script],
        capture_output=True,
        text=True,
        timeout=100,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done
    return done.stdout


def trust(folder: Path, what: str = "present") -> str:
    return f"{sys.executable} {folder}/program.py {what}"


def test_killed_twenty_times_one_after_the_other(tmp_path: Path) -> None:
    """Presence and absence by turns, killed at every part of the command's work; at last trust, and a whole store."""
    calls = machine(tmp_path, f"{trust(tmp_path)} >&2; wc -l < {tmp_path}/layers/calls")
    total = int(calls)
    (tmp_path / "layers").rmdir()
    moments = sorted({1, 2, 3, *range(5, total, max(1, total // 12)), total - 8, *range(total - 5, total)})
    script = ""
    for number, moment in enumerate(moments):
        script += f"killed_at {moment} {trust(tmp_path, 'absent' if number % 2 else 'present')}\n"
    script += f"{trust(tmp_path)}\njudge\n{trust(tmp_path)}\n"
    first, *judged, again = machine(tmp_path, script).splitlines()
    assert first.startswith("changed trusted repaired: an earlier change was cut off"), first
    assert judged == [], "what is not whole"
    assert again.strip() == "same trusted repaired:"


@pytest.mark.parametrize("what", ["present", "absent"])
@pytest.mark.parametrize("moment", ["middle", "at openssl"])
def test_the_run_after_one_kill_leaves_a_whole_store(what: str, moment: str, tmp_path: Path) -> None:
    at = "$(($(cat {0}/total) / 2))" if moment == "middle" else "$(($(cat {0}/total) - 4))"
    layers = tmp_path / "layers"
    before = "absent" if what == "present" else "present"
    script = f"{trust(tmp_path, before)} >&2\n: > {layers}/calls\n"
    # How many calls it takes, on this machine as it is.
    script += f"{trust(tmp_path, what)} >&2; wc -l < {layers}/calls > {layers}/total; {trust(tmp_path, before)} >&2\n"
    script += f"killed_at {at.format(layers)} {trust(tmp_path, what)}\n{trust(tmp_path, what)}\njudge\n"
    done, *judged = machine(tmp_path, script).splitlines()
    assert done.startswith(f"changed {'trusted' if what == 'present' else 'not'} repaired: an earlier change"), done
    assert judged == []


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("cp /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt.new", "cut off is there"),
        ("cat /etc/ssl/certs/ca-certificates.crt >> /x && cat /x >> /etc/ssl/certs/ca-certificates.crt", "more than once"),
        ("head -c 5000 /etc/ssl/certs/ca-certificates.crt > /x && cp /x /etc/ssl/certs/ca-certificates.crt", "lacks"),
        (": > /etc/ssl/certs/ca-certificates.crt", "lacks the certificate"),
        ("ln -s /usr/local/share/ca-certificates/gone.crt /etc/ssl/certs/gone.pem", "a certificate that is gone"),
        ("find /etc/ssl/certs -name '*.[0-9]' -delete", "does not lead to"),
        ("rm /etc/ssl/certs/$(openssl x509 -noout -hash -in /usr/local/share/ca-certificates/ot_pki_*.crt).0", "lead to"),
    ],
)  # fmt: skip
def test_damage_by_whomever_is_seen_and_mended(damage: str, told: str, tmp_path: Path) -> None:
    script = f"{trust(tmp_path)} >&2\n{damage.replace('/x', str(tmp_path / 'layers' / 'x'))}\n"
    script += f"{trust(tmp_path, 'check')}\n{trust(tmp_path)}\njudge\n{trust(tmp_path)}\n"
    planned, mended, *judged, again = machine(tmp_path, script).splitlines()
    assert planned.startswith("changed"), planned
    assert told in planned
    assert mended.startswith("changed trusted"), mended
    assert told in mended
    assert judged == []
    assert again.strip() == "same trusted repaired:"


def test_what_people_added_to_the_made_bundle_is_no_damage(tmp_path: Path) -> None:
    theirs = make("Their Root", key=1).file(tmp_path, "theirs.crt")
    script = f"{trust(tmp_path)} >&2\ncat {theirs} >> /etc/ssl/certs/ca-certificates.crt\n{trust(tmp_path)}\n"
    assert machine(tmp_path, script).strip() == "same trusted repaired:"
