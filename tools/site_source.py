# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write what Sphinx builds the site from: the guides, an index, and a configuration. tools/build-site calls it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import yaml

TOP = Path(__file__).resolve().parent.parent
# In the order in which a reader wants them; what is not named comes after.
FIRST = ["start", "article", "deploy", "local-ca", "your-own-pki", "convert", "troubleshooting", "checks", "trust",
         "crl", "live-check", "report", "awx", "backup", "variables"]  # fmt: skip
CONFIGURATION = """\
project = "ot_pki.defender_iot"
version = release = {version!r}
extensions = ["myst_parser", "sphinx_antsibull_ext"]
myst_heading_anchors = 4
html_theme = "alabaster"
html_title = "ot_pki.defender_iot " + release
html_use_smartypants = False
nitpicky = False
# Modules of other collections are elsewhere, and nothing is fetched.
suppress_warnings = ["myst.header", "ref.ref", "misc.highlighting_failure"]
highlight_language = "YAML+Jinja"
"""


def main(target: Path) -> None:
    """Write the sources."""
    target.mkdir(parents=True)
    version = str(yaml.safe_load((TOP / "galaxy.yml").read_text())["version"])
    (target / "conf.py").write_text(CONFIGURATION.format(version=version))
    guides = target / "docs"
    guides.mkdir()
    for page in sorted((TOP / "docs").glob("*.md")):
        (guides / page.name).write_text(_linked(page.read_text()))
    for page in sorted(TOP.glob("*.md")):
        (target / page.name).write_text(_linked(page.read_text()))
    images = guides / "images"
    images.mkdir()
    for image in (TOP / "docs" / "images").iterdir():
        (images / image.name).write_bytes(image.read_bytes())
    rest = sorted(page.stem for page in guides.glob("*.md") if page.stem not in FIRST)
    trees = {
        "Guides": [f"docs/{name}" for name in [*FIRST, *rest]],
        "Modules, roles, plugins": ["reference/index"],
        "The project": sorted(page.stem for page in target.glob("*.md")),
    }
    lines = ["# ot_pki.defender_iot", "", "TLS certificates for fleets of Microsoft Defender for IoT OT sensors.", ""]
    for title, pages in trees.items():
        lines += ["```{toctree}", f":caption: {title}", ":maxdepth: 1", "", *pages, "```", ""]
    (target / "index.md").write_text("\n".join(lines))


def _linked(text: str) -> str:
    """Links to files that are no pages become their names, since the site has pages only."""
    return re.sub(r"(?<!!)\[([^\]]+)\]\((?!https?:)([^)#\s]+)(?<!\.md)\)", r"\1 (`\2`)", text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
