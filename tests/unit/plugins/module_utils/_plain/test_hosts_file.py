# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts files keep what people wrote in them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain import file_update, hosts_file_read
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import FileError, InputError
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.hosts_file import Plan, plan
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.hosts_file_entries import (
    normal_address,
    parse_entries,
)
from hypothesis import given
from hypothesis import strategies as st

IP, NAME = "192.0.2.11", "sensor-1.plant.example"


def planned(
    data: bytes, *entries: tuple[str, str], state: str = "present", conflict: str = "move", style: str = "lines"
) -> Plan:
    raw = [{"ip": ip, "names": names.split()} for ip, names in entries]
    parsed = parse_entries(raw, state == "present", [])
    return plan(data, "/etc/hosts", parsed, state, conflict, style, "test")


def test_a_new_name_goes_to_the_end() -> None:
    assert (
        planned(b"127.0.0.1 localhost\n", (IP, NAME)).content
        == b"127.0.0.1 localhost\n192.0.2.11\tsensor-1.plant.example\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        b"192.0.2.11 sensor-1.plant.example",
        b"  192.0.2.11\t\tother SENSOR-1.Plant.Example # lab",
        b"192.0.2.11 sensor-1.plant.example#x",
    ],
)
def test_a_line_that_says_so_already_is_enough(line: bytes) -> None:
    assert planned(line + b"\n", (IP, NAME)).content == line + b"\n"


def test_ipv6_is_compared_as_an_address() -> None:
    data = b"2001:DB8:0:0::12 s6\n"
    assert planned(data, ("2001:db8::12", "s6")).content == data


def test_a_commented_line_is_no_line() -> None:
    data = b"# 192.0.2.11 sensor-1.plant.example\n"
    assert planned(data, (IP, NAME)).content == data + b"192.0.2.11\tsensor-1.plant.example\n"


def test_a_name_moves_and_its_neighbours_stay() -> None:
    data = b"192.0.2.9\tOLD  Sensor-1.plant.example   other # rack 4\n\n# end\n"
    result = planned(data, (IP, NAME))
    assert result.content == b"192.0.2.9\tOLD   other # rack 4\n\n# end\n192.0.2.11\tsensor-1.plant.example\n"
    assert result.results[0].moved == [{"name": NAME, "ip": "192.0.2.9", "line": 1}]


def test_the_comment_of_an_emptied_line_stays() -> None:
    data = b"192.0.2.9 sensor-1.plant.example # rack 4\n192.0.2.8 sensor-1.plant.example\n"
    assert planned(data, (IP, NAME)).content == b"# rack 4\n192.0.2.11\tsensor-1.plant.example\n"


def test_keep_leaves_the_name_and_reports_it() -> None:
    data = b"192.0.2.9 sensor-1.plant.example\n"
    result = planned(data, (IP, f"{NAME} extra"), conflict="keep")
    assert result.content == data + b"192.0.2.11\textra\n"
    assert result.results[0].kept == [{"name": NAME, "ip": "192.0.2.9", "line": 1}]


def test_fail_names_every_conflict() -> None:
    with pytest.raises(InputError, match=r"a stands with 192\.0\.2\.1 in line 1; b stands with 192\.0\.2\.2 in line 2"):
        planned(b"192.0.2.1 a\n192.0.2.2 b\n", ("192.0.2.3", "a b"), conflict="fail")


def test_both_families_of_one_name_in_one_call_are_no_conflict() -> None:
    data = b"192.0.2.1 a\n2001:db8::1 a\n"
    assert planned(data, ("192.0.2.1", "a"), ("2001:db8::1", "a")).content == data


def test_two_addresses_of_a_kind_for_one_name_are_an_error() -> None:
    with pytest.raises(InputError, match=r"entries\[0\] and entries\[1\]: A is given both"):
        planned(b"", ("192.0.2.1", "a"), ("192.0.2.2", "A"))


def test_line_ends_of_windows_and_a_byte_order_mark_stay() -> None:
    data = b"\xef\xbb\xbf192.0.2.9 a b\r\n# x\r\n"
    assert planned(data, (IP, "a")).content == b"\xef\xbb\xbf192.0.2.9 b\r\n# x\r\n192.0.2.11\ta\r\n"


