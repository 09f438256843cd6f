#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingerprints of keys that everybody has: private keys that stand in packages.

tools/collect_published_keys.py [--folder FOLDER]

Downloads the packages that tools/published_keys_sources.txt names (pip, npm and apt-get must be there), looks through
all their files for private keys that need no passphrase, and writes plugins/module_utils/_pki/validation/
published_list.py: for each RSA key of 1024 bits and more the SHA-256 of its modulus (so that another public exponent
changes nothing), for each key on an elliptic curve that of its SubjectPublicKeyInfo, cut to 128 bits, and the file.
No key itself is kept. With --folder the packages stay there, and are not downloaded again.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
)

TOP = Path(__file__).resolve().parent.parent
SOURCES = TOP / "tools" / "published_keys_sources.txt"
LIST = TOP / "plugins" / "module_utils" / "_pki" / "validation" / "published_list.py"

_MAX_FILE = 8 * 1024 * 1024
_MIN_RSA_BITS = 1024
# Go's sources write TESTING where PRIVATE belongs, so that nobody's scanner is alarmed.
_PEM = re.compile(
    rb"-----BEGIN ([A-Z ]*)(?:PRIVATE|TESTING) KEY-----(.{40,12000}?)-----END \1(?:PRIVATE|TESTING) KEY-----", re.DOTALL
)
# In the source of programs a key's lines end with an escape, or stand in quotes of their own.
_IN_QUOTES = re.compile(rb"""\\n|\\r|\\$|["'][ \t]*[,+.]?[ \t]*$|^[ \t]*[+.]?[ \t]*["']""", re.MULTILINE)
_BINARY = (".der", ".p8", ".pk8", ".key")
_HEADER = '''\
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fingerprints of keys whose private halves stand in public packages. Written by tools/collect_published_keys.py.

A Python file, since a module that runs on another host takes no other files along.
"""

from __future__ import annotations

LIST = """\\
'''


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", help="where packages are kept; those that are there are not downloaded again")
    options = parser.parse_args()
    seen: set[str] = set()
    text = [_HEADER]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary)
        for line in SOURCES.read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                registry, package = line.split()
                text.append(_section(registry, package, folder, seen))
    LIST.write_text("".join([*text, '"""\n']), encoding="utf-8")
    print(f"{len(seen)} keys in {LIST.relative_to(TOP)}")


def _section(registry: str, package: str, folder: Path, seen: set[str]) -> str:
    """The lines of one package: those of its keys that no package before it has."""
    archive = _download(registry, package, folder / registry / re.sub(r"[^\w.-]", "_", package))
    lines = []
    for name, data in sorted(_files(archive)):
        for key in _keys(name, data):
            if key not in seen:
                seen.add(key)
                lines.append(f"{key} {name}\n")
    print(f"{registry} {archive.name}: {len(lines)} keys", file=sys.stderr)
    return f"[{registry} {re.split('[@=]', package)[0]}]\n{''.join(lines)}" if lines else ""


def _download(registry: str, package: str, folder: Path) -> Path:
    """The package's archive, brought by the registry's own client."""
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):
        commands = {
            "pypi": [sys.executable, "-m", "pip", "--quiet", "download", "--no-deps", package],
            "pypi-sdist": [sys.executable, "-m", "pip", "--quiet", "download", "--no-deps", "--no-binary", ":all:",
                           package],
            "npm": ["npm", "pack", "--silent", package],
            "debian": ["apt-get", "--quiet", "download", package],
        }  # fmt: skip
        subprocess.run(commands[registry], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return next(iter(sorted(folder.iterdir())))


def _files(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files in an archive."""
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                if not entry.is_dir() and entry.file_size <= _MAX_FILE:
                    yield entry.filename, opened.read(entry)
    elif archive.suffix == ".deb":
        unpacker = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE)
        with unpacker, tarfile.open(fileobj=unpacker.stdout, mode="r|") as stream:
            yield from _members(stream)
    else:
        with tarfile.open(archive, mode="r|*") as stream:
            yield from _members(stream)


def _members(stream: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in stream:
        if member.isfile() and member.size <= _MAX_FILE:
            content = stream.extractfile(member)
            if content is not None:
                yield member.name.removeprefix("./"), content.read()


def _keys(name: str, data: bytes) -> Iterator[str]:
    """Fingerprints of the keys in a file."""
    texts = (data, _IN_QUOTES.sub(b"\n", data)) if b" KEY-----" in data else ()
    for text in texts:
        for match in _PEM.finditer(text):
            # Not as PEM: more than one label is wrong for what stands there, and Go reads that.
            with contextlib.suppress(ValueError):
                yield from _fingerprint(base64.b64decode(b"".join(match[2].split()), validate=True))
    if name.endswith(_BINARY) and data[:1] == b"\x30":
        yield from _fingerprint(data)


def _fingerprint(der: bytes) -> Iterator[str]:
    try:
        key = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    except Exception:  # noqa: BLE001 - encrypted, damaged on purpose, or of a kind that nobody knows
        return
    if isinstance(key, rsa.RSAPrivateKey):
        modulus = key.public_key().public_numbers().n
        if key.key_size >= _MIN_RSA_BITS:
            yield _short(modulus.to_bytes((modulus.bit_length() + 7) // 8, "big"))
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        yield _short(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _short(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()[:32]


if __name__ == "__main__":
    main()
