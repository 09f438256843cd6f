# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A sensor's twin judges the validation: what it takes is fit, and what it refuses was predicted with its words.

The twin (tests/support/sensor_twin) knows OpenSSL's command line only. It is run by the very script that runs on
sensors, so that this also tests what the script makes of each answer, and that nothing stays behind.
"""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.delivery.remote import Remote, refusal
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot import catalogue
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.case import Settings
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.engine import validate_bundle
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.model import Bundle, Policy

sys.path.insert(0, str(Path(__file__).parents[1] / "validation"))
from validation_bakery import AT, SUBJECT, Kitchen, moment

TWIN = Path(__file__).parents[5] / "support" / "sensor_twin"
UPLOAD = DEFENDER_IOT.import_command
assert UPLOAD is not None
TWO_CAS = {"issuing": {"issuer": "middle"}, "more": {"middle": {"issuer": "root"}}}
SECRET = "Sesame-open_7%"
ENCRYPTED = {"of": "leaf", "passphrase": SECRET}


def leaf(**changes: Any) -> dict[str, Any]:
    return {"leaf": changes}


def bundle(**changes: Any) -> dict[str, Any]:
    return {"bundle": changes}


def crl(**changes: Any) -> dict[str, Any]:
    """A certificate that names a CRL, and the CRL."""
    return {"leaf": {"crl_urls": ["CRL"]}, "bundle": {"crls": [changes]}}


FIT: dict[str, dict[str, Any]] = {
    "as issued": {},
    "two CAs": {**TWO_CAS, **bundle(chain=["issuing", "middle", "root"])},
    "chain in another order": {**TWO_CAS, **bundle(chain=["root", "middle", "issuing"])},
    "an unrelated CA in the chain": {"more": {"odd": {}}, **bundle(chain=["issuing", "root", "odd"])},
    "4096 bits": {"keys": {"leaf": {"bits": 4096}}},
    "PKCS#1": bundle(private_key={"of": "leaf", "format": "pkcs1"}),
    "a passphrase": bundle(private_key=ENCRYPTED, passphrase=SECRET),
    "a passphrase, PKCS#1": bundle(private_key={**ENCRYPTED, "format": "pkcs1"}, passphrase=SECRET),
    "a passphrase of every character": bundle(
        private_key={"of": "leaf", "passphrase": "a!#%()+,-./:=?@[\\]^_{}~Z"}, passphrase="a!#%()+,-./:=?@[\\]^_{}~Z"
    ),
    "no SAN": leaf(sans=[]),
    "serverAuth alone": leaf(extended_key_usage=["serverAuth"]),
    "the last day": leaf(not_after="2027-06-02"),
    "the first day": leaf(not_before="2027-05-31"),
    "other subject fields": leaf(subject={key: SUBJECT[key] for key in ("C", "O", "OU", "CN")}),
    "CRL": crl(),
    "CRL that revokes another": {**crl(revoked=["odd"]), "more": {"odd": {"issuer": "issuing", "ca": False}}},
}
UNFIT: dict[str, dict[str, Any]] = {
    "wrong passphrase": bundle(private_key=ENCRYPTED, passphrase="other"),
    "another key": {"more": {"odd": {}}, **bundle(private_key="odd")},
    "no key at all": bundle(private_key={"text": "no key"}),
    "no certificate at all": bundle(certificate={"text": "no certificate"}),
    "expired": leaf(not_after="2027-05-31"),
    "not yet valid": leaf(not_before="2027-06-02"),
    "issuing CA missing": bundle(chain=["root"]),
    "root missing": bundle(chain=["issuing"]),
    "another PKI's chain": {"more": {"odd": {}}, **bundle(chain=["odd"])},
    "a CA missing in the middle": {**TWO_CAS, **bundle(chain=["issuing", "root"])},
    "chain that is none": bundle(chain={"text": "no chain"}),
    "CA expired": {"issuing": {"not_after": "2027-05-01"}},
    "root expired": {"root": {"not_after": "2027-05-01"}},
    "CA that is none": {"issuing": {"ca": False, "key_usage": ["digitalSignature"]}},
    "another CA of the same name": {"issuing": {"signer": "odd"}, "more": {"odd": {}}},
    "path too long": {**TWO_CAS, "root": {"path_length": 0}, **bundle(chain=["issuing", "middle", "root"])},
    "name outside the CA's": {"issuing": {"permitted": ["DNS:other.example"]}},
    "self-signed": {**leaf(issuer="leaf"), **bundle(chain=["root"])},
    "1024 bits": {"keys": {"leaf": {"bits": 1024}}},
    "ECDSA key": {"keys": {"leaf": {"type": "ec"}}},
    "SHA-384": leaf(hash="sha384"),
    "PSS": leaf(pss=True),
    "clientAuth alone": leaf(extended_key_usage=["clientAuth"]),
    "no common name": leaf(subject={key: SUBJECT[key] for key in ("C", "O", "OU")}),
    "revoked": crl(revoked=["leaf"]),
    "CRL out of date": crl(next_update="2027-05-25"),
    "CRL of another key": {**crl(signer="odd"), "more": {"odd": {}}},
    "CRL that is none": crl(text="no CRL"),
}


@pytest.fixture(scope="module")
def crl_server() -> Iterator[tuple[str, dict[str, bytes]]]:
    """The address of a web server, and what it serves by path."""
    pages: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in pages else 404)
            self.end_headers()
            self.wfile.write(pages.get(self.path, b""))

        def log_message(self, *arguments: Any) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", pages
        server.shutdown()
        thread.join()


def ask_twin(made: Bundle, folder: Path) -> tuple[str | None, list[str]]:
    """With which error the twin refuses it, or None; and what the script has left."""
    folder.mkdir()
    limit = 60 if shutil.which("timeout") else 1
    remote = Remote.of(UPLOAD, str(TWIN / UPLOAD.name) if UPLOAD else "", str(folder), "ot-pki-mark", limit)
    secret = made.private_key_passphrase or ""
    files = {
        kind: (source.data or b"") if source else b""
        for kind, source in (("crt", made.certificate), ("key", made.private_key), ("pem", made.chain))
    }
    done = subprocess.run(
        ["/bin/sh", "-c", remote.script()], input=remote.data(files, secret), capture_output=True, check=False,
        env={"PATH": os.defpath, "TWIN_NOW": str(int(moment(AT).timestamp())), "LC_ALL": "C"},
    )  # fmt: skip
    answer = remote.answer(done.stdout.decode(), secret)
    assert answer.complete, (done.stdout, done.stderr)
    assert answer.code is not None, (done.stdout, done.stderr)
    assert secret not in answer.text or not secret
    return refusal(answer, UPLOAD.errors if UPLOAD else ()), os.listdir(folder)


def made_of(recipe: dict[str, Any], path: str, address: str, pages: dict[str, bytes]) -> Bundle:
    recipe = {**recipe}
    if recipe.get("leaf", {}).get("crl_urls"):
        recipe["leaf"] = {**recipe["leaf"], "crl_urls": [f"{address}/{path}"]}
    made = Kitchen(recipe).bundle(recipe.get("bundle"), path)
    if made.crls:
        pages[f"/{path}"] = made.crls[0].data or b""
    return made


def test_the_twin_and_the_validation_agree(tmp_path: Path, crl_server: tuple[str, dict[str, bytes]]) -> None:
    settings = Settings.of(Policy(DEFENDER_IOT))
    recipes = {**FIT, **UNFIT}
    assert len(recipes) >= 30
    bundles = {
        title: made_of(recipe, f"case-{number}", *crl_server) for number, (title, recipe) in enumerate(recipes.items())
    }
    with ThreadPoolExecutor(4) as pool:
        said = dict(
            zip(bundles, pool.map(lambda each: ask_twin(each, tmp_path / each.name), bundles.values()), strict=True)
        )
    wrong = {}
    for title, (error, left) in said.items():
        assert left == [], title
        findings = [one for one in validate_bundle(bundles[title], settings).findings if one.severity == "error"]
        predicted = {one.upload_error for one in findings}
        fits = error is None and not findings if title in FIT else error in predicted
        if not fits:
            wrong[title] = (error, [(one.id, one.upload_error) for one in findings])
    assert not wrong
    words = {error for error, _left in said.values() if error}
    # Each of the documented errors was met.
    assert words == set(catalogue.UPLOAD_ERRORS), words


@pytest.mark.parametrize("sent", [b"", b"secret\n-----BEGIN", b"\nkey\not-pki-mark\ncertificate\n"])
def test_a_connection_that_breaks_while_files_are_sent(tmp_path: Path, sent: bytes) -> None:
    remote = Remote.of(UPLOAD, "/bin/true", str(tmp_path), "ot-pki-mark", 5)
    done = subprocess.run(["/bin/sh", "-c", remote.script()], input=sent, capture_output=True, text=False, check=False)
    answer = remote.answer(done.stdout.decode(), "")
    assert (answer.complete, answer.code, os.listdir(tmp_path)) == (True, None, [])


@pytest.mark.parametrize("shell", [shell for shell in ("dash", "bash", "zsh", "ksh", "busybox") if shutil.which(shell)])
def test_every_shell(tmp_path: Path, shell: str) -> None:
    """The answer has what the command printed, on one line, without the passphrase."""
    command = tmp_path / "import"
    command.write_text('#!/bin/sh\necho "given: $*"; cat "$4" "$2" "$6"; echo env=$secret; exit 7\n')
    command.chmod(0o755)
    (tmp_path / "there").mkdir()
    remote = Remote.of(UPLOAD, str(command), str(tmp_path / "there"), "ot-pki-mark", 5)
    run = [*([shell, "sh"] if shell == "busybox" else [shell]), "-c", remote.script()]
    contents = {"key": b"a\\n b\n", "crt": b"c\r\nd", "pem": b""}
    done = subprocess.run(run, input=remote.data(contents, SECRET), capture_output=True, check=False)
    answer = remote.answer(done.stdout.decode(), SECRET)
    assert answer.code == 7, done
    assert "--pass *** c d a\\n b env=" in answer.text
    assert "env=***" not in answer.text
    assert os.listdir(tmp_path / "there") == []
