# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages for people as data: their blocks, links and the names that they mention."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *CHECKOUT.glob("*.md"),
        *(CHECKOUT / "docs").glob("*.md"),
        *(CHECKOUT / "extensions").rglob("*.md"),
    ]
)
_MARK = re.compile(r"<!-- not run: (?P<reason>.+?) -->")
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)$")


@dataclass(frozen=True)
class Block:
    """A fenced block; ``not_run`` is the reason that the page's source gives for a test to leave it out."""

    page: str
    line: int
    language: str
    text: str
    not_run: str | None

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    def steps(self) -> list[tuple[str, list[str]]]:
        """The commands of a console session, each with the output that the page shows below it."""
        steps: list[tuple[str, list[str]]] = []
        continued = False
        for line in self.text.splitlines():
            if continued:
                steps[-1] = (f"{steps[-1][0]}\n{line}", [])
            elif line.startswith("$ "):
                steps.append((line[2:], []))
            elif steps and line.strip():
                steps[-1][1].append(line)
            continued = bool(steps) and not steps[-1][1] and line.endswith("\\")
        return steps


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    begin, indent, language, reason = 0, "", "", None
    inside = False
    for number, line in enumerate(lines, 1):
        fence = _FENCE.match(line)
        if not fence:
            mark = _MARK.search(line) if not inside else None
            if mark:
                reason = mark["reason"]
            elif not inside and line.strip():
                reason = None
        elif not inside:
            inside, begin, indent, language = True, number, fence["indent"], fence["language"]
        else:
            inside = False
            text = "\n".join(each.removeprefix(indent) for each in lines[begin : number - 1])
            found.append(Block(str(path.relative_to(CHECKOUT)), begin, language, text, reason))
            reason = None
    assert not inside, f"{path}: a block does not end"
    return found


def prose(path: Path) -> str:
    """A page without its blocks and comments."""
    lines, inside = [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        if _FENCE.match(line):
            inside = not inside
        elif not inside:
            lines.append(line)
    return re.sub(r"<!--.*?-->", "", "\n".join(lines), flags=re.DOTALL)


def spans(path: Path) -> list[str]:
    """What stands between back-ticks in a page's sentences."""
    return [match[2] for match in re.finditer(r"(`+) ?(.+?) ?\1(?!`)", prose(path), re.DOTALL)]


def links(path: Path) -> list[str]:
    """The targets of a page's links and images."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(path))


def anchors(path: Path) -> set[str]:
    """What a link into a page may name: its headings, as GitHub writes them."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
