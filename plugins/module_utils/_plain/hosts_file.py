# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plans the new content of a hosts file: only what was asked changes, byte for byte (hosts(5))."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Iterable, Sequence

from .errors import InputError
from .hosts_file_entries import Entry, normal_address

PRESENT, ABSENT = "present", "absent"
MOVE, KEEP, FAIL = "move", "keep", "fail"
LINES, BLOCK = "lines", "block"
DEFAULT_MARKER = "ot_pki.defender_iot"

_TOKEN = re.compile(rb"\S+")
_MARK = b"\xef\xbb\xbf"  # what Windows editors write before UTF-8 text


@dataclass
class EntryResult:
    """What happened to one entry.

    :ivar added: names that were written for the address.
    :ivar removed: names that were taken away (``absent``).
    :ivar moved: names that left another line: ``name``, ``ip`` and ``line`` (counted from 1) where it stood.
    :ivar kept: the same for names that stay with another address.
    """

    ip: str
    names: tuple[str, ...]
    changed: bool = False
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    moved: list[dict[str, object]] = field(default_factory=list)
    kept: list[dict[str, object]] = field(default_factory=list)


@dataclass
class Plan:
    """The content that the file is to have, and what differs for each entry."""

    content: bytes
    results: list[EntryResult]


class _Line:
    """One line, with its tokens if a resolver reads it."""

    __slots__ = ("address", "comment", "end", "names", "number", "text")

    def __init__(self, number: int, text: bytes, end: bytes) -> None:
        self.number = number
        self.text = text
        self.end = end
        self.address = ""
        self.names: list[str] = []
        self._read()

    def _read(self) -> None:
        body, mark, comment = self.text.partition(b"#")
        self.comment = mark + comment
        tokens = [token.decode("latin-1") for token in body[len(_MARK) if self._has_mark else 0 :].split()]
        address = normal_address(tokens[0]) if len(tokens) > 1 else None
        self.address = address or ""
        self.names = [token.lower() for token in tokens[1:]] if address else []

    @property
    def _has_mark(self) -> bool:
        return self.number == 1 and self.text.startswith(_MARK)

    def without(self, name: str) -> None:
        """Take a name away; the spacing of the rest, the other names and the comment stay."""
        body = self.text[: len(self.text) - len(self.comment)]
        mark = _MARK if self._has_mark else b""
        kept, position = b"", 0
        for index, token in enumerate(_TOKEN.finditer(body, len(mark))):
            if index and token.group().decode("latin-1").lower() == name:
                kept += body[position : token.start()].rstrip(b" \t")
                position = token.end()
        kept += body[position:]
        left = len(kept[len(mark) :].split()) > 1
        self.text = (kept if left else mark) + self.comment
        self._read()

    @property
    def dropped(self) -> bool:
        """Whether nothing of the line is left."""
        return not self.text

    def raw(self) -> bytes:
        """The line as it stands in the file."""
        return b"" if self.dropped else self.text + self.end


class _File:
    """The lines of a hosts file, and the managed block in it."""

    def __init__(self, data: bytes, path: str, marker: str) -> None:
        if b"\x00" in data:
            raise InputError(f"{path} is no text in ASCII or UTF-8 (UTF-16, perhaps); resolvers cannot read it either")
        pieces = data.split(b"\n")
        rows = [(piece[:-1], b"\r\n") if piece.endswith(b"\r") else (piece, b"\n") for piece in pieces]
        tail = pieces[-1]
        self.end = b"\r\n" if data.count(b"\r\n") * 2 > data.count(b"\n") else b"\n"
        self.lines = [_Line(number, text, end) for number, (text, end) in enumerate(rows[:-1], 1)]
        # Empty lines are people's; only what becomes empty by us is dropped.
        self.blank = {line.number for line in self.lines if line.dropped}
        if tail:
            self.lines.append(_Line(len(rows), tail, b""))
        self.first, self.last = self._block(path, marker)

    def _block(self, path: str, marker: str) -> tuple[int, int]:
        """The half-open range of the block's lines with its marks; empty if there is none."""
        begin, end = b"# BEGIN " + marker.encode(), b"# END " + marker.encode()
        starts = [index for index, line in enumerate(self.lines) if line.text.strip() == begin]
        ends = [index for index, line in enumerate(self.lines) if line.text.strip() == end]
        if not starts and not ends:
            return len(self.lines), len(self.lines)
        if len(starts) != 1 or len(ends) != 1 or ends[0] < starts[0]:
            raise InputError(
                f"{path} has {len(starts)} lines '# BEGIN {marker}' and {len(ends)} lines '# END {marker}'; "
                "one of each in this order is wanted, so repair the file"
            )
        return starts[0], ends[0] + 1

    def outside(self) -> list[_Line]:
        """The lines that are not in the block."""
        return self.lines[: self.first] + self.lines[self.last :]

    def content(self, appended: Iterable[bytes], block: Sequence[bytes] | None) -> bytes:
        """The whole file; with ``block`` its lines take the place of those that stood in it."""
        middle = self.lines[self.first : self.last]
        parts = [self._raw(line) for line in self.lines[: self.first]]
        if block is None:
            parts += [self._raw(line) for line in middle]
        elif middle:
            parts += [row + self.end for row in block]
        parts += [self._raw(line) for line in self.lines[self.last :]]
        more = [row + self.end for row in appended]
        if block and not middle:
            more += [row + self.end for row in block]
        if more and parts and parts[-1] and not parts[-1].endswith(b"\n"):
            parts[-1] += self.end
        return b"".join(parts + more)

    def _raw(self, line: _Line) -> bytes:
        return line.text + line.end if line.number in self.blank else line.raw()


