# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checkout's files as they are now, committed in a repository of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """What a command prints, with this Python environment's programs first; it must succeed."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, "PATH": path, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def copy(checkout: Path, top: Path) -> None:
    """Copy and commit what is tracked, or would be."""
    if (checkout / ".git").exists():
        listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=checkout)
        names = [name for name in listed.split("\0") if name and (checkout / name).is_file()]
        for name in names:
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, top / name, follow_symlinks=False)
    else:
        shutil.copytree(
            checkout, top, dirs_exist_ok=True, symlinks=True, ignore=shutil.ignore_patterns(".venv*", "build")
        )
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "all")):
        run("git", "-c", "user.name=test", "-c", "user.email=test@plant.example", *command, cwd=top)
