"""Where files are kept: a folder in which they appear whole or not at all, and the encryption around any storage."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage
from django.core.files.storage.handler import InvalidStorageError
from django.db import transaction
from django.utils.module_loading import import_string

from gap.crypto import DecryptionError, file_keys
from gap.locks import hold_for_transaction
from gap.sealed import MAGIC, Unsealed, key_id_of, seal

# What is being encrypted is held in memory up to here, then in a temporary file, encrypted already.
_SPOOL = 4 * 1024 * 1024


class AtomicFileSystemStorage(FileSystemStorage):
    """Writes beside, as `*.tmp`, then renames. An object store does so by itself."""

    def _save(self, name: str, content: Any) -> str:
        beside = f"{name}.{os.getpid()}.tmp"
        try:
            beside = super()._save(beside, content)  # type: ignore[misc]
            Path(self.path(beside)).replace(self.path(name))
        except OSError:
            # A disk that is full has all the less room for the beginning of a file.
            Path(self.path(beside)).unlink(missing_ok=True)
            raise
        return name


class EncryptedStorage(Storage):
    """Encrypts what is saved in another storage and decrypts what is read: callers see plain files.

    `inner`: that storage, as in the setting STORAGES. `alias`: authenticated with each file's name, so that none can be
    put in the place of another. `only`: the folders that are ours, when the rest is where another program takes and
    leaves files: those stay as they are.
    A file from before encryption is read as it is, unless the setting PLAIN_FILES_READABLE says otherwise.
    """

    def __init__(self, alias: str, inner: dict[str, Any], only: Sequence[str] = ()) -> None:
        self.alias = alias
        self.only = tuple(only)
        try:
            self.inner: Storage = import_string(inner["BACKEND"])(**inner.get("OPTIONS", {}))
        except ImportError as problem:
            raise InvalidStorageError(f"Could not find backend {inner['BACKEND']!r}") from problem

    def is_encrypted_place(self, name: str) -> bool:
        """Is what has this name kept encrypted (True), or handed over to another program (False)?"""
        return not self.only or name.partition("/")[0] in self.only

    def needs_rotation(self, name: str) -> bool:
        """Is this file in clear though its place is not, or encrypted under a key that is not the first of the ring?"""
        if not self.is_encrypted_place(name):
            return False
        with self.inner.open(name, "rb") as file:
            return key_id_of(file.read(len(MAGIC) + 4)) != file_keys()[0][0]

    def rewrite(self, name: str) -> None:
        """Encrypt a file again, under the first key of the ring; whoever reads it meanwhile reads it whole.

        One that has just been deleted is not brought back.
        """
        with self._alone_with(name):
            if self.inner.exists(name):
                with self._open_any(name) as plain:
                    self._put(name, plain)

    @contextmanager
    def _alone_with(self, name: str) -> Iterator[None]:
        """Nobody else deletes or encrypts this file again until the end of the transaction."""
        with transaction.atomic():
            hold_for_transaction(f"file {self.alias}/{name}")
            yield

    def walk(self) -> Iterator[str]:
        """The name of every file that is kept encrypted, or should be; temporary ones are left out."""
        for folder in self.only or ("",):
            yield from self._walk(folder)

    def _walk(self, folder: str) -> Iterator[str]:
        try:
            folders, files = self.inner.listdir(folder)
        except FileNotFoundError:
            return
        for name in sorted(files):
            if name and not name.endswith(".tmp"):
                yield f"{folder}/{name}" if folder else name
        for name in sorted(folders):
            yield from self._walk(f"{folder}/{name}" if folder else name)

    def path(self, name: str) -> str:
        return self.inner.path(name)

    def delete(self, name: str) -> None:
        with self._alone_with(name):
            self.inner.delete(name)

    def exists(self, name: str) -> bool:
        return self.inner.exists(name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        return self.inner.listdir(path)

    def size(self, name: str) -> int:
        """Bytes of the content, not of what is kept."""
        with self._open(name) as file:
            return int(file.size)

    def get_modified_time(self, name: str) -> datetime:
        return self.inner.get_modified_time(name)

    def _open(self, name: str, mode: str = "rb") -> File:
        if mode != "rb":
            raise ValueError("A file that is kept is only read; it is replaced as a whole.")
        return self._open_any(name, plain=not self.is_encrypted_place(name) or settings.PLAIN_FILES_READABLE)

    def _open_any(self, name: str, *, plain: bool = True) -> File:
        """Raises DecryptionError: altered, under a key that is gone, or in clear where it may not be (`plain`)."""
        inner = self.inner.open(name, "rb")
        try:
            sealed = key_id_of(inner.read(len(MAGIC) + 4)) is not None
            inner.seek(0)
            if not sealed and not plain:
                raise DecryptionError(f"file in clear in {self.alias}")
            # In a folder of exchange a file that looks sealed is somebody else's affair, and stays as it came.
            if not sealed or not self.is_encrypted_place(name):
                return inner
            return File(io.BufferedReader(Unsealed(inner, self._context(name))), name)
        except BaseException:
            inner.close()
            raise

    def _save(self, name: str, content: Any) -> str:
        if not self.is_encrypted_place(name):
            return self._inner_save(name, content)
        content.seek(0)
        return self._put(name, content)

    def _put(self, name: str, plain: IO[bytes] | File) -> str:
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as sealed:
            seal(plain, sealed, self._context(name))  # type: ignore[arg-type]
            sealed.seek(0)
            saved = self._inner_save(name, File(sealed, name))
        if saved != name:
            self.inner.delete(saved)
            raise FileExistsError(f"a file of {self.alias} was named twice at once")
        return saved

    def _inner_save(self, name: str, content: Any) -> str:
        return str(self.inner._save(name, content))  # type: ignore[attr-defined]

    def _context(self, name: str) -> str:
        return f"{self.alias}/{name}"
