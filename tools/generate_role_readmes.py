# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write each role's README.md from its argument specification; with --check only say which are out of date."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parent.parent / "roles"


def plain(text: str) -> str:
    """Ansible's markup as Markdown."""
    text = re.sub(r"\bM\(([^)]*)\)", r"`\1`", text)
    return re.sub(r"\b[CVO]\(([^)]*)\)", r"`\1`", text)


def paragraphs(description: str | list[str]) -> list[str]:
    """A description as paragraphs."""
    return [plain(part) for part in ([description] if isinstance(description, str) else description)]


def row(name: str, option: dict[str, Any]) -> str:
    """One line of the table of variables."""
    default = option.get("default")
    if option.get("required"):
        shown = "required"
    elif default in ("", None):
        shown = "not set"
    else:
        shown = "`" + str(default).replace("|", "\\|") + "`"
    text = " ".join(paragraphs(option["description"])).replace("|", "\\|")
    return f"| `{name}` | {option.get('type', 'str')} | {shown} | {text} |"


def readme(role: Path) -> str:
    """The README of a role."""
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    lines = [f"# {role.name}", ""]
    for entry, spec in specs.items():
        if entry != "main":
            lines += [f"## Entry point `{entry}`", ""]
        lines += [f"{spec['short_description']}.", ""]
        for paragraph in paragraphs(spec.get("description", [])):
            lines += [paragraph, ""]
        if spec.get("options"):
            lines += ["| Variable | Type | Default | Meaning |", "|---|---|---|---|"]
            lines += [row(name, option) for name, option in spec["options"].items()]
            lines.append("")
    lines += ["This page is made from `meta/argument_specs.yml` by `make docs`.", ""]
    return "\n".join(lines)


def main() -> int:
    """Write or check."""
    stale = []
    for role in sorted(path for path in ROLES.iterdir() if (path / "meta" / "argument_specs.yml").exists()):
        target = role / "README.md"
        text = readme(role)
        if not target.exists() or target.read_text() != text:
            stale.append(str(target.relative_to(ROLES.parent)))
            if "--check" not in sys.argv:
                target.write_text(text)
    print("\n".join(stale) if stale else "all role READMEs are current")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