def test_a_missing_last_line_end_is_added_first() -> None:
    assert planned(b"127.0.0.1 localhost", (IP, "a")).content == b"127.0.0.1 localhost\n192.0.2.11\ta\n"


def test_utf16_is_refused() -> None:
    with pytest.raises(InputError, match="UTF-16"):
        planned("127.0.0.1 localhost\n".encode("utf-16"), (IP, "a"))


def test_other_encodings_pass_unchanged() -> None:
    data = "192.0.2.9 a # Gerät\n".encode("latin-1")
    assert planned(data, (IP, "b")).content.startswith(data)


def test_absent_takes_just_the_names_given() -> None:
    data = b"192.0.2.11 a b # c\n192.0.2.12 a\n"
    assert planned(data, (IP, "A"), state="absent").content == b"192.0.2.11 b # c\n192.0.2.12 a\n"
    assert planned(data, ("", "a"), state="absent").content == b"192.0.2.11 b # c\n"


def test_a_block_follows_its_list() -> None:
    data = b"127.0.0.1 localhost\n"
    first = planned(data, ("192.0.2.1", "a"), ("192.0.2.2", "b"), style="block").content
    assert first == data + b"# BEGIN test\n192.0.2.1\ta\n192.0.2.2\tb\n# END test\n"
    more = first + b"192.0.2.9 people\n"
    second = planned(more, ("192.0.2.2", "b"), style="block")
    assert second.content == data + b"# BEGIN test\n192.0.2.2\tb\n# END test\n192.0.2.9 people\n"
    assert not second.results[0].changed
    assert planned(second.content, state="absent", style="block").content == data + b"192.0.2.9 people\n"


def test_a_block_leaves_out_what_stands_elsewhere() -> None:
    data = b"192.0.2.1 a\n"
    assert planned(data, ("192.0.2.1", "a"), style="block").content == data


def test_a_damaged_block_is_an_error() -> None:
    with pytest.raises(InputError, match="repair the file"):
        planned(b"# BEGIN test\n192.0.2.1 a\n", ("192.0.2.1", "a"), style="block")


NAMES = st.sampled_from(["a", "b", "c.example", "D"])
ADDRESSES = st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"])
LINE = st.one_of(
    st.builds(
        lambda ip, names, space, note, end: (ip + space + space.join(names) + note + end).encode(),
        ADDRESSES,
        st.lists(NAMES, min_size=1, max_size=3),
        st.sampled_from([" ", "\t", "  "]),
        st.sampled_from(["", " # note", "#x"]),
        st.sampled_from(["\n", "\r\n"]),
    ),
    st.sampled_from([b"\n", b"# text\n", b"300.1.1.1 a\n", b"garbage\n", b"\xff\xfe b\n"]),
)


@given(
    st.lists(LINE, max_size=8), ADDRESSES, st.lists(NAMES, min_size=1, max_size=3), st.sampled_from(["lines", "block"])
)
def test_a_second_run_changes_nothing(rows: list[bytes], ip: str, names: list[str], style: str) -> None:
    first = planned(b"".join(rows), (ip, " ".join(names)), style=style).content
    second = planned(first, (ip, " ".join(names)), style=style)
    assert second.content == first
    assert not any(result.changed for result in second.results)


@given(st.lists(LINE, max_size=8), ADDRESSES)
def test_lines_that_do_not_have_the_name_stay_byte_for_byte(rows: list[bytes], ip: str) -> None:
    content = planned(b"".join(rows), (ip, "new.example")).content
    assert content.startswith(b"".join(rows))
    assert planned(content, (ip, "new.example"), state="absent").content == b"".join(rows)


