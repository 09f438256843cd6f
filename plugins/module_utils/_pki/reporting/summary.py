# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person wants to read at the end of a run: what was done, why, what failed, what is due next, where."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Mapping  # of collections.abc, Python 3.8 cannot subscript it while it runs

from ..._plain.texts import harmless
from ..crl.access import crl_lines
from ..values.lists import counted, some

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """The results of a run's steps, as their modules return them; a step that did not run is empty.

    :ivar orphaned: for whom something is kept, and who is not in the inventory (any more).
    """

    inputs: Result
    local_ca: Result
    issued: Result
    staged: Result
    stage_dir: str | None
    check_mode: bool
    workstations: Result = field(default_factory=dict)
    crl_publication: Result = field(default_factory=dict)
    crl_copies: Mapping[str, str] = field(default_factory=dict)
    crl_access: Result = field(default_factory=dict)
    orphaned: Sequence[str] = ()


@dataclass(frozen=True)
class Counts:
    """How many sensors there are of each action."""

    issued: int
    kept: int
    pending: int
    failed: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.issued + self.kept + self.pending + self.failed


@dataclass(frozen=True)
class Summary:
    """The figures of a run, and the lines that tell them."""

    counts: Counts
    next_due: dict[str, str] | None
    lines: tuple[str, ...]


def _errors(run: Run) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    for results in (run.inputs.get("refused"), run.issued.get("results"), run.staged.get("results")):
        for result in results or []:
            if result["errors"]:
                errors.setdefault(result["name"], []).extend(result["errors"])
    return errors


def summarize(run: Run, most: int = 10) -> Summary:
    """Put the results of a run into figures and lines.

    :param most: how many sensors are named for each thing; the others are counted.
    """
    errors = _errors(run)
    done = [result for result in run.issued.get("results") or [] if result["name"] not in errors]
    issued, kept, pending = (
        [result for result in done if result["action"] == action] for action in ("issued", "kept", "pending")
    )
    due = sorted((result for result in done if result["renew_after"]), key=lambda result: result["renew_after"])
    next_due = {key: due[0][key] for key in ("name", "renew_after", "not_after")} if due else None
    counts = Counts(len(issued), len(kept), len(pending), len(errors))
    lines = [_headline(counts, run.check_mode)]
    lines += _slice(run.inputs.get("slice") or {})
    lines += _issuers(done)
    lines += _reasons([*issued, *(result for result in kept if result["reasons"])], most)
    lines += _pending(pending, most)
    lines += _received(issued, most)
    lines += [f"  {result['name']}: {note}" for result in done for note in result["notes"]][: 2 * most]
    lines += _altered(done, most)
    lines += run.issued.get("lines") or []
    lines += _failures(errors, most)
    lines += [f"FAILED {problem}" for problem in run.issued.get("problems") or []]
    lines += _findings(run.staged.get("results") or [], errors, most)
    lines += _told_when_staged(run.staged.get("results") or [], most)
    lines += _next(due)
    lines += _authority(run.local_ca, run.check_mode)
    lines += _files(run)
    lines += _addresses(run.inputs, most)
    lines += _orphaned(run.orphaned, most)
    told = crl_lines(run.crl_publication, run.crl_copies, run.crl_access, run.check_mode)
    told += _workstations(run.workstations, most, run.check_mode)
    if told and not done and not errors:
        lines = []  # a run for workstations or CRLs alone
    lines += told
    # In one place, for all that is quoted: no text of others writes a line of its own, or over another one.
    return Summary(counts, next_due, tuple(map(harmless, lines)))


def _files(run: Run) -> list[str]:
    """Where the files are, if there are any: a sensor whose bundle passed, in this run or an earlier one."""
    there = any(not result["errors"] for result in run.staged.get("results") or [])
    if not run.stage_dir or not there or run.check_mode:
        return []
    return [f"Files: {run.stage_dir}/<sensor>/ holds the .crt, .key and .pem to upload"]


def _addresses(inputs: Result, most: int) -> list[str]:
    """Sensors that no hosts file will name."""
    without = (inputs.get("names") or {}).get("without_address") or []
    if not without:
        return []
    return [
        f"Not in hosts files, since neither hosts_entries_ip nor ansible_host is an IP address: {some(without, most)}"
    ]


