# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real inputs with a few changes, as hypothesis draws them: of octets, of DER elements, of JSON values, of lines."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Sequence
from typing import Any

import corporate_pki as pki
from hypothesis import strategies as st

_MOST_ELEMENTS = 2000

NUMBERS = [
    b"\x00", b"\x7f", b"\x80", b"\xff", b"\xff\xff\xff\xff", b"\x02\x04\x7f\xff\xff\xff", b"9" * 5000, b"[" * 3000,
    b"{" * 3000, b"\r\n", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\x1b[2J", b"\x30\x80", b"\x05\x00", b'"', b"\t", b"{{ 1 }}",
]  # fmt: skip

# What may stand in place of a value of JSON or YAML.
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 65536, 2**31, 2**64, -(2**70), 10**400, 0.5, 1e308, float("nan"), float("inf"), "", " ",
    "x", "\ud800", "\x00", "\n", "\x1b[31m", "\u202e", "a" * 300, "9" * 5000, "../..", "/", "{{ 7 * 7 }}", "no", "0x10",
    "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1900-01-01T00:00:00Z",
    "127.0.0.1", "::ffff:127.0.0.1", "sensor-1.plant.example", "SENSOR-1.PLANT.EXAMPLE", "a.b\u0430.example", [], {}, [[]],
    [None], {"": None}, {"a": {"b": {"c": []}}}, ["a"] * 50, [{}], {"kind": "vault"},
]  # fmt: skip


@functools.lru_cache(maxsize=4096)
def elements(seed: bytes) -> tuple[tuple[int, int], ...]:
    """Where the DER elements of a seed begin and end, also inside of OCTET STRINGs; else where its lines do."""
    found: list[tuple[int, int]] = []
    waiting = [(0, len(seed))] if seed[:1] == b"\x30" else []
    while waiting and len(found) < _MOST_ELEMENTS:
        position, end = waiting.pop()
        while position + 2 <= end:
            try:
                tag, start, following = pki.element(seed, position)
            except IndexError:
                break
            if following > end:
                break
            found.append((position, following))
            if tag & 0x20 or tag == 4:
                waiting.append((start, following))
            position = following
    if not found:
        position = 0
        for line in seed.split(b"\n")[:_MOST_ELEMENTS]:
            found.append((position, min(position + len(line) + 1, len(seed))))
            position += len(line) + 1
    return tuple(found)


@functools.lru_cache(maxsize=4096)
def _as_json(seed: bytes) -> str:
    """A seed that is JSON, otherwise an empty text."""
    try:
        content = json.loads(seed)
    except (ValueError, RecursionError):
        return ""
    return json.dumps(content) if isinstance(content, (dict, list)) else ""


def mutated(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """A seed with a few changes."""
    return _mutated(tuple(seeds))


@st.composite
def _mutated(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    seed = draw(st.sampled_from(seeds))
    if _as_json(seed) and draw(st.integers(0, 3)):
        return _json(draw, json.loads(_as_json(seed)))
    return _octets(draw, seed)


def _octets(draw: st.DrawFn, seed: bytes) -> bytes:
    """Octets, whole elements left out, doubled or exchanged, numbers at their limits."""
    data = bytearray(seed)
    borders = elements(seed) or ((0, len(seed)),)
    for _change in range(draw(st.integers(1, 4))):
        kind = draw(st.integers(0, 6))
        start, end = draw(st.sampled_from(borders))
        start, end = min(start, len(data)), min(end, len(data))
        if kind == 0 and start < len(data):
            data[start] = draw(st.integers(0, 255))
        elif kind == 1 and data:
            data[draw(st.integers(0, len(data) - 1))] ^= 1 << draw(st.integers(0, 7))
        elif kind == 2:
            del data[start:end]
        elif kind == 3:
            data[end:end] = data[start:end]
        elif kind == 4:
            data[start:end] = draw(st.sampled_from(NUMBERS))
        elif kind == 5:
            del data[draw(st.integers(0, len(data))) :]
        else:
            other_start, other_end = draw(st.sampled_from(borders))
            data[start:end] = data[other_start:other_end]
    return bytes(data)


def _json(draw: st.DrawFn, content: Any) -> bytes:
    """Values exchanged, left out or added anywhere in a document."""
    for _change in range(draw(st.integers(1, 3))):
        places = _places(content)
        if not places:
            break
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        kind = draw(st.integers(0, 4))
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, dict):
            holder[draw(st.sampled_from(["", "x", "\ud800", "name", "kind", "serial"]))] = holder[key]
        elif kind == 2:
            # Whatever stands elsewhere; a copy, or the document would hold itself.
            other, inner = places[draw(st.integers(0, len(places) - 1))]
            holder[key] = copy.deepcopy(other[inner])
        else:
            holder[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    return json.dumps(content).encode()


def _places(content: Any) -> list[tuple[Any, Any]]:
    """Each place of a document: what holds it, and its key or position."""
    found: list[tuple[Any, Any]] = []
    waiting = [content]
    while waiting and len(found) < _MOST_ELEMENTS:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else []
        for key in keys:
            found.append((holder, key))
            waiting.append(holder[key])
    return found
