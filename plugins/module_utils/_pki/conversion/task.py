# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The task behind ``cert_convert``: options in, result out, the same from the module and the action."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..._plain.errors import FileError, InputError
from ..._plain.files import read_file, why
from ..intake.material import PKCS8, TRADITIONAL
from ..intake.problem import ERROR, finding
from ..parallel import process_map, usable_processors
from ..values.faults import kind_of
from .convert import Conversion, Outcome, OutputOutcome, convert
from .outputs import KINDS, LEGACY, MODERN, Form
from .placing import ownership_of
from .switching import settle_abandoned

# Below this, starting processes costs more than it saves.
PARALLEL_FROM = 100
_CHUNK = 20
# A worker that takes longer for one conversion is ended.
MAX_SECONDS = 300.0

_OWN_SPEC: dict[str, dict[str, Any]] = {
    "src": {"type": "list", "elements": "path"},
    "outputs": {"type": "dict"},
    "passphrase": {"type": "str", "no_log": True},
    # Read by the action, on the control node.
    "passphrase_variable": {"type": "str", "no_log": False},
    "passphrase_file": {"type": "path", "no_log": False},
    "output_passphrase": {"type": "str", "no_log": True},
    "output_passphrase_variable": {"type": "str", "no_log": False},
    "output_passphrase_file": {"type": "path", "no_log": False},
    "select": {"type": "str"},
    "key_format": {"type": "str", "choices": [PKCS8, TRADITIONAL], "no_log": False},
    "p12_profile": {"type": "str", "choices": [MODERN, LEGACY]},
    "friendly_name": {"type": "str"},
    "mode": {"type": "raw"},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "backup": {"type": "bool"},
}
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **_OWN_SPEC,
    "key_format": {**_OWN_SPEC["key_format"], "default": PKCS8},
    "p12_profile": {**_OWN_SPEC["p12_profile"], "default": MODERN},
    "backup": {"type": "bool", "default": False},
    "conversions": {"type": "list", "elements": "dict", "options": _OWN_SPEC},
}


def passphrase_from(path: str, option: str) -> str:
    """The first line of a file.

    :raises InputError: it cannot be read, or is no text.
    """
    try:
        text = read_file(os.path.expanduser(path), 65536).decode()
    except (FileError, UnicodeDecodeError, ValueError) as error:
        why = "it is no text in UTF-8" if isinstance(error, ValueError) else str(error)
        raise InputError(f"{option} is {path!r}, which cannot be used: {why}") from None
    return text.lstrip("\ufeff").split("\n", 1)[0].rstrip("\r")


def conversions_of(params: Mapping[str, Any]) -> tuple[list[Conversion], bool]:
    """The conversions that the options describe, and whether they were given as a list.

    :raises InputError: an option that cannot be used; it is named.
    """
    listed = params.get("conversions")
    if listed is None:
        conversions = [_conversion(params, {}, "")]
    else:
        conversions = [_conversion(entry, params, f"conversions[{place}].") for place, entry in enumerate(listed)]
    users: dict[str, str] = {}
    for position, conversion in enumerate(conversions):
        prefix = f"conversions[{position}]." if listed is not None else ""
        for kind, path in conversion.outputs.items():
            option = f"{prefix}outputs.{kind}"
            other = users.setdefault(os.path.abspath(path), option)
            if other != option:
                raise InputError(f"{option} is {path!r}, and so is {other}; wanted: a path of its own")
    return conversions, listed is not None


def _conversion(entry: Mapping[str, Any], defaults: Mapping[str, Any], prefix: str) -> Conversion:
    def get(option: str) -> Any:
        value = entry.get(option)
        return defaults.get(option) if value is None else value

    src = [path for path in get("src") or [] if path]
    if not src:
        raise InputError(f"{prefix}src is not set; wanted: the path of a file or a folder, or a list of them")
    for position, path in enumerate(src):
        # A text that came this far stands in results and logs, and it may be a private key: it is not quoted.
        if "-----BEGIN" in path or "\n" in path:
            raise InputError(
                f"{prefix}src[{position}] is a text and no path; wanted: the path of a file. "
                "Its value is not shown, since it may hold a private key; write it into a file of mode 0600"
            )
    form = Form(
        passphrase=_passphrase(get, "output_passphrase", prefix),
        key_format=get("key_format") or PKCS8,
        p12_profile=get("p12_profile") or MODERN,
        friendly_name=get("friendly_name") or None,
    )
    try:
        ownership = ownership_of(get("mode"), get("owner"), get("group"))
    except InputError as error:
        raise InputError(f"{prefix}{error}") from None
    return Conversion(
        src=tuple(src),
        outputs=_outputs(get("outputs"), prefix),
        passphrase=_passphrase(get, "passphrase", prefix),
        form=form,
        wanted=get("select") or None,
        ownership=ownership,
        backup=bool(get("backup")),
    )


