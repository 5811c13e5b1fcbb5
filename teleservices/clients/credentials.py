"""What a connection shows of us, and whom it trusts. Where it is kept is the business of who gives it."""

from __future__ import annotations

import ssl
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from teleservices.clients.errors import ConfigurationError


class Credentials(Protocol):
    """Our certificate with its key, and the authorities of the other side."""

    def version(self) -> Hashable:
        """Changes whenever `load` would give something else. Asked at each call: cheap. Raises ConfigurationError."""

    def load(self, context: ssl.SSLContext) -> None:
        """Put them in a context that is not used yet. Raises ConfigurationError."""


@dataclass(frozen=True, slots=True)
class FileCredentials:
    """PEM files; the key is not encrypted. A renewed file is seen at the next call."""

    certificate: Path
    key: Path
    ca_file: Path

    def version(self) -> Hashable:
        return version_of(self.certificate, self.key, self.ca_file)

    def load(self, context: ssl.SSLContext) -> None:
        try:
            context.load_verify_locations(cafile=str(self.ca_file))
            # An encrypted key would ask its password on the terminal: an empty one fails instead.
            context.load_cert_chain(str(self.certificate), str(self.key), password="")
        except (OSError, ValueError) as error:
            raise ConfigurationError("certificate_file_unreadable") from error


def version_of(*files: Path) -> Hashable:
    """Changes when one of the files does. Raises ConfigurationError when one is missing."""
    try:
        found = [path.stat() for path in files]
    except OSError as error:
        raise ConfigurationError("certificate_file_missing") from error
    return tuple((one.st_mtime_ns, one.st_ino, one.st_size) for one in found)
