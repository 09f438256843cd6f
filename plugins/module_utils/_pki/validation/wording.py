# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A report in words: the verdict first, then each fault with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from ..values.lists import counted
from .model import ERROR, WARNING, Finding, FleetReport

MAX_LINES = 60


def counts_text(findings: Sequence[Finding]) -> str:
    """How many findings of which severity, for example ``2 errors, 1 warning``."""
    errors = sum(finding.severity == ERROR for finding in findings)
    warnings = sum(finding.severity == WARNING for finding in findings)
    others = len(findings) - errors - warnings
    parts = [counted(errors, "error")] if errors else []
    parts += [counted(warnings, "warning")] if warnings else []
    parts += [counted(others, "note")] if others else []
    return ", ".join(parts) or "no findings"


def finding_text(finding: Finding) -> str:
    """One finding as a sentence or three: what, what the sensor would say, what to do."""
    said = f' At the upload the sensor would say: "{finding.upload_error}"' if finding.upload_error else ""
    file = f" ({finding.file})" if finding.file and finding.file not in finding.message else ""
    return f"{finding.severity} {finding.id}{file}: {finding.message}.{said} What to do: {finding.hint}"


def report_text(report: FleetReport) -> str:
    """The whole report for people; long ones are cut, errors first, and say how much was left out."""
    everything = [finding for result in report.results for finding in result.findings]
    everything += report.fleet_findings
    waived = sum(len(result.waived) for result in report.results) + len(report.fleet_waived)
    trace = f"; {counted(waived, 'finding')} waived" if waived else ""
    if len(report.results) == 1:
        # A request or a key alone may be as it should be; that is not yet something to upload.
        partly = any(finding.id == "crt.not-given" for finding in everything)
        fit = "fit as far as it goes" if partly else "fit"
        verdict = f"{report.results[0].name} is {fit if report.valid else 'not fit'}"
    else:
        unfit = sum(not result.valid for result in report.results)
        verdict = f"{len(report.results) - unfit} of {counted(len(report.results), 'certificate')} are fit"
        if not unfit and not report.valid:
            verdict += ", but not together"
    lines = [f"{verdict}: {counts_text(everything)}{trace}."]
    ranked = sorted(everything, key=lambda finding: 0 if finding.severity == ERROR else 1)
    several = len(report.results) > 1
    for finding in ranked[:MAX_LINES]:
        prefix = f"{finding.objects[0]}: " if several and len(finding.objects) == 1 else ""
        lines.append(f"- {prefix}{finding_text(finding)}")
    if len(ranked) > MAX_LINES:
        lines.append(f"- and {counted(len(ranked) - MAX_LINES, 'more finding')}, see the result's 'findings'")
    return "\n".join(lines)