def _orphaned(orphaned: Sequence[str], most: int) -> list[str]:
    """Sensors that left the inventory, whose certificates still work."""
    if not orphaned:
        return []
    return [
        f"Not in the inventory any more, but kept: {some(orphaned, most)}; their certificates stay valid until the "
        "playbook retire_sensors revokes and removes them"
    ]


def recap_line(lead: str, total: int) -> list[str]:
    """What Ansible's own list of hosts below this does not say.

    :param lead: the host whose tasks stand for the whole run in what Ansible counts; empty: there is none.
    """
    if not lead or total < 2:
        return []
    return [f"The recap counts tasks, not sensors: {lead} stands for all {total}; besides, it lists each that failed"]


def _headline(counts: Counts, check_mode: bool) -> str:
    verbs = ("to be issued", "to be kept", "cannot be done") if check_mode else ("issued", "kept", "failed")
    text = f"{counted(counts.total, 'sensor')}: {counts.issued} {verbs[0]}, {counts.kept} {verbs[1]}, "
    # Waiting for somebody else's answer is usual with some issuers and unheard of with others.
    text += f"{counts.pending} pending, " if counts.pending else ""
    return text + f"{counts.failed} {verbs[2]}" + (" (check mode: nothing was written)" if check_mode else "")


def _slice(part: Result) -> list[str]:
    """In a slice of a job, what was left out."""
    if not part:
        return []
    return [
        f"Certificates alone, since this is {part['text']}: CRLs, web servers, trust stores, hosts files, the "
        "workstations' folder and reports need a run without slices"
    ]


def _issuers(done: Sequence[Result]) -> list[str]:
    """Whose certificates they are, if there is more than one issuer."""
    counts = collections.Counter(str(result.get("issuer")) for result in done)
    if len(counts) < 2:
        return []
    return ["By issuer: " + ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))]


def _altered(done: Sequence[Result], most: int) -> list[str]:
    """What issuers gave otherwise than they were asked, each difference once."""
    by_change: dict[str, list[str]] = collections.defaultdict(list)
    for result in done:
        for change in result.get("altered") or []:
            text = f"{change['field']}: asked {change['asked']}, given {change['given']}"
            by_change[f"Changed by {result['issuer']}: {text}"].append(result["name"])
    shown = sorted(by_change.items(), key=lambda item: -len(item[1]))
    lines = [f"  {text} ({some(names, 3)})" for text, names in shown[:most]]
    return lines + ([f"  and {counted(len(shown) - most, 'more change')} by issuers"] if len(shown) > most else [])


def _pending(pending: Sequence[Result], most: int) -> list[str]:
    by_reason: dict[str, list[str]] = collections.defaultdict(list)
    for result in pending:
        by_reason["; ".join(result["reasons"])].append(result["name"])
    lines = [f"Pending: {reason}: {some(names, most)}" for reason, names in list(by_reason.items())[:most]]
    if len(by_reason) > most:
        lines.append(f"Pending: and {counted(len(by_reason) - most, 'more reason')}")
    return lines


def _received(issued: Sequence[Result], most: int) -> list[str]:
    lines = [
        f"  {result['name']}: received in {', '.join(result['received'])}" for result in issued if result["received"]
    ]
    rest = len(lines) - most
    return lines[:most] + ([f"  and {rest} more received"] if rest > 0 else [])


def _reasons(issued: Sequence[Result], most: int) -> list[str]:
    by_reason: dict[str, list[str]] = collections.defaultdict(list)
    for result in issued:
        for reason in result["reasons"]:
            by_reason[reason].append(result["name"])
    shown = sorted(by_reason.items(), key=lambda item: -len(item[1]))
    lines = [f"  {reason}: {some(names, most)}" for reason, names in shown[:most]]
    if len(shown) > most:
        lines.append(f"  and {counted(len(shown) - most, 'more reason')}")
    return lines


