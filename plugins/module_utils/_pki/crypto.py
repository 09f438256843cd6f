# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one place that imports ``cryptography``.

Ansible's documentation tools and its import check load every file on machines without it, so the
import is guarded here and nowhere else. Everything else says ``from .crypto import x509``.

What the library makes of hostile input is guarded here as well: it raises a dozen kinds of exceptions
(``ValueError``, ``TypeError``, ``KeyError`` for an unknown TLS feature, ``UnsupportedGeneralNameType`` …), and
when its own code is wrong about its input even a panic, which is no ``Exception``. Inside :class:`guard` all of
them become one, :class:`UnreadableError`.
"""

from __future__ import annotations

import warnings
from types import TracebackType
from typing import Literal

from .._plain.errors import PkiError

try:
    import cryptography
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
    from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
    from cryptography.x509.oid import (
        CRLEntryExtensionOID,
        ExtendedKeyUsageOID,
        ExtensionOID,
        NameOID,
        SignatureAlgorithmOID,
    )
except ImportError as _error:
    CRYPTOGRAPHY_PROBLEM: str | None = (
        f"the Python package 'cryptography' cannot be imported ({_error}); "
        "install cryptography 42 or newer for the Python that runs Ansible"
    )

    class InvalidSignature(Exception):  # type: ignore[no-redef]
        """Stands in while files are merely being loaded."""

    class UnsupportedAlgorithm(Exception):  # type: ignore[no-redef]
        """Stands in while files are merely being loaded."""

    x509 = hashes = serialization = None  # type: ignore[assignment]
    dsa = ec = ed448 = ed25519 = padding = rsa = pkcs7 = pkcs12 = None  # type: ignore[assignment]
    CRLEntryExtensionOID = ExtendedKeyUsageOID = ExtensionOID = None  # type: ignore[assignment, misc]
    NameOID = SignatureAlgorithmOID = None  # type: ignore[assignment, misc]
else:
    CRYPTOGRAPHY_PROBLEM = None
    if int(cryptography.__version__.split(".", maxsplit=1)[0]) < 42:
        CRYPTOGRAPHY_PROBLEM = (
            f"the Python package 'cryptography' is version {cryptography.__version__}, "
            "which is too old; 42 or newer is needed"
        )

# These are about this process and never about the input.
_NOT_ABOUT_THE_INPUT = (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError)


class UnreadableError(PkiError, ValueError):
    """Something that cannot be read, whatever the library said to it.

    A ``ValueError`` too: that is what parsers raise, and what their callers expect.
    """


def is_panic(error: BaseException) -> bool:
    """Whether an exception is a panic of the library's Rust code, whose type cannot be imported."""
    return not isinstance(error, Exception) and type(error).__name__ == "PanicException"


def is_about_the_process(error: BaseException) -> bool:
    """Whether an exception is about this process (an interrupt, no memory), and never about its input."""
    return isinstance(error, _NOT_ABOUT_THE_INPUT)


class guard:  # noqa: N801 - used like a function: ``with guard("its subject"):``
    """Whatever the library raises inside becomes :class:`UnreadableError`; errors of our own pass.

    :param what: what is being read, put before the reason, for example ``its subject``; empty: the reason alone.
    :param secret: the input holds a key, so nothing that the library says is repeated.
    """

    __slots__ = ("secret", "what")

    def __init__(self, what: str = "", secret: bool = False) -> None:
        self.what = what
        self.secret = secret

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        if error is None or isinstance(error, PkiError) or is_about_the_process(error):
            return False
        if not isinstance(error, Exception) and not is_panic(error):
            return False
        reason = type(error).__name__ if self.secret else explain(error)
        # Not chained: what a parser raised may quote its input.
        raise UnreadableError(f"{self.what} cannot be read: {reason}" if self.what else reason) from None


class quiet:  # noqa: N801 - used like a function: ``with quiet():``
    """What the library warns of on stderr (an empty CN, a country of three letters) is not shown: rules report it.

    Inside another one it costs nothing: setting the interpreter's filters takes longer than reading a certificate.
    """

    __slots__ = ("_filters",)
    _active = False

    def __enter__(self) -> None:
        self._filters: warnings.catch_warnings[None] | None = None
        if not quiet._active:
            self._filters = warnings.catch_warnings()
            self._filters.__enter__()
            warnings.simplefilter("ignore")
            quiet._active = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        if self._filters is not None:
            quiet._active = False
            self._filters.__exit__(kind, error, trace)
        return False


def explain(error: BaseException) -> str:
    """What a parser said, in words for people; its own words stay where they help."""
    if is_panic(error):
        return "the parser gave up on it (an internal error of the package 'cryptography')"
    name = type(error).__name__
    text = " ".join(str(error).split())
    if name == "InvalidVersion" or "InvalidVersion" in text or ("not a valid" in text and "version" in text.lower()):
        return f"its version number is not allowed ({text[:120]})"
    if name == "DuplicateExtension":
        return f"an extension stands in it twice ({text[:120]})"
    if name == "UnsupportedGeneralNameType":
        return "it has a name of a kind that is not supported (x400Address or ediPartyName)"
    if name == "UnsupportedAlgorithm":
        return f"it is not supported here ({text[:120]})"
    if name == "KeyError":
        return f"it has a value that is not known ({text[:60]})"
    if "ShortData" in text:
        return "the data is cut off"
    if "ExtraData" in text:
        return "there is more data after its end"
    if "ParseError" in text:
        where = "".join(part.split('"')[1] + ", " for part in text.split("Field(")[1:] if '"' in part).rstrip(", ")
        return f"its ASN.1 is damaged or not DER{f' (at {where})' if where else ''}"
    return text[:200] or name


__all__ = [
    "CRYPTOGRAPHY_PROBLEM",
    "CRLEntryExtensionOID",
    "ExtendedKeyUsageOID",
    "ExtensionOID",
    "InvalidSignature",
    "NameOID",
    "SignatureAlgorithmOID",
    "UnreadableError",
    "UnsupportedAlgorithm",
    "dsa",
    "ec",
    "ed448",
    "ed25519",
    "explain",
    "guard",
    "hashes",
    "is_about_the_process",
    "is_panic",
    "padding",
    "pkcs7",
    "pkcs12",
    "quiet",
    "rsa",
    "serialization",
    "x509",
]
