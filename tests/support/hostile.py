# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine of its own, in a mount namespace, on which a local user would like to become root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

USER, UID = "mallory", 4711
MISSING = None if os.geteuid() == 0 and shutil.which("setpriv") else "needs root, and setpriv (util-linux)"
_PREPARE = f"""
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0755 none /home
mkdir /home/.own /home/{USER}
cp /etc/passwd /home/.own/passwd
echo '{USER}:x:{UID}:{UID}::/home/{USER}:/bin/sh' >> /home/.own/passwd
mount --bind /home/.own/passwd /etc/passwd
chown {UID}:{UID} /home/{USER}
chmod 0755 /home/{USER}
mkdir -m 0755 /home/safe
printf 'secret of root\\n' > /home/safe/secret
chmod 0600 /home/safe/secret
as_user() {{ setpriv --reuid {UID} --regid {UID} --clear-groups env HOME=/home/{USER} "$@"; }}
"""
# What is printed in the end: whether root's file is what it was.
_JUDGE = "stat -c '%U %G %a' /home/safe/secret; cat /home/safe/secret; ls /home/safe"
UNTOUCHED = "root root 600\nsecret of root\nsecret\n"


def play(folder: Path, script: str, program: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a shell script that prepares an attack, and then Python code as root.

    :param script: shell, as root; ``as_user COMMAND`` runs a command as the user.
    :param program: Python code that may import the collection.
    :returns: what the program printed, then the state of root's file, which is :data:`UNTOUCHED` if all is well.
    """
    file = folder / "program.py"
    file.write_text(f"import sys\nsys.path[:] = {sys.path!r}\nimport importlib.util\n{program}")
    judged = f"{sys.executable} {file}; echo '---'; {_JUDGE}"
    # A process namespace as well, so that no attacker outlives the test.
    command = ["unshare", "-m", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return subprocess.run(
        [*command, "sh", "-c", f"{_PREPARE}\n{script}\n{judged}"],
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )
