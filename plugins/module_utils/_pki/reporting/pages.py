# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pages of one file: a template with autoescape, its style and script inside, and a policy that allows nothing else.

A page opens from a file share and asks for nothing over a network: the content security policy names the hashes of
the one style and the one script, so that a text which slipped through as markup would still not run.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

try:
    # ansible-core brings both wherever a page is made; tools that only load the files may lack them.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup
except ImportError:
    pass

_FOLDER = Path(__file__).parent
# What would end the element of the data, or a line in old parsers of scripts.
_UNSAFE = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


@functools.lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@functools.lru_cache(maxsize=8)
def _inside(name: str) -> tuple[Markup, str]:
    """A style or script as it stands in the page, and its hash for the policy."""
    text = f"\n{(_FOLDER / name).read_text(encoding='utf-8')}"
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return Markup(text), f"'sha256-{digest}'"  # noqa: S704 - our own file, not a text from outside


def data_of(value: Any) -> Markup:
    """Data for a script, safe inside its element whatever texts are in it."""
    return Markup(json.dumps(value, separators=(",", ":")).translate(_UNSAFE))  # noqa: S704 - every < and & is escaped


def render(template: str, values: Mapping[str, Any], style: str = "pages.css", script: str | None = None) -> bytes:
    """A page as UTF-8.

    :param template: a file beside this one, as are ``style`` and ``script``.
    """
    style_text, style_hash = _inside(style)
    script_text, script_hash = _inside(script) if script else (Markup(""), "'none'")
    policy = (
        f"default-src 'none'; style-src {style_hash}; script-src {script_hash}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _environment().get_template(template)
    text = page.render(style=style_text, script=script_text, policy=Markup(policy), **values)  # noqa: S704 - hashes alone
    return text.encode("utf-8", "replace")
