# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fetch CRLs from where a task runs: in this process, by a module on the host, or by its curl or wget."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils._pki.crl.raw_fetching import NoTool, RawAsk
from ..module_utils._plain.errors import InputError
from ..module_utils._plain.fetching import Fetched, Settings, fetch, fetch_all
from .ansible_internals import task_environment

FETCHERS = ("auto", "python", "curl", "wget")
_MODULE = "ot_pki.defender_iot.crl_fetch"


class Vantage:
    """The host on which a task runs, as a place to fetch from."""

    def __init__(self, action: ActionBase, task_vars: Mapping[str, Any], fetcher: str) -> None:
        self.action = action
        self.task_vars = task_vars
        self.fetcher = fetcher
        self.used = fetcher
        self.warnings: list[str] = []
        task = action._task
        self.name = str(task.delegate_to or task_vars.get("inventory_hostname") or "this host")

    def fetch(self, urls: Sequence[str], settings: Settings) -> dict[str, Fetched]:
        """Fetch each URL once.

        :raises InputError: the host has nothing to fetch with.
        """
        distinct = list(dict.fromkeys(urls))
        if not distinct:
            self.used = "nothing"
            return {}
        problem = None
        if self.fetcher in ("auto", "python"):
            if self._here():
                self.used = "python"
                environment = {**os.environ, **task_environment(self.action)[0]}
                found = fetch_all(distinct, settings._replace(environment=environment))
                return dict(zip(distinct, found))
            fetched, problem = self._by_module(distinct, settings)
            if fetched is not None:
                return dict(zip(distinct, fetched))
            if self.fetcher == "python":
                raise InputError(f"{self.name} could not fetch with Python: {problem}")
        return self._by_shell(distinct, settings, problem)

    def _here(self) -> bool:
        connection = self.action._connection
        return bool(connection.transport == "local" and not connection.become)

    def _by_module(self, urls: list[str], settings: Settings) -> tuple[list[Fetched] | None, str]:
        arguments = {
            "urls": urls,
            "timeout": settings.timeout,
            "connect_timeout": settings.connect_timeout,
            "retries": settings.retries,
            "max_bytes": settings.max_bytes,
            "proxy": settings.proxy,
            "credentials": settings.credentials,
            "no_proxy": settings.no_proxy,
            "allow_networks": list(settings.allow_networks),
        }
        arguments = {name: value for name, value in arguments.items() if value is not None}
        result = self.action._execute_module(_MODULE, module_args=arguments, task_vars=self.task_vars)
        if "fetched" not in result:
            lines = [result.get("msg"), result.get("module_stderr"), result.get("module_stdout")]
            text = next((str(line).strip() for line in lines if line and str(line).strip()), "no answer")
            return None, text.splitlines()[-1][:300]
        self.used = "python"
        try:
            found = [Fetched.from_dict(entry, settings.max_bytes) for entry in result["fetched"]]
            if [entry.url for entry in found] != urls:
                raise ValueError("it is not about the URLs that were asked for")
        except (ValueError, TypeError) as error:
            raise InputError(f"the answer of {self.name} cannot be used: {error}") from error
        return found, ""

    def _by_shell(self, urls: list[str], settings: Settings, problem: str | None) -> dict[str, Fetched]:
        """The proxy of the host's own environment counts there, so nothing of this process's is given."""
        tool = self.fetcher if self.fetcher in ("curl", "wget") else "auto"
        ask = RawAsk(self._run, tool)
        found = {}
        for url in urls:
            try:
                found[url] = fetch(url, settings._replace(environment={}), ask)
            except NoTool as error:
                no_python = f", and it has no usable Python ({problem})" if problem else ""
                raise InputError(f"nothing can be fetched from {self.name}: {error}{no_python}") from error
        self.used = ask.tool
        if problem:
            self.warnings.append(f"{self.name} has no usable Python ({problem}), so {ask.tool} was used there")
        return found

    def _run(self, script: str, given: bytes) -> tuple[int, str, str]:
        # A shell of its own, so that the script's first line does not end with what Ansible puts around it.
        command = f"{task_environment(self.action)[1]} /bin/sh -c {shlex.quote(script)}".strip()
        result = self.action._low_level_execute_command(command, in_data=given)
        return int(result["rc"]), str(result["stdout"]), str(result["stderr"])
