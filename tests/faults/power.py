# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power cuts: a copy of the block device as it is at that moment, mounted and looked at."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from judge import Judge, Seen
from suite import Driver, Fault

# The smallest that each file system's own tool makes.
SIZES = {"ext4": "48M", "xfs": "304M"}


def missing(kind: str) -> str | None:
    """Why a file system cannot be cut off here."""
    if shutil.which(f"mkfs.{kind}") is None:
        return f"needs mkfs.{kind} (tools/install-test-tools)"
    tried = subprocess.run(["losetup", "-f"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        return f"needs loop devices, and so root: {tried.stderr.strip()}"
    return None


def _run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"


@contextlib.contextmanager
def mounted(image: Path, place: Path) -> Iterator[Path]:
    place.mkdir(exist_ok=True)
    _run("mount", "-o", "loop,nouuid" if image.suffix == ".xfs" else "loop", image, place)
    try:
        yield place
    finally:
        _run("umount", place)


def make(kind: str, folder: Path) -> Path:
    """An image with a file system in it."""
    image = folder / f"disk.{kind}"
    _run("truncate", "-s", SIZES[kind], image)
    _run(f"mkfs.{kind}", "-q", image)
    return image


@contextlib.contextmanager
def snapshot(image: Path) -> Iterator[Path]:
    """The device as it is at this moment, in a file of its own each time.

    A mount namespace that another process made meanwhile holds on to a mounted copy for as long as it lives; a copy under
    the same name would be the same loop device, and so a second look at the earlier one.
    """
    with tempfile.TemporaryDirectory(dir=image.parent) as folder:
        copy = Path(folder, f"cut{image.suffix}")
        _run("cp", "--sparse=always", image, copy)
        yield copy


def cut(driver: Driver, work: str, disk: Path, image: Path, fault: Fault) -> list[str]:
    """One power cut, right after a work has said that it is done, or where it was killed.

    :param disk: where the image is mounted.
    :returns: what was wrong.
    """
    site = disk / "site"
    driver.prepare(work, site)
    judge = Judge(site)
    before = judge.always(Seen())
    _run("sync", "-f", disk)
    outcome = driver.do(work, site, fault)
    with snapshot(image) as copy, mounted(copy, image.with_name("after")) as after:
        survived = Judge(after / "site")
        survived.faults = judge.faults
        now = survived.always(before)
        if outcome["status"] == "done":
            survived.done(work, before, now)
        again = driver.do(work, after / "site", turn=1)
        survived.check(again["status"] == "done", f"the next run: {again['status']}: {again['texts']}")
        survived.done(work, before, survived.always(now))
    return [f"{work} on {image.suffix[1:]}, {fault} ({outcome['status']}): {text}" for text in survived.faults]
