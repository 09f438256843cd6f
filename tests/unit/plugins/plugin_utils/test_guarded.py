# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an action makes of exceptions: ours are sentences, Ansible's pass, and the text of any other is not shown."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import InputError
from ansible_collections.ot_pki.defender_iot.plugins.plugin_utils.controller_action import guarded


def failing(error: BaseException) -> Any:
    def work() -> dict[str, Any]:
        raise error

    return work


def test_the_text_of_an_unexpected_exception_is_not_shown() -> None:
    result = guarded(failing(KeyError("s3cret")))
    assert result["failed"] is True
    assert result["msg"].startswith("an error inside the collection, please report it: KeyError (")
    assert "s3cret" not in str(result)


def test_our_own_errors_are_sentences() -> None:
    assert guarded(failing(InputError("name is missing\x1b"))) == {"failed": True, "msg": "name is missing\\x1b"}


@pytest.mark.parametrize("error", [AnsibleConnectionFailure("gone"), KeyboardInterrupt(), MemoryError()])
def test_what_is_not_about_the_task_passes(error: BaseException) -> None:
    with pytest.raises(type(error)):
        guarded(failing(error))


def test_a_result_is_made_harmless_by_its_maker() -> None:
    assert guarded(lambda: {"changed": True}) == {"changed": True}
