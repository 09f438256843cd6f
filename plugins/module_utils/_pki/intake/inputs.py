# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files that were received: named ones, whole folders, and archives, read into memory within limits.

Nothing is ever unpacked to disk, so a name inside an archive is a label and no path.
"""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..._plain.errors import FileError
from ..._plain.files import read_file, why
from ..._plain.texts import harmless
from .bounded import LimitReached, run_bounded
from .problem import ERROR, WARNING, ConversionProblem, Finding

# Larger than any certificate, key, chain, PKCS#12 file or system trust store.
MAX_FILE = 4 * 1024 * 1024
MAX_ARCHIVE = 64 * 1024 * 1024
MAX_TOTAL = 256 * 1024 * 1024
MAX_FILES = 50_000
MAX_DEPTH = 12

_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_OTHER_ARCHIVES = {
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\x00": "an xz archive",
}


@dataclass(frozen=True)
class InputFile:
    """A file that was received.

    :ivar label: its path; within an archive ``archive.zip!inner/name``.
    :ivar named: it was named itself and not found in a folder or archive, so it has to be usable.
    """

    label: str
    data: bytes = field(repr=False)
    named: bool = True


@dataclass
class Inputs:
    """What was read, and what could not be."""

    files: list[InputFile] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    total: int = 0

    def add(self, file: InputFile) -> None:
        """One more file; all together are bounded.

        :raises ConversionProblem: too many files, or too much in them.
        """
        self.total += len(file.data)
        self.files.append(file)
        if self.total > MAX_TOTAL or len(self.files) > MAX_FILES:
            message = f"there are more than {MAX_FILES} files or {MAX_TOTAL >> 20} MiB here; give them in parts"
            raise ConversionProblem("src.refused", message, file.label)

    def reject(self, problem: ConversionProblem, named: bool) -> None:
        """Note why a file cannot be used."""
        note = problem.finding
        if not named:
            note = Finding(**{**note.__dict__, "severity": WARNING})
        self.findings.append(note)

    @property
    def errors(self) -> list[Finding]:
        """What has to stop a conversion."""
        return [entry for entry in self.findings if entry.severity == ERROR]


def read_inputs(paths: Sequence[str]) -> Inputs:
    """Every file that the paths mean.

    :raises ConversionProblem: there is too much of it.
    """
    inputs = Inputs()
    for path in paths:
        expanded = os.path.expanduser(path)
        if os.path.isdir(expanded):
            before = len(inputs.files) + len(inputs.findings)
            for inner in _walk(expanded, inputs):
                _read(inner, False, inputs)
            if len(inputs.files) + len(inputs.findings) == before:
                inputs.reject(
                    ConversionProblem("src.empty", "the folder holds no files", path, "Check the path."), True
                )
        else:
            _read(expanded, True, inputs)
    return inputs


def _walk(folder: str, inputs: Inputs) -> Iterator[str]:
    """The files below a folder, in the order of their names; links to folders are not followed."""
    depth = folder.rstrip(os.sep).count(os.sep)

    def failed(error: OSError) -> None:
        problem = ConversionProblem("src.unreadable", f"cannot be read: {why(error)}", error.filename or folder)
        inputs.reject(problem, False)

    for place, folders, files in os.walk(folder, onerror=failed):
        # Hidden entries and what macOS puts into archives are no deliveries.
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        if place.count(os.sep) - depth >= MAX_DEPTH:
            folders.clear()
        for name in sorted(files):
            if not name.startswith(".") and name not in ("Thumbs.db", "desktop.ini"):
                yield os.path.join(place, name)


def _read(path: str, named: bool, inputs: Inputs) -> None:
    try:
        start = read_start(path)
        archive = start.startswith(_ZIP_STARTS)
        data = read_file(path, MAX_ARCHIVE if archive else MAX_FILE)
    except (FileError, ValueError) as error:
        # The path is the finding's source already.
        text = str(error)
        text = text[len(path) :].lstrip() if text.startswith(path) else text
        inputs.reject(ConversionProblem("src.unreadable", text, path), named)
        return
    if archive:
        try:
            for file in open_archive(data, path):
                inputs.add(file)
        except ConversionProblem as fault:
            inputs.reject(fault, named)
        return
    for start_bytes, kind in _OTHER_ARCHIVES.items():
        if start.startswith(start_bytes):
            problem = ConversionProblem(
                "src.unknown-format", f"it is {kind}", path, "Unpack it, or send a ZIP archive."
            )
            inputs.reject(problem, named)
            return
    inputs.add(InputFile(path, data, named))


def read_start(path: str) -> bytes:
    """The first bytes of a regular file.

    :raises FileError: it cannot be read.
    """
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as stream:
            return stream.read(8) or b""
    except OSError as error:
        raise FileError(f"{path} cannot be read: {why(error)}") from error


def open_archive(data: bytes, label: str) -> list[InputFile]:
    """The files of a ZIP archive.

    :raises ConversionProblem: names that lead out of it, encrypted, damaged, or more content than is read.
    """
    try:
        state, detail, entries = run_bounded(lambda: _unzip(data))
    except LimitReached:
        raise ConversionProblem("src.refused", "the archive takes too much time or memory to read", label) from None
    if state:
        hint = "Unpack it and give its files." if state == "src.unknown-format" else None
        raise ConversionProblem(state, detail, label, hint)
    return [InputFile(f"{label}!{name}", content, False) for name, content in entries]


def _unzip(data: bytes) -> tuple[str, str, list[tuple[str, bytes]]]:
    """In the child: the entries, or the id of what is wrong and the words for it."""
    entries: list[tuple[str, bytes]] = []
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                name = info.filename.replace("\\", "/")
                shown = harmless(name, 120)
                if name.startswith("/") or ".." in name.split("/") or name[1:2] == ":":
                    return "src.refused", f"the archive has an entry whose name leads out of it: {shown}", []
                last = name.rsplit("/", 1)[-1]
                if info.is_dir() or last.startswith(".") or name.startswith("__MACOSX/"):
                    continue
                if info.flag_bits & 1:
                    return "src.unknown-format", "the archive is encrypted", []
                with archive.open(info) as stream:
                    # What the header says of the size is not believed.
                    content = stream.read(MAX_FILE + 1)
                total += len(content)
                if len(content) > MAX_FILE or total > MAX_ARCHIVE or len(entries) >= MAX_FILES:
                    return "src.refused", f"the archive unpacks to more than is read of one (at {shown})", []
                entries.append((shown, content))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, RuntimeError) as error:
        return "src.damaged", f"the archive is damaged or of an unknown kind: {error}", []
    if not entries:
        return "src.empty", "the archive holds no files", []
    return "", "", entries
