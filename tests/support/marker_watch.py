# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a command and looks wherever a secret could be seen: its output, folders, and the processes that it starts."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Seen:
    """What a command printed, and where the marker was seen: a place, and what stands around it."""

    code: int = 0
    output: str = ""
    places: dict[str, str] = field(default_factory=dict)
    processes: int = 0

    def look(self, place: str, data: bytes, marker: bytes) -> None:
        """Remember the first sight of the marker in each place."""
        position = data.find(marker)
        if position >= 0:
            around = data[max(0, position - 150) : position + 60]
            self.places.setdefault(place, around.decode("utf-8", "replace"))


def files_below(folders: Iterable[Path], without: Iterable[Path] = ()) -> Iterable[Path]:
    """Every regular file, links not followed, except those that hold the secrets rightly."""
    left_out = {str(path) for path in without}
    for folder in folders:
        for above, _folders, names in os.walk(folder):
            for name in names:
                path = Path(above, name)
                if str(path) not in left_out and not path.is_symlink() and path.is_file():
                    yield path


def run(
    command: list[str],
    marker: bytes,
    *,
    cwd: Path,
    env: Mapping[str, str],
    passing: Iterable[Path] = (),
    lasting: Iterable[Path] = (),
    without: Iterable[Path] = (),
    timeout: float = 300,
) -> Seen:
    """Run a command in a session of its own and watch it.

    :param passing: folders whose files come and go, looked at all the time.
    :param lasting: folders that are looked at afterwards.
    :param without: files that hold the secrets rightly.
    """
    seen, done = Seen(), threading.Event()
    passing, without = list(passing), list(without)
    process = subprocess.Popen(
        command, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    watching = threading.Thread(target=_watch, args=(process.pid, marker, passing, without, seen, done))
    watching.start()
    try:
        output, _none = process.communicate(timeout=timeout)
    finally:
        done.set()
        watching.join()
        if process.poll() is None:
            process.kill()
            process.wait()
    seen.code, seen.output = process.returncode, output.decode("utf-8", "replace")
    seen.look("output", output, marker)
    for path in files_below([*passing, *lasting], without):
        seen.look(f"file {path}", path.read_bytes(), marker)
    return seen


def _watch(
    session: int, marker: bytes, passing: list[Path], without: list[Path], seen: Seen, done: threading.Event
) -> None:
    known: set[tuple[str, int]] = set()
    while not done.is_set():
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                if os.getsid(int(entry)) != session:
                    continue
                seen.processes += 1
                for what in ("cmdline", "environ"):
                    data = Path("/proc", entry, what).read_bytes()
                    name = Path("/proc", entry, "comm").read_text().strip()
                    seen.look(f"{what} of {name}", data, marker)
            except (OSError, ProcessLookupError):
                continue  # it has ended
        for path in files_below(passing, without):
            try:
                state = path.stat()
                if (str(path), state.st_mtime_ns) not in known:
                    known.add((str(path), state.st_mtime_ns))
                    seen.look(f"passing file {path}", path.read_bytes(), marker)
            except OSError:
                continue
        done.wait(0.02)
