# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a system's trust store is what its command makes, or what a command that was cut off has left.

Debian's ``update-ca-certificates`` adds to a temporary bundle, links each certificate, and makes the links by hash
(which OpenSSL looks for) only if it has linked something new. Killed in between, it leaves links without hash, or a
temporary bundle to which the next run adds all again.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from dataclasses import dataclass
from typing import Iterator

from ..errors import FileError
from ..files import read_file
from .pem import certificates
from .tools import Runner, find

# What openssl-verify(1) says of a certificate that the folder does not lead to.
_NOT_FOUND = re.compile(r"^error (?:2|18|19|20|21) at \d+ depth", re.MULTILINE)
_PATH = re.compile(r"^error (.+?): verification failed$", re.MULTILINE)


@dataclass(frozen=True)
class Layout:
    """What a store of the kind of Debian's is made of, and what it is made into.

    :ivar links: the folder with a link for each certificate, and links by hash.
    :ivar distribution: where the distribution has its certificates.
    :ivar listed: the file that lists which of them are used.
    :ivar temporary: the bundle while it is made.
    """

    links: str
    distribution: str
    listed: str
    temporary: str


def damage(layout: Layout, anchors: str, bundle: str, runner: Runner) -> str:
    """What is not as the command makes it; empty if nothing is.

    Certificates that somebody has added to the made bundle by hand are no damage.

    :param anchors: where administrators put certificates.
    :raises PkiError: something cannot be read.
    """
    if os.path.lexists(layout.temporary):
        return f"{layout.temporary} of an update that was cut off is there"
    for name in sorted(_names(layout.links)):
        path = os.path.join(layout.links, name)
        if os.path.islink(path) and not os.path.exists(path):
            return f"{path} is a link to a certificate that is gone"
    sources = [*_distributed(layout), *_found(anchors)]
    wanted: Counter[str] = Counter()
    for path in sources:
        wanted.update(found.fingerprint for found in certificates(read_file(path)))
    have = Counter(found.fingerprint for found in certificates(_content(bundle)))
    for fingerprint, count in wanted.items():
        if not have[fingerprint]:
            return f"{bundle} lacks the certificate {fingerprint}"
        if have[fingerprint] > count:
            return f"{bundle} has the certificate {fingerprint} more than once"
    return _unlinked(layout, sources, runner)


def _distributed(layout: Layout) -> Iterator[str]:
    for line in _content(layout.listed).decode("utf-8", "replace").splitlines():
        path = os.path.join(layout.distribution, line)
        if line and line[0] not in "#!" and os.path.isfile(path):
            yield path


def _found(folder: str) -> Iterator[str]:
    seen: set[tuple[int, int]] = set()
    for above, folders, names in os.walk(folder, followlinks=True):
        status = os.stat(above)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()  # a link that leads back; two of them would double the work at each turn
            continue
        seen.add((status.st_dev, status.st_ino))
        yield from (os.path.join(above, name) for name in sorted(names) if name.endswith(".crt"))


def _names(folder: str) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return os.listdir(folder)
    return []


def _content(path: str) -> bytes:
    try:
        return read_file(path)
    except FileError:
        if os.path.exists(path):
            raise
        return b""


def _unlinked(layout: Layout, sources: list[str], runner: Runner) -> str:
    """Ask OpenSSL whether the folder leads to every certificate."""
    tool = find("openssl")
    if tool is None or not sources:
        return ""
    done = runner.run([tool, "verify", "-no-CAfile", "-CApath", layout.links, "-partial_chain", *sources])
    if done.code == 0 or not _NOT_FOUND.search(done.output):
        return ""
    # Whatever else is wrong with one (expired, say) is not the store's fault.
    for part in re.split(r"(?<=: verification failed)\n", done.output):
        path = _PATH.search(part)
        if path and _NOT_FOUND.search(part):
            return f"{layout.links} does not lead to {path[1]}"
    return f"{layout.links} does not lead to all certificates"
