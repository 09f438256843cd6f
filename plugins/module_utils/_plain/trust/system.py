# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The trust store of the operating system: a folder of anchors, a command, and what the command makes of them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from typing import Sequence

from ..errors import FileError, PkiError
from ..file_update import Current
from ..files import PUBLIC_FILE, PUBLIC_FOLDER, read_file, remove_file, replace_file, why
from ..folders import Folder
from .model import OURS, Anchor, Held, Store
from .pem import certificates, openssl_distrusts
from .tools import Runner, ToolError, find
from .wholeness import Layout, damage

_SUFFIXES = (".crt", ".pem", ".cer", ".der")


@dataclass(frozen=True)
class Mechanism:
    """How a family of distributions does it.

    :ivar mark: a folder or file whose presence tells the family.
    :ivar folder: where administrators put anchors.
    :ivar command: what makes the store from them.
    :ivar bundle: the PEM file that is made.
    :ivar verify: OpenSSL's option and path for the made store, or empty: p11-kit's ``trust`` is asked.
    :ivar fresh: what makes the store anew, whatever is left of an earlier one.
    :ivar notes: where is noted that a change has begun.
    """

    name: str
    mark: str
    folder: str
    command: tuple[str, ...]
    bundle: str
    verify: tuple[str, str] | None
    source: str
    fresh: tuple[str, ...] = ()
    layout: Layout | None = None
    notes: str = ""


_NOTES = "/var/lib/ot_pki"
_DEBIAN = Layout(
    "/etc/ssl/certs",
    "/usr/share/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/ssl/certs/ca-certificates.crt.new",
)

# The order matters: a Debian machine with p11-kit has no folder of the others.
MECHANISMS = (
    Mechanism(
        "rhel",
        "/etc/pki/ca-trust/source",
        "/etc/pki/ca-trust/source/anchors",
        ("update-ca-trust", "extract"),
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        None,
        "update-ca-trust(8) of Fedora and RHEL",
        notes=_NOTES,
    ),
    Mechanism(
        "arch",
        "/etc/ca-certificates/trust-source",
        "/etc/ca-certificates/trust-source/anchors",
        ("update-ca-trust",),
        "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
        None,
        "update-ca-trust(8) of Arch Linux",
        notes=_NOTES,
    ),
    Mechanism(
        "suse",
        "/etc/pki/trust",
        "/etc/pki/trust/anchors",
        ("update-ca-certificates",),
        "/var/lib/ca-certificates/ca-bundle.pem",
        ("-CApath", "/etc/ssl/certs"),
        "update-ca-certificates(8) of SUSE",
        ("update-ca-certificates", "--fresh"),
        notes=_NOTES,
    ),
    Mechanism(
        "alpine",
        "/etc/alpine-release",
        "/usr/local/share/ca-certificates",
        ("update-ca-certificates",),
        "/etc/ssl/certs/ca-certificates.crt",
        # OpenSSL reads /etc/ssl/cert.pem there, a link to the bundle.
        ("-CAfile", "/etc/ssl/certs/ca-certificates.crt"),
        "update-ca-certificates(8) of Alpine Linux",
        notes=_NOTES,
    ),
    Mechanism(
        "debian",
        "/usr/share/ca-certificates",
        "/usr/local/share/ca-certificates",
        ("update-ca-certificates",),
        "/etc/ssl/certs/ca-certificates.crt",
        ("-CApath", "/etc/ssl/certs"),
        "update-ca-certificates(8) of Debian",
        ("update-ca-certificates", "--fresh"),
        _DEBIAN,
        _NOTES,
    ),
)


def detect(root: str = "/") -> Mechanism | None:
    """The mechanism of this machine, or ``None``.

    :param root: where its file system begins, for tests.
    """
    for mechanism in MECHANISMS:
        if os.path.exists(_below(root, mechanism.mark)) and find(mechanism.command[0]):
            return mechanism
    return None


def _below(root: str, path: str) -> str:
    return path if root == "/" else os.path.join(root, path.lstrip("/"))


