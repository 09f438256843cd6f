# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a collection's tarball so that the same content is the same bytes. Called by tools/build-collection.

``ansible-galaxy collection build`` lists files in the order in which the file system happens to give them, and puts the
time of the build into the archive and its gzip header. Here names are sorted, the moment is one that is given, and
``FILES.json`` is sorted likewise, which changes its checksum in ``MANIFEST.json``.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

_FIRST = ("MANIFEST.json", "FILES.json")  # Galaxy wants to find them without reading everything


def normalize(source: Path, target: Path, moment: int) -> None:
    """Write the tarball anew, whole or not at all.

    :param source: what ``ansible-galaxy collection build`` wrote.
    :param target: where to write; may be the same file.
    :param moment: seconds since 1970 that every entry gets (``SOURCE_DATE_EPOCH``).
    """
    with tarfile.open(source, "r:gz") as given:
        entries = {member.name: (member, _content(given, member)) for member in given.getmembers()}
    files = json.loads(entries["FILES.json"][1])
    files["files"].sort(key=lambda entry: str(entry["name"]))
    files_text = json.dumps(files, indent=1).encode()
    manifest = json.loads(entries["MANIFEST.json"][1])
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(files_text).hexdigest()
    entries["FILES.json"] = (entries["FILES.json"][0], files_text)
    entries["MANIFEST.json"] = (entries["MANIFEST.json"][0], json.dumps(manifest, indent=1).encode())

    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as made:
        for name in [*_FIRST, *sorted(set(entries) - set(_FIRST))]:
            member, content = entries[name]
            clean = tarfile.TarInfo(name)
            clean.type, clean.linkname, clean.mode = member.type, member.linkname, member.mode
            clean.size, clean.mtime = len(content), moment
            made.addfile(clean, io.BytesIO(content))
    partial = target.with_name(target.name + ".part")
    with open(partial, "wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
        packed.write(raw.getvalue())
    partial.replace(target)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member) if member.isreg() else None
    return file.read() if file else b""


if __name__ == "__main__":
    normalize(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
