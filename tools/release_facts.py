# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release must be, asked of files. Called by tools/release-check and by the tests.

Commands: ``version``, ``content TARBALL``, ``project``, ``bills RUN_TIME DEVELOPMENT``. Each prints what is wrong.
"""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

TOP = Path(__file__).resolve().parent.parent

# What ansible-galaxy leaves out whatever build_ignore says, and what it adds.
_NEVER_BUILT = ("galaxy.yml", "*.pyc", "*.retry", ".git")
_ADDED = {"MANIFEST.json", "FILES.json"}
# All that users need: whatever else there is was forgotten in build_ignore.
_WANTED = (
    "ARCHITECTURE.md", "CHANGELOG.rst", "LICENSES", "README.md", "SECURITY.md", "changelogs", "docs", "extensions",
    "meta", "playbooks", "plugins", "requirements.txt", "roles",
)  # fmt: skip


def galaxy() -> dict[str, Any]:
    """What galaxy.yml says."""
    found: dict[str, Any] = yaml.safe_load((TOP / "galaxy.yml").read_text(encoding="utf-8"))
    return found


def version_faults() -> list[str]:
    """Whether galaxy.yml's version is the changelog's newest release."""
    version = str(galaxy()["version"])
    releases = yaml.safe_load((TOP / "changelogs" / "changelog.yaml").read_text(encoding="utf-8"))["releases"]
    newest = max(releases, key=_order)
    faults = []
    if newest != version:
        faults.append(f"galaxy.yml says {version}, the newest release in changelogs/changelog.yaml is {newest}")
    return faults


def waiting_fragments() -> list[str]:
    """Changes that are told, but in no release yet."""
    return sorted(path.name for path in (TOP / "changelogs" / "fragments").glob("*.yml"))


def _order(version: str) -> tuple[Any, ...]:
    """Semantic Versioning 2.0.0, section 11, as far as releases of this collection go: 1.1.0-rc1 is before 1.1.0."""
    core, _dash, pre = version.partition("-")
    return (*map(int, core.split(".")), not pre, pre)


def tracked() -> list[str]:
    """The files that git knows, as paths below the checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name]


def expected(names: Sequence[str]) -> set[str]:
    """Which of these files are built: ``build_ignore`` matches a file or a folder above it, as for ansible-galaxy."""
    patterns = [*galaxy()["build_ignore"], *_NEVER_BUILT]

    def ignored(name: str) -> bool:
        steps = name.split("/")
        paths = ["/".join(steps[:count]) for count in range(1, len(steps) + 1)]
        return any(fnmatch.fnmatch(path, pattern) for path in paths for pattern in patterns)

    return {name for name in names if not ignored(name)}


def content_faults(tarball: Path, names: Sequence[str] | None = None) -> list[str]:
    """How the tarball's files differ from what is tracked and wanted by users."""
    with tarfile.open(tarball) as archive:
        held = {member.name for member in archive.getmembers() if not member.isdir()} - _ADDED
    wanted = expected(tracked() if names is None else names)
    faults = [f"{name} is in the tarball and not tracked" for name in sorted(held - wanted)]
    faults += [f"{name} is tracked and not in the tarball" for name in sorted(wanted - held)]
    faults += [f"{name} is nothing that users need" for name in sorted(held) if name.split("/")[0] not in _WANTED]
    return faults


def project() -> str:
    """The collection as the main component of a bill of material (PEP 621)."""
    facts = galaxy()
    needs = [line for line in (TOP / "requirements.txt").read_text(encoding="utf-8").splitlines() if line[:1].isalpha()]
    return "\n".join(
        [
            "[project]",
            f"name = {json.dumps(facts['namespace'] + '.' + facts['name'])}",
            f"version = {json.dumps(str(facts['version']))}",
            f"description = {json.dumps(facts['description'])}",
            f"license = {json.dumps(facts['license'][0])}",
            f"dependencies = {json.dumps(['ansible-core', *needs])}",
            "",
        ]
    )


def pins(path: Path) -> dict[str, str]:
    """Names (PEP 503) and versions of a requirements file."""
    found = re.findall(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {normal(name): version for name, version in found}


def normal(name: str) -> str:
    """A package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def bill_faults(run_time: Path, development: Path) -> list[str]:
    """What the bills of material lack."""
    faults = []
    for path, level in ((run_time, "demo"), (development, "lint")):
        bill = json.loads(path.read_text(encoding="utf-8"))
        if bill.get("bomFormat") != "CycloneDX":
            faults.append(f"{path.name} is no CycloneDX document")
        named = {normal(part["name"]): part.get("version") for part in bill.get("components", [])}
        for name, version in pins(TOP / "requirements" / f"{level}.hashes.txt").items():
            # What only another system or Python needs is not in an environment of this one.
            if named.get(name) != version and not (level == "demo" and _conditional(level, name)):
                faults.append(f"{path.name} lacks {name} {version}")
        main = bill.get("metadata", {}).get("component", {})
        if main.get("version") != str(galaxy()["version"]):
            faults.append(f"{path.name} does not say which version of the collection it is about")
    return faults


def _conditional(level: str, name: str) -> bool:
    text = (TOP / "requirements" / f"{level}.hashes.txt").read_text(encoding="utf-8")
    return any(normal(line.partition("==")[0]) == name for line in text.splitlines() if " ; " in line)


def main(arguments: Sequence[str]) -> int:
    """Run one command.

    :return: the exit status: 1 if something is wrong.
    """
    command, rest = arguments[0], [Path(text) for text in arguments[1:]]
    if command == "project":
        print(project(), end="")
        return 0
    checks: dict[str, Callable[..., list[str]]] = {
        "version": version_faults,
        "content": content_faults,
        "bills": bill_faults,
    }
    faults = checks[command](*rest)
    if command == "version" and waiting_fragments():
        print(f"  note: {len(waiting_fragments())} changelog fragments wait for `antsibull-changelog release`")
    for fault in faults:
        print(f"  {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
