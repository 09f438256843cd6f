# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the checks from all vantages come to: which sensors fail, and the lines that tell people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..values.lists import counted, some

AUTO, ERROR, NEVER = "auto", "error", "never"
_CONTROL_NODE_NOTE = (
    "seen from the control node only, so it fails nobody; name a host in the sensors' segment in crl_access_vantage"
)


def gather(
    checks: Sequence[Mapping[str, Any]],
    vantages: Sequence[Mapping[str, Any]],
    fail_on: str = AUTO,
    most: int = 10,
) -> dict[str, Any]:
    """Bring the results of the checks from several vantages together.

    :param checks: results of ``crl_reachable``, one for each of the vantages.
    :param vantages: the vantages of ``fleet_inputs``, in the same order.
    :param fail_on: ``auto``: what is seen from a vantage that somebody named fails sensors, the control node's
        own view does not, but for a revocation, which is true from everywhere; ``error``: both do; ``never``.
    :returns: ``results`` (``name`` and ``errors`` of each sensor), ``lines``, ``reachable``, ``revoked``,
        and ``numbers``: the CRL numbers that were found, by URL.
    """
    results: list[dict[str, Any]] = []
    lines: list[str] = []
    problems = 0
    for check, item in zip(checks, vantages):
        counts = fail_on == ERROR or (fail_on == AUTO and item["named"])
        judged, revoked = _judged(check, item), _revoked(check)
        by_error: dict[str, list[str]] = {}
        by_revocation: dict[str, list[str]] = {}
        for name in {**judged, **revoked}:
            other = [error for error in judged.get(name, ()) if error not in revoked.get(name, ())]
            mine = revoked.get(name, []) if fail_on != NEVER else []
            results.append({"name": name, "errors": [*mine, *(other if counts else [])]})
            for error in other:
                by_error.setdefault(error, []).append(name)
            for error in revoked.get(name, ()):
                by_revocation.setdefault(error, []).append(name)
        problems += len(by_error) + len(by_revocation)
        lines += _good(check, item["vantage"])[:most]
        mark = "CRL WARNING" if fail_on == NEVER else "CRL FAILED"
        for error, names in list(by_revocation.items())[:most]:
            lines.append(f"{mark}: {error} [{some(names)}]")
        if len(by_revocation) > most:
            lines.append(f"{mark}: and {len(by_revocation) - most} more are revoked")
        mark = "CRL FAILED" if counts else "CRL WARNING"
        note = "" if counts or item["named"] else f" ({_CONTROL_NODE_NOTE})"
        for error, names in list(by_error.items())[:most]:
            lines.append(f"{mark} from {item['vantage']}: {error}{note} [{some(names)}]")
        if len(by_error) > most:
            lines.append(f"{mark} from {item['vantage']}: and {len(by_error) - most} more")
        lines += [f"CRL from {item['vantage']}: {warning}" for warning in (check.get("warnings") or [])[:most]]
    return {
        "results": results,
        "lines": lines,
        "reachable": not problems,
        "revoked": any(bool(check.get("revoked")) for check in checks),
        "numbers": {
            entry["url"]: entry["number"]
            for check in checks
            for entry in check.get("urls") or []
            if entry["usable"] and entry["number"] is not None
        },
    }


def _judged(check: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, list[str]]:
    """The errors of each sensor; if the vantage itself failed, that is every sensor's."""
    if check.get("results") is not None:
        return {result["name"]: list(result["errors"]) for result in check["results"]}
    text = str(check.get("msg") or "no answer").strip()
    if not text.startswith("the vantage "):
        text = f"the vantage {item['vantage']} could not check: {text}"
    names = check.get("checked")
    return {name: [text] for name in (item["sensors"] if names is None else names)}


def _revoked(check: Mapping[str, Any]) -> dict[str, list[str]]:
    """What says that a sensor's certificate is revoked: the CRL, or the record where the CRL does not (yet)."""
    found = {
        result["name"]: list(result["revocations"])
        for result in check.get("results") or []
        if result.get("revocations")
    }
    for name, text in (check.get("recorded") or {}).items():
        found.setdefault(name, [text])
    return found


def _good(check: Mapping[str, Any], vantage: str) -> list[str]:
    lines = []
    for entry in check.get("urls") or []:
        if entry["usable"] and entry["url"]:
            number = f" number {entry['number']}," if entry["number"] is not None else ""
            lines.append(
                f"CRL: {entry['url']} is usable from {vantage}:{number} {_entries(entry)}, "
                f"{counted(entry['bytes'], 'byte')}, ends {str(entry['next_update'])[:10]}"
            )
    return lines


def _entries(crl: Mapping[str, Any]) -> str:
    return counted(crl["entries"], "entry", "entries")


def crl_lines(
    publication: Mapping[str, Any], copies: Mapping[str, str], access: Mapping[str, Any], check_mode: bool
) -> list[str]:
    """For a run's summary: what became of the CRLs, of their copies, and how they look from where sensors stand.

    :param publication: the result of ``crl_publish``, or empty.
    :param copies: what went wrong with the copies, by web server.
    :param access: what :func:`gather` returned, or empty.
    """
    lines = []
    if publication.get("msg") and publication.get("results") is None and not publication.get("skipped"):
        lines.append(f"FAILED CRL: {publication['msg']}")
    if publication.get("results") == [] and not publication.get("skipped"):
        lines.append(f"CRLs: {publication['msg']}")
    for result in publication.get("results") or []:
        lines += [f"FAILED CRL: {error}" for error in result["errors"]]
        if result["action"] == "published":
            verb = "to be renewed" if check_mode else "renewed"
            state = f"{verb} ({'; '.join(result['reasons'])})"
        elif result["action"] == "kept" and result["number"] is not None:
            state = "kept"
        else:
            continue
        facts = ""
        if result["number"] is not None:
            facts = f", number {result['number']}, {_entries(result)}, ends {result['next_update'][:10]}"
        lines.append(f"CRL of the {result['ca']} CA {state}{facts}: {result['path']}")
    found = access.get("numbers") or {}
    for result in publication.get("results") or []:
        number = found.get(result["url"])
        if number is not None and result["number"] is not None and number < result["number"]:
            lines.append(
                f"CRL WARNING: {result['url']} still serves number {number}; copy {result['path']} (number "
                f"{result['number']}) to that web server, or put it into the group crl_web_servers"
            )
    lines += [f"FAILED CRL copy to {host}: {error}" for host, error in copies.items() if error]
    return lines + list(access.get("lines") or [])