def _passphrase(get: Any, option: str, prefix: str) -> str | None:
    value = get(option)
    path = get(f"{option}_file")
    if value and path:
        raise InputError(f"{prefix}{option} and {prefix}{option}_file are both set; wanted: one of them")
    if path:
        return passphrase_from(path, f"{prefix}{option}_file") or None
    return str(value) if value else None


def _outputs(value: Any, prefix: str) -> dict[str, str]:
    kinds = ", ".join(KINDS)
    if not isinstance(value, Mapping) or not value:
        raise InputError(f"{prefix}outputs is not set; wanted: paths by kind ({kinds})")
    outputs = {}
    for kind, path in value.items():
        if kind not in KINDS:
            raise InputError(f"{prefix}outputs has {kind!r}; wanted: {kinds}")
        if path is None or path == "":
            continue
        if not isinstance(path, str):
            raise InputError(f"{prefix}outputs.{kind} is {kind_of(path)}; wanted: the path of a file")
        outputs[kind] = os.path.expanduser(os.path.expandvars(path))
    if not outputs:
        raise InputError(f"{prefix}outputs is not set; wanted: paths by kind ({kinds})")
    return outputs


def run(params: Mapping[str, Any], check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Convert what the options describe.

    :returns: a module's result; ``failed`` if any conversion could not be done, the others are.
    :raises PkiError: the options cannot be used.
    """
    conversions, is_list = conversions_of(params)
    warnings = [] if check_mode else _settle_abandoned(conversions)
    workers = usable_processors() if len(conversions) >= PARALLEL_FROM else 1
    work = functools.partial(_convert, check_mode=check_mode)
    results = []
    diffs = []
    for data, files in process_map(work, conversions, workers, _CHUNK, _lost, MAX_SECONDS):
        results.append(data)
        diffs += [_diff(file) for file in files if file.changed]
    if is_list:
        result = _list_result(results)
    else:
        result = dict(results[0])
        if not result["failed"]:
            del result["failed"]
    if diff_mode:
        result["diff"] = diffs
    if warnings:
        result["warnings"] = warnings
    return result


def _settle_abandoned(conversions: Sequence[Conversion]) -> list[str]:
    """Finish or take back what runs that were killed have left where files are to be written; what to say of it."""
    told = []
    paths = (os.path.abspath(path) for conversion in conversions for path in conversion.outputs.values())
    for folder in dict.fromkeys(os.path.dirname(path) for path in paths):
        if not os.path.isdir(folder):
            continue
        try:
            touched = settle_abandoned(folder)
        except (OSError, FileError) as error:
            text = why(error) if isinstance(error, OSError) else str(error)
            told.append(f"{folder}: what a run that was cut off has left there could not be finished: {text}")
            continue
        if touched:
            names = ", ".join(touched)
            told.append(f"{folder}: a run was cut off while it changed files; they belong together again: {names}")
    return told


def _convert(conversion: Conversion, check_mode: bool) -> tuple[dict[str, Any], tuple[OutputOutcome, ...]]:
    """In a worker: convert, and return what is plain data."""
    outcome = convert(conversion, check_mode)
    return outcome.to_dict(), outcome.files


def _lost(conversion: Conversion, reason: str) -> tuple[dict[str, Any], tuple[OutputOutcome, ...]]:
    """What is known of a conversion over which a worker ended."""
    problem = finding("src.refused", ERROR, f"not converted: {reason}", ", ".join(conversion.src))
    return Outcome(conversion, findings=(problem,)).to_dict(), ()


def _diff(file: OutputOutcome) -> dict[str, str]:
    return {
        "before_header": file.path,
        "after_header": file.path,
        "before": "".join(f"{line}\n" for line in file.before),
        "after": "".join(f"{line}\n" for line in file.after),
    }


def _list_result(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    failed = [entry for entry in results if entry["failed"]]
    changed = sum(entry["changed"] for entry in results)
    lines = [f"{len(results)} conversions: {changed} changed, {len(results) - changed - len(failed)} as they were"]
    lines[0] += f", {len(failed)} failed" if failed else ""
    lines += [entry["msg"] for entry in failed[:20]]
    if len(failed) > 20:
        lines.append(f"and {len(failed) - 20} more")
    result: dict[str, Any] = {"changed": changed > 0, "msg": "\n".join(lines), "results": list(results)}
    if failed:
        result["failed"] = True
    return result