class SystemStore(Store):
    """The store that OpenSSL, GnuTLS, curl, Python and, by p11-kit, others use."""

    type = "system"

    def __init__(self, mechanism: Mechanism, runner: Runner) -> None:
        super().__init__(f"system ({mechanism.name})", mechanism.folder)
        self._mechanism = mechanism
        self._runner = runner
        self._files: dict[str, list[str]] = {}

    def held(self) -> list[Held]:
        """The anchors of the folder and whatever else the made bundle has."""
        effective = self._bundle()
        self._files = {}
        entries = []
        for path in self._anchor_files():
            for found in certificates(read_file(path)):
                self._files.setdefault(found.fingerprint, []).append(path)
                ours = os.path.basename(path).startswith(OURS)
                entries.append(Held(found.fingerprint, path, ours, found.fingerprint in effective))
        bundle = self._mechanism.bundle
        entries += [Held(known, bundle, False) for known in effective if known not in self._files]
        return entries

    def change(self, add: Sequence[Anchor], remove: Sequence[Held]) -> None:
        """Put files into the folder or take them out, then run the distribution's command."""
        undo: list[tuple[str, bytes | None]] = []
        try:
            self._note()
            for entry in remove:
                if entry.place != self._mechanism.bundle:
                    undo.append((entry.place, read_file(entry.place)))
                    self._take_out(entry)
            for anchor in add:
                if anchor.fingerprint not in self._files:
                    # .crt, since Debian, Alpine and SUSE look at the suffix, and p11-kit at the content.
                    path = os.path.join(self._mechanism.folder, f"{anchor.name}.crt")
                    undo.append((path, None))
                    Folder.open(self._mechanism.folder, make=PUBLIC_FOLDER).close()
                    replace_file(path, anchor.pem.encode("ascii"), PUBLIC_FILE)
            self._update()
        except OSError as error:
            self._undo(undo)
            raise FileError(f"{self._mechanism.folder} cannot be changed: {why(error)}") from error
        except PkiError:
            self._undo(undo)
            raise

    def refresh(self) -> bool:
        """Run the distribution's command."""
        self._update()
        return True

    def damage(self) -> str:
        """What a change that was cut off has left."""
        if self._mechanism.notes and os.path.lexists(self._note_path):
            return "an earlier change was cut off, or failed"
        if self._mechanism.layout is None:
            return ""
        return damage(self._mechanism.layout, self._mechanism.folder, self._mechanism.bundle, self._runner)

    def rebuild(self) -> None:
        """Have the distribution's command make the store anew."""
        try:
            self._note()
            layout = self._mechanism.layout
            if layout is not None and os.path.lexists(layout.temporary):
                # The command adds to what it finds there.
                remove_file(layout.temporary)
        except OSError as error:
            raise FileError(f"{self._mechanism.folder} cannot be made anew: {why(error)}") from error
        self._update(self._mechanism.fresh)

    @property
    def _note_path(self) -> str:
        return os.path.join(self._mechanism.notes, "ca_trust-changing")

    def _note(self) -> None:
        """Remember that a change has begun, until the command has ended well."""
        if self._mechanism.notes:
            with Folder.open(self._mechanism.notes, make=PUBLIC_FOLDER) as folder:
                folder.replace(os.path.basename(self._note_path), b"", PUBLIC_FILE, durable=True)

    def distrusts(self, anchor: Anchor) -> str:
        """Ask p11-kit or OpenSSL."""
        if self._mechanism.verify is None and find("trust"):
            self.verifier = "trust extract"
            return self._p11_kit_distrusts(anchor)
        source = self._mechanism.verify or ("-CAfile", self._mechanism.bundle)
        if source[0] == "-CApath" and not find("openssl"):
            source = ("-CAfile", self._mechanism.bundle)
        problem, self.verifier = openssl_distrusts(self._runner, anchor, source)
        return problem

    def _p11_kit_distrusts(self, anchor: Anchor) -> str:
        with tempfile.TemporaryDirectory(prefix="ot_pki-") as folder:
            target = os.path.join(folder, "anchors.pem")
            options = ["--filter=ca-anchors", "--purpose=server-auth", "--format=pem-bundle", target]
            self._runner.must([find("trust") or "trust", "extract", *options])
            trusted = {found.fingerprint for found in certificates(read_file(target))}
        return "" if anchor.fingerprint in trusted else "it is not among the anchors (is it on the blocklist?)"

    def _update(self, command: tuple[str, ...] = ()) -> None:
        tool, *arguments = command or self._mechanism.command
        self._runner.must([find(tool) or tool, *arguments])
        if self._mechanism.notes:
            with contextlib.suppress(FileNotFoundError):
                remove_file(self._note_path)

    def _bundle(self) -> set[str]:
        try:
            return {found.fingerprint for found in certificates(read_file(self._mechanism.bundle))}
        except FileError:
            if os.path.exists(self._mechanism.bundle):
                raise
            return set()  # made by the first run of the command

    def _anchor_files(self) -> list[str]:
        paths = []
        for folder, _folders, names in os.walk(self._mechanism.folder):
            paths += [os.path.join(folder, name) for name in names if name.lower().endswith(_SUFFIXES)]
        return sorted(path for path in paths if os.path.isfile(path))

    def _take_out(self, entry: Held) -> None:
        file = Current.read(entry.place)
        data = file.content
        found = certificates(data)
        rest = data
        for certificate in reversed(found):
            if certificate.fingerprint == entry.fingerprint:
                rest = rest[: certificate.start] + rest[certificate.end :]
        if certificates(rest):
            file.put(rest)
        else:
            remove_file(entry.place)

    def _undo(self, steps: Sequence[tuple[str, bytes | None]]) -> None:
        for path, former in reversed(steps):
            with contextlib.suppress(OSError):
                if former is None:
                    remove_file(path)
                else:
                    replace_file(path, former, PUBLIC_FILE)


def no_store() -> ToolError:
    """What to say on a machine without a store that is known here."""
    places = ", ".join(f"{mechanism.mark} with {mechanism.command[0]}" for mechanism in MECHANISMS)
    return ToolError(
        "this host has no system trust store that is known here "
        f"(looked for {places}); install the package ca-certificates, or name other stores"
    )
