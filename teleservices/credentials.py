"""What the calls present, as it stands in the database: a change is seen within seconds, nothing is restarted.

A certificate put in force on the screen is used; without one, the files that the settings name. The same for the
authorities that we trust.
"""

from __future__ import annotations

import os
import secrets
import ssl
import tempfile
import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from django.conf import settings
from django.db import DatabaseError

from gap.crypto import DecryptionError
from teleservices.clients.credentials import FileCredentials, version_of
from teleservices.clients.errors import ConfigurationError
from teleservices.enums import CertificateState, CertificateUse
from teleservices.models import SoftwareCertificate, TrustedAuthority

#: How long what was read of the database is believed: a rotation reaches every process in as long.
BELIEVED_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _State:
    """Which rows are in force: their keys, never what they hold."""

    #: use → the key of its certificate in force.
    ours: tuple[tuple[str, int], ...]
    authorities: tuple[int, ...]

    def of(self, use: CertificateUse) -> int | None:
        return dict(self.ours).get(use)


class _Memory:
    """The last state read, shared by the threads of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: _State | None = None
        self._read_at = 0.0
        self._process = 0

    def state(self) -> _State:
        now = time.monotonic()
        with self._lock:
            if self._state is None or now - self._read_at > BELIEVED_S or self._process != os.getpid():
                try:
                    self._state = _read_state()
                except DatabaseError:
                    # A call that is leaving needs its certificate, not the news.
                    if self._state is None:
                        raise
                self._read_at, self._process = now, os.getpid()
            return self._state

    def forget(self) -> None:
        with self._lock:
            self._state = None


_memory = _Memory()


def forget() -> None:
    """Look at the database at the next call, not in some seconds."""
    _memory.forget()


def _read_state() -> _State:
    ours = SoftwareCertificate.objects.filter(state=CertificateState.IN_FORCE).order_by("use").values_list("use", "pk")
    trusted = TrustedAuthority.objects.filter(withdrawn_at__isnull=True).order_by("pk").values_list("pk", flat=True)
    return _State(tuple(ours), tuple(trusted))


def files_of(use: CertificateUse) -> FileCredentials:
    """Those that the settings name."""
    named = settings.TELESERVICES
    return FileCredentials(
        Path(named[f"{use.value}_certificate"]), Path(named[f"{use.value}_key"]), Path(named["ca_file"])
    )


@dataclass(frozen=True, slots=True)
class CurrentCredentials:
    """Those in force for one use, wherever they are kept."""

    use: CertificateUse

    def version(self) -> Hashable:
        state = _memory.state()
        ours, files = state.of(self.use), files_of(self.use)
        needed = () if ours is not None else (files.certificate, files.key)
        return ours, state.authorities, version_of(*needed, *(() if state.authorities else (files.ca_file,)))

    def load(self, context: ssl.SSLContext) -> None:
        state = _memory.state()
        try:
            _trust(context, state, self.use)
            if (ours := state.of(self.use)) is None:
                _present_files(context, files_of(self.use))
            else:
                _present(context, SoftwareCertificate.objects.get(pk=ours))
        except SoftwareCertificate.DoesNotExist:
            forget()
            raise ConfigurationError("certificate_missing") from None
        except DecryptionError as error:
            raise ConfigurationError("certificate_key_lost") from error
        except (OSError, ValueError) as error:
            raise ConfigurationError("certificate_file_unreadable") from error


def _trust(context: ssl.SSLContext, state: _State, use: CertificateUse) -> None:
    if not state.authorities:
        context.load_verify_locations(cafile=str(files_of(use).ca_file))
        return
    trusted = TrustedAuthority.objects.filter(pk__in=state.authorities).values_list("certificate", flat=True)
    context.load_verify_locations(cadata="\n".join(trusted))


def _present_files(context: ssl.SSLContext, files: FileCredentials) -> None:
    # An encrypted key would ask its password on the terminal: an empty one fails instead.
    context.load_cert_chain(str(files.certificate), str(files.key), password="")


def _present(context: ssl.SSLContext, held: SoftwareCertificate) -> None:
    """OpenSSL reads a key from a file only: it stands there for an instant, encrypted by a password nobody keeps."""
    if held.private_key is None:
        raise ValueError("the key was erased")
    key = serialization.load_der_private_key(held.private_key, None)
    password = secrets.token_urlsafe(24)
    sealed = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()),
    )
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # mode 0600
        file.write(held.certificate.encode() + held.chain.encode() + sealed)
        file.flush()
        context.load_cert_chain(file.name, password=password)