def plan(data: bytes, path: str, entries: Sequence[Entry], state: str, conflict: str, style: str, marker: str) -> Plan:
    """What the file is to become.

    :param data: the file's content.
    :param path: its path, for messages.
    :param state: ``present`` or ``absent``.
    :param conflict: what happens to a name that stands with another address: ``move``, ``keep`` or ``fail``.
    :param style: ``lines`` writes a line for an entry at the end; ``block`` owns the lines between two marks,
        so that entries which are no longer given vanish.
    :param marker: the text of those marks.
    :raises InputError: the file is no hosts file, or ``conflict`` is ``fail`` and there is one.
    """
    file = _File(data, path, marker)
    if state == ABSENT:
        return _absent(file, entries, style)
    lines = file.outside() if style == BLOCK else file.lines
    results, rows = _present(lines, entries, conflict, path)
    if style == LINES:
        return Plan(file.content(rows, None), results)
    former = {line.text for line in file.lines[file.first : file.last]}
    for result in results:
        row = _row(result.ip, result.added)
        result.changed = bool(result.moved) or bool(result.added and row not in former)
    block = [b"# BEGIN " + marker.encode(), *rows, b"# END " + marker.encode()] if rows else []
    return Plan(file.content((), block), results)


def _row(ip: str, names: Sequence[str]) -> bytes:
    return (ip + "\t" + " ".join(names)).encode("ascii")


def _present(
    lines: Sequence[_Line], entries: Sequence[Entry], conflict: str, path: str
) -> tuple[list[EntryResult], list[bytes]]:
    where = _index(lines)
    wanted: dict[str, set[str]] = {}
    for entry in entries:
        for name in entry.names:
            wanted.setdefault(name.lower(), set()).add(entry.address)
    results, rows, conflicts = [], [], []
    written: set[tuple[str, str]] = set()
    for entry in entries:
        result = EntryResult(entry.ip, entry.names)
        for name in entry.names:
            key = name.lower()
            others = [line for line in where.get(key, ()) if line.address not in wanted[key] and key in line.names]
            places: list[dict[str, object]] = [
                {"name": name, "ip": line.address, "line": line.number} for line in others
            ]
            if others and conflict == KEEP:
                result.kept += places
                continue
            if others and conflict == FAIL:
                conflicts += [f"{name} stands with {place['ip']} in line {place['line']}" for place in places]
                continue
            for line in others:
                line.without(key)
            result.moved += places
            here = any(line.address == entry.address for line in where.get(key, ()))
            if not here and (entry.address, key) not in written:
                result.added.append(name)
                written.add((entry.address, key))
        if result.added:
            rows.append(_row(entry.ip, result.added))
        result.changed = bool(result.added or result.moved)
        results.append(result)
    if conflicts:
        raise InputError(
            f"{path} gives names to other addresses, and conflict is 'fail': "
            + "; ".join(conflicts[:20])
            + (f"; and {len(conflicts) - 20} more" if len(conflicts) > 20 else "")
            + ". Nothing was changed"
        )
    return results, rows


def _absent(file: _File, entries: Sequence[Entry], style: str) -> Plan:
    if style == BLOCK and not entries:
        return Plan(file.content((), []), [])
    inner = file.lines[file.first + 1 : max(file.last - 1, file.first + 1)]
    where = _index(inner if style == BLOCK else file.lines)
    results = []
    for entry in entries:
        result = EntryResult(entry.ip, entry.names)
        for name in entry.names:
            key = name.lower()
            for line in where.get(key, ()):
                if key in line.names and entry.address in ("", line.address):
                    line.without(key)
                    if name not in result.removed:
                        result.removed.append(name)
        result.changed = bool(result.removed)
        results.append(result)
    if style == BLOCK and not any(line.raw() for line in inner):
        return Plan(file.content((), []), results)
    return Plan(file.content((), None), results)


def _index(lines: Sequence[_Line]) -> dict[str, list[_Line]]:
    """The live lines by each of their names, lower case."""
    where: dict[str, list[_Line]] = {}
    for line in lines:
        for name in line.names:
            where.setdefault(name, []).append(line)
    return where