def _failures(errors: Mapping[str, Sequence[str]], most: int) -> list[str]:
    """Each error once, with the sensors that have it: a mistake in a group's variables is one line, not a thousand."""
    by_text: dict[str, list[str]] = collections.defaultdict(list)
    for name, texts in errors.items():
        for text in dict.fromkeys(texts):
            by_text[text].append(name)
    shown = list(by_text.items())[:most]
    lines = [f"FAILED {some(names, most)}: {text}" for text, names in shown]
    rest = len(errors.keys() - {name for _text, names in shown for name in names})
    if rest:
        lines.append(f"FAILED and {counted(rest, 'more sensor')}")
    return lines


def _findings(staged: Sequence[Result], errors: Mapping[str, Sequence[str]], most: int) -> list[str]:
    by_finding: dict[str, list[str]] = collections.defaultdict(list)
    for result in staged:
        if result["name"] in errors:
            continue
        for finding in result["findings"]:
            if finding["severity"] != "info":
                by_finding[f"{finding['severity'].upper()} {finding['id']}: {finding['message']}"].append(
                    result["name"]
                )
    lines = [f"{text} ({some(names, 3)})" for text, names in list(by_finding.items())[:most]]
    if len(by_finding) > most:
        lines.append(f"and {counted(len(by_finding) - most, 'more finding')}")
    return lines


def _told_when_staged(staged: Sequence[Result], most: int) -> list[str]:
    """What the record has lost of what is staged, above all."""
    by_text: dict[str, list[str]] = collections.defaultdict(list)
    for result in staged:
        for text in result.get("warnings") or []:
            by_text[text].append(result["name"])
    lines = [f"WARNING {text} ({some(names, 3)})" for text, names in list(by_text.items())[:most]]
    if len(by_text) > most:
        lines.append(f"and {counted(len(by_text) - most, 'more warning')}")
    return lines


def _next(due: Sequence[Result]) -> list[str]:
    if not due:
        return []
    first = due[0]
    same_day = [result["name"] for result in due if result["renew_after"][:10] == first["renew_after"][:10]]
    rest = f" and {len(same_day) - 1} more" if len(same_day) > 1 else ""
    return [f"Next due: {first['name']}{rest} from {first['renew_after'][:10]} on (ends {first['not_after'][:10]})"]


def _authority(local_ca: Result, check_mode: bool) -> list[str]:
    if not local_ca or local_ca.get("failed"):
        return []
    lines = []
    if local_ca.get("chain"):
        issuing, root = local_ca["chain"][0], local_ca["chain"][-1]
        made = "was made" if local_ca.get("changed") else "is kept"
        lines.append(f"CA: {issuing['subject']} {made}, ends {issuing['not_after'][:10]}")
        lines.append(f"Trust this root on workstations: {local_ca['root_certificate']} (SHA-256 {root['fingerprint']})")
        if len(local_ca["chain"]) > 1 and local_ca.get("root_key_present"):
            lines.append(
                f"Take the root's key offline: {local_ca['dir']}/root.key is needed only for another issuing CA "
                "and for the root's revocation list"
            )
    if local_ca.get("changed") and not local_ca.get("name_constrained"):
        # Told when something can still be done about it: before the CA is trusted anywhere.
        how = "set local_ca_permitted_names before it is made"
        if not check_mode:
            how = (
                f"set local_ca_permitted_names, remove {local_ca['dir']} and its ledger before anything is trusted or "
                "uploaded, and run again"
            )
        lines.append(f"Note: this CA may vouch for any name; to limit it, {how}")
    return lines


def _workstations(workstations: Result, most: int, check_mode: bool) -> list[str]:
    hosts, errors = workstations.get("hosts") or [], dict(workstations.get("errors") or {})
    lines = []
    if hosts:
        done = sum(1 for host in hosts if host not in errors)
        verbs = ("would trust", "would know") if check_mode else ("trust", "know")
        lines.append(f"Workstations: {done} of {len(hosts)} {verbs[0]} the CA and {verbs[1]} the sensors' names")
    lines += [f"FAILED workstation {name}: {error}" for name, error in list(errors.items())[:most]]
    if len(errors) > most:
        lines.append(f"FAILED and {counted(len(errors) - most, 'more workstation')}")
    if workstations.get("folder"):
        lines.append(
            f"For workstations that Ansible does not reach: {workstations['folder']}/index.html says what to do"
        )
    return lines
