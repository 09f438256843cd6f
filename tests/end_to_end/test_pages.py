# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages say exists: files, links, variables, modules, roles, playbooks, checks and make's targets."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
import pages
from ansible_collections.ot_pki.defender_iot.plugins.plugin_utils import known_variables
from pages import CHECKOUT

MODULES = {path.stem for path in (CHECKOUT / "plugins" / "modules").glob("*.py")}
FILTERS = {path.stem for path in (CHECKOUT / "plugins" / "filter").glob("*.py")}
LOOKUPS = {path.stem for path in (CHECKOUT / "plugins" / "lookup").glob("*.py")}
ROLES = {path.name for path in (CHECKOUT / "roles").iterdir() if path.is_dir()}
PLAYBOOKS = {path.stem for path in (CHECKOUT / "playbooks").glob("*.yml")}
LANGUAGES = {"console", "yaml", "json", "text", "hcl", "bat", "python", "ini"}
KNOWN = known_variables.known_variables(
    [name for role in ROLES for name in yaml.safe_load((CHECKOUT / "roles" / role / "defaults/main.yml").read_text())]
)
# Results of ours, and names that pages make up for the reader's own use.
RESULTS = {"ot_pki_lead", "ot_pki_failed", "ot_pki_sensors", "ot_pki_sensors_failed", "ot_pki_upload_needed",
           "ot_pki_upload_needed_since", "ot_pki_renewal_due", "ot_pki_state_problems", "ot_pki_report_generated",
           "ot_pki_version"}  # fmt: skip
page = pytest.mark.parametrize("path", pages.PAGES, ids=lambda path: str(path.relative_to(CHECKOUT)))


def _tracked() -> set[str]:
    if not (CHECKOUT / ".git").exists():
        return {str(path.relative_to(CHECKOUT)) for path in CHECKOUT.rglob("*")}
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    return {str(above) for name in listed for above in (Path(name), *Path(name).parents)}


TRACKED = _tracked()


@page
def test_links_lead_somewhere(path: Path) -> None:
    for target in pages.links(path):
        if re.match(r"https?://|mailto:", target):
            continue
        file, _mark, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{path.name}: {target}"
        assert str(there.relative_to(CHECKOUT)) in TRACKED, f"{path.name}: {target} is not part of the project"
        if anchor:
            assert anchor in pages.anchors(there), f"{path.name}: {target}"


@page
def test_every_block_says_what_it_is(path: Path) -> None:
    for block in pages.blocks(path):
        assert block.language in LANGUAGES, f"{block.place}: {block.language or 'no language'}"
        if block.language == "console":
            assert block.steps(), f"{block.place}: no line begins with '$ '"
    text = pages.prose(path)
    indented = re.findall(r"\n\n {4}(?! *[-*] |\d+\. )\S.*", text)
    assert not indented, f"{path.name}: not fenced, so no test would see it: {indented[0].strip()}"


def _names(text: str) -> list[str]:
    return re.findall(r"\b(?:" + "|".join(known_variables.PREFIXES) + r")[a-z0-9_]*[a-z0-9](?![\w*/.…])", text)


@page
def test_names_exist(path: Path) -> None:
    text = "\n".join([*pages.spans(path), *(block.text for block in pages.blocks(path))])
    for name in _names(text):
        if name in KNOWN | RESULTS | MODULES | ROLES | PLAYBOOKS:
            continue
        # The family of a name, as in local_ca_ledger/ or "local_ca_*".
        assert name in {"local_ca_ledger", "ot_pki_dir"}, f"{path.name}: {name} is no variable"
    for name in re.findall(r"\bot_pki\.defender_iot\.(\w+)", text):
        known = MODULES | ROLES | PLAYBOOKS | FILTERS | LOOKUPS | {"NAME"}
        assert name in known, f"{path.name}: ot_pki.defender_iot.{name}"
    for span in pages.spans(path):
        for target in re.findall(r"^make ([a-z-]+)", span):
            assert target in _make_targets(), f"{path.name}: make {target}"
        for check in re.findall(r"^((?:crt|subject|key|chain|crl|csr|file|fleet)\.[a-z]+(?:-[a-z]+)*)$", span):
            # The report has a field crl.state.
            if check != "crl.state" and not re.search(r"\.(crt|key|pem|csr|json|html|csv|md|cmd)$", check):
                assert check in _checks(), f"{path.name}: {check}"