@pytest.mark.parametrize(
    ("ip", "names", "message"),
    [
        ("192.0.02.1", "a", "leading zeros"),
        ("010.0.0.1", "a", "leading zeros"),
        ("fe80::1%eth0", "a", "zone index"),
        ("999.0.0.1", "a", "no IPv4 or IPv6 address"),
        ("", "a", "ip is missing"),
        (IP, "", "at least one name"),
        (IP, "*.example", "wildcards"),
        (IP, "a..b", "labels"),
        (IP, "-a", "labels"),
        (IP, "192.0.2.1", "not an address"),
        (IP, "straße.example", "xn--"),
        (IP, "localhost", "always is this machine"),
        (IP, "a#b", "without blanks and #"),
        (IP, "x" * 64, "63"),
    ],
)
def test_bad_input_is_refused_with_a_reason(ip: str, names: str, message: str) -> None:
    raw = [{"ip": ip, "names": names.split()}]
    with pytest.raises(InputError, match=message):
        parse_entries(raw, True, [])


def test_names_are_brought_to_the_form_of_resolvers() -> None:
    warnings: list[str] = []
    (entry,) = parse_entries([{"ip": IP, "names": ["Sensor_1.", "gerät.example", "sensor_1"]}], True, warnings)
    assert entry.names == ("Sensor_1", "xn--gert-noa.example")
    assert len(warnings) == 2


def test_normal_addresses() -> None:
    assert normal_address("FE80::1%lo0") == "fe80::1%lo0"
    assert normal_address("192.0.2.010") is None
    assert normal_address("::ffff:192.0.2.1") == normal_address("::FFFF:192.0.2.1")


def test_a_thousand_entries_in_five_megabytes() -> None:
    data = b"".join(
        b"10.%d.%d.%d host-%d # comment of some length to fill the file\n" % (i >> 16, (i >> 8) & 255, i & 255, i)
        for i in range(80_000)
    )
    assert len(data) > 5_000_000
    entries = [(f"192.0.{i // 250}.{i % 250 + 1}", f"host-{i} sensor-{i}.example") for i in range(1000)]
    result = planned(data, *entries)
    assert len(result.results) == 1000


def test_mode_and_link_stay(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_bytes(b"x\n")
    real.chmod(0o640)
    link = tmp_path / "hosts"
    link.symlink_to(real)
    assert file_update.update_file(str(link), b"y\n") is False
    assert link.is_symlink()
    assert real.read_bytes() == b"y\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(os.listdir(tmp_path)) == ["hosts", "real"]


def test_a_mount_is_written_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hosts"
    path.write_bytes(b"a long former content\n")
    inode = path.stat().st_ino

    def busy(_source: Any, _target: Any, **_folders: Any) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(file_update.os, "replace", busy)
    assert file_update.update_file(str(path), b"short\n") is True
    assert path.read_bytes() == b"short\n"
    assert path.stat().st_ino == inode
    assert os.listdir(tmp_path) == ["hosts"]


def test_a_dangling_link_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "hosts").symlink_to("nowhere")
    with pytest.raises(FileError, match="link to nowhere"):
        hosts_file_read.read_hosts(str(tmp_path / "hosts"))
    with pytest.raises(FileError, match="folder does not exist"):
        hosts_file_read.read_hosts(str(tmp_path / "no" / "hosts"))
    assert hosts_file_read.read_hosts(str(tmp_path / "new")).content == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")
@pytest.mark.parametrize(
    ("mount", "printed"),
    [
        ("mount --bind {0}/source {0}/hosts", "True"),
        ("mount --bind -o ro {0} {0}", "cannot be written: Read-only file system"),
    ],
)
def test_real_mounts(tmp_path: Path, mount: str, printed: str) -> None:
    for name in ("source", "hosts"):
        (tmp_path / name).write_bytes(b"former\n")
    code = f"try: print(update_file('{tmp_path}/hosts', b'new\\n'))\nexcept Exception as e: print(e)"
    package = hosts_file_read.__name__.rpartition(".")[0]
    program = f"import sys; sys.path[:] = {sys.path!r}\nfrom {package}.file_update import update_file\n{code}"
    script = f"mount --make-rprivate / && {mount.format(tmp_path)} && {sys.executable} -"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script], input=program, capture_output=True, text=True, check=False
    )
    assert printed in done.stdout, done
    assert (tmp_path / "source").read_bytes() == (b"new\n" if printed == "True" else b"former\n")
    assert sorted(os.listdir(tmp_path)) == ["hosts", "source"]
