# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bundles found in a folder that somebody else laid out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..._plain.errors import FileError, InputError
from ..._plain.files import why
from ..crypto import UnreadableError, guard
from ..values import reading
from ..values.certificates import read_own_certificates
from ..values.source import Source

# Roles of a file by its extension; what decides between a chain and a certificate is the content.
_CERTIFICATES = (".crt", ".cer", ".cert", ".der")
_KEYS = (".key",)
_CHAINS = (".pem", ".chain")
_REQUESTS = (".csr", ".req", ".p10")
_CONTAINERS = (".pfx", ".p12", ".p7b", ".p7c", ".p7s", ".jks")
_ARCHIVES = (".zip",)
_ROLES = (("private_key", _KEYS), ("chain", _CHAINS), ("csr", _REQUESTS))


@dataclass
class Found:
    """What a folder holds.

    :ivar bundles: objects as ``certificates`` takes them.
    :ivar passed_over: a sentence for each file that looks like one of a certificate and was not judged.
    """

    bundles: list[dict[str, str]] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)


def find_bundles(folder: str) -> Found:
    """What the files of a folder, and of the folders directly in it, are.

    A subfolder with one certificate is a bundle by the subfolder's name, as a stage folder has them; otherwise
    files of one stem belong together (``a.crt``, ``a.key``, ``a.pem``). A request or a key without a certificate is
    judged alone, and so is a container that nothing else stands for. Names with a leading dot are passed over.

    :raises FileError: the folder cannot be read. :raises InputError: it holds nothing to judge.
    """
    if os.path.isfile(folder):
        raise InputError(f"{folder} is a file; wanted: the folder that holds it, or validate_certs_certificates")
    found = Found()
    _in_folder(folder, None, found)
    for entry in _entries(folder):
        path = os.path.join(folder, entry)
        if os.path.isdir(path):
            _in_folder(path, entry, found)
    if not found.bundles:
        others = f" ({'; '.join(found.passed_over[:5])})" if found.passed_over else ""
        raise InputError(
            f"folder {folder} holds nothing to judge{others}; wanted: certificates named {', '.join(_CERTIFICATES)} or "
            ".pem, requests (.csr) or keys (.key), in it or in the folders directly in it"
        )
    return found


def _entries(folder: str) -> list[str]:
    try:
        return sorted(entry for entry in os.listdir(folder) if not entry.startswith("."))
    except OSError as error:
        raise FileError(f"{folder} cannot be read: {why(error)}") from error


def _in_folder(folder: str, name: str | None, found: Found) -> None:
    files = [entry for entry in _entries(folder) if os.path.isfile(os.path.join(folder, entry))]
    certificates = [entry for entry in files if _extension(entry) in _CERTIFICATES]
    stems = {_stem(entry) for entry in certificates}
    # A certificate that somebody saved under a chain's name, where no other file is the certificate.
    certificates += [
        entry
        for entry in files
        if _extension(entry) in _CHAINS and _stem(entry) not in stems and _is_certificate(os.path.join(folder, entry))
    ]
    used = set(certificates)
    alone = name is not None and len(certificates) == 1
    for certificate in certificates:
        bundle = _object(folder, name, "" if alone else _stem(certificate), certificate=certificate)
        for option, extensions in _ROLES:
            fitting = [entry for entry in files if _extension(entry) in extensions and entry not in certificates]
            same_stem = [entry for entry in fitting if _stem(entry) == _stem(certificate)]
            chosen = same_stem or (fitting if alone and len(fitting) == 1 else [])
            if chosen:
                bundle[option] = os.path.join(folder, chosen[0])
                used.add(chosen[0])
        found.bundles.append(bundle)
    _alone(
        folder, name, [entry for entry in files if entry not in used], {_stem(entry) for entry in certificates}, found
    )


def _alone(folder: str, name: str | None, rest: list[str], judged: set[str], found: Found) -> None:
    """Files that belong to no certificate."""
    groups: dict[str, dict[str, str]] = {}
    for entry in rest:
        role = next((option for option, extensions in _ROLES if _extension(entry) in extensions), None)
        path = os.path.join(folder, entry)
        if role in ("private_key", "csr"):
            groups.setdefault(_stem(entry), _object(folder, name, _stem(entry)))[str(role)] = path
        elif _extension(entry) in _CONTAINERS and _stem(entry) not in judged and not (name and judged):
            # Judging says what it is, and how to get at the certificate.
            groups.setdefault(_stem(entry), _object(folder, name, _stem(entry)))["certificate"] = path
        elif _extension(entry) in _ARCHIVES:
            found.passed_over.append(f"{path} was not judged: an archive; unpack it, or sort it out with import_certs")
        elif role == "chain" or _extension(entry) in _CONTAINERS:
            found.passed_over.append(f"{path} was not judged: {_kind(path)}, which belongs to no certificate here")
    found.bundles += groups.values()


def _object(folder: str, name: str | None, stem: str, **files: str) -> dict[str, str]:
    paths = {option: os.path.join(folder, entry) for option, entry in files.items()}
    return {"name": os.path.join(name or "", stem).rstrip(os.sep), **paths}


def _is_certificate(path: str) -> bool:
    """Whether a PEM file begins with a certificate that is no CA's."""
    source = Source.read(path)
    if source.data is None:
        return False
    views = read_own_certificates(source).views
    return bool(views) and not views[0].says_ca


def _kind(path: str) -> str:
    source = Source.read(path)
    if source.problem is not None or source.data is None:
        return source.problem or "it cannot be read"
    try:
        with guard():
            return reading.read_content(source.data).kind
    except UnreadableError as error:
        return str(error)


def described_by_inventory(
    bundles: list[dict[str, str]], sensors: Mapping[str, Mapping[str, str]]
) -> list[dict[str, str]]:
    """The bundles with what the inventory says of their sensors, who are found by name or by common name.

    :param sensors: for each sensor its ``common_name``, and ``key_passphrase`` if it has one.
    """
    by_name: dict[str, Mapping[str, str]] = {name.lower(): told for name, told in sensors.items()}
    for told in sensors.values():
        by_name.setdefault(told["common_name"].lower(), told)
    described = []
    for bundle in bundles:
        found = next((key for key in _keys(bundle["name"]) if key in by_name), None)
        more = {}
        if found is not None:
            told = by_name[found]
            more["expected_common_name"] = told["common_name"]
            if told.get("key_passphrase"):
                more["private_key_passphrase"] = told["key_passphrase"]
        described.append({**more, **bundle})
    return described


def _keys(name: str) -> list[str]:
    """What a bundle may be called in an inventory: its whole name, its subfolder, or its files' stem."""
    return [part.lower() for part in (name, name.split(os.sep)[0], name.split(os.sep)[-1])]


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]


def _extension(name: str) -> str:
    return os.path.splitext(name)[1].lower()