@page
def test_files_that_are_named_exist(path: Path) -> None:
    for span in pages.spans(path):
        match = re.fullmatch(
            r"((?:docs|tests|tools|plugins|playbooks|roles|extensions|requirements|meta|demo)/[\w./-]+)", span
        )
        if match and not match[1].startswith("demo/") and "*" not in span:
            assert match[1].rstrip("/") in TRACKED, f"{path.name}: {span}"


def _make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))


def _checks() -> set[str]:
    return set(re.findall(r"`([a-z]+\.[a-z-]+)`", (CHECKOUT / "docs" / "checks.md").read_text()))


@page
def test_data_can_be_read(path: Path) -> None:
    for block in pages.blocks(path):
        if block.language in ("yaml", "json"):
            for document in yaml.load_all(block.text, Loader=_Loader):
                assert document is not None, block.place
                _look(document, block)


class _Loader(yaml.SafeLoader):
    """YAML as Ansible reads it: with its tags, and no key twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _value in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice: {keys}"
        return super().construct_mapping(node, deep)


for tag in ("!unsafe", "!vault"):
    _Loader.add_constructor(tag, lambda loader, node: loader.construct_scalar(node))


def _look(data: Any, block: pages.Block) -> None:
    """Keys that are variables of ours are known, at any depth."""
    if isinstance(data, dict):
        for key, value in data.items():
            if isinstance(key, str) and key.startswith(known_variables.PREFIXES):
                assert key in KNOWN | MODULES | ROLES, f"{block.place}: {key}"
            _look(value, block)
    elif isinstance(data, list):
        for value in data:
            _look(value, block)


@page
def test_commands_are_whole(path: Path) -> None:
    """A command in a sentence names a playbook that is there, and its options are Ansible's."""
    for span in pages.spans(path):
        if span.startswith("ansible-playbook "):
            words = shlex.split(span.replace("\n", " "))
            assert re.fullmatch(r"ot_pki\.defender_iot\.\w+|\S+\.yml", words[1]), f"{path.name}: {span}"
            for option in words[2:]:
                if option.startswith("-"):
                    known = {"-i", "-e", "--limit", "--tags", "--skip-tags", "--check", "--diff", "-vvvv"}
                    assert option in known, f"{path.name}: {span}"


@pytest.mark.parametrize("page_of", ["checks", "troubleshooting", "variables"])
def test_what_is_generated_is_current(page_of: str) -> None:
    tool = CHECKOUT / "tools" / f"generate_{page_of}_page.py"
    done = subprocess.run([sys.executable, str(tool), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run 'make docs': {done.stdout}{done.stderr}"


def test_every_variable_stands_on_the_page_of_variables() -> None:
    text = (CHECKOUT / "docs" / "variables.md").read_text()
    # What playbooks hand on among themselves.
    inner = {"validate_certs_result", "validate_certs_failing"}
    missing = {name for name in KNOWN - inner if not name.startswith("ot_pki_") and f"| `{name}` |" not in text}
    assert missing == set()


def test_every_upload_error_has_its_section() -> None:
    text = (CHECKOUT / "docs" / "troubleshooting.md").read_text()
    told = set(re.findall(r"Upload error: `(.+)`", (CHECKOUT / "docs" / "checks.md").read_text()))
    assert len(told) == 6
    for sentence in told:
        assert f"## {sentence.rstrip('.')}\n" in text
