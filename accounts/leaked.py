"""Passwords known to have leaked, looked for without asking anybody: a sorted file of digests beside the product.

The file: 8 bytes of the SHA-1 of each password, sorted, nothing else. It is mapped, not read: a look-up by bisection
touches some thirty pages of it, shared by every process. A password is refused for nothing once in 2^64 / N.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator
from heapq import nlargest
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError

WIDTH: Final = 8
#: Nineteen thousand common ones (Django's own list), so that something is refused before an import (docs/adr/0019).
SHIPPED: Final = Path(__file__).parent / "data" / "common_passwords.bin"


class LeakedFileError(ValueError):
    """Not a list of digests and counts, or not a file of ours: `message` says where."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def imported_file() -> Path:
    """Where `import_leaked_passwords` leaves what it made."""
    return Path(settings.LEAKED_PASSWORDS)


def digest(password: str) -> bytes:
    """The first bytes of the SHA-1 of its UTF-8, as the public lists have it."""
    return hashlib.sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()[:WIDTH]


def is_leaked(password: str) -> bool:
    """Whether the password, or the same in small letters, is in the imported file or in the one of the product."""
    wanted = {digest(password), digest(password.strip().lower())}
    files = [path for path in (imported_file(), SHIPPED) if path.is_file()]
    return any(contains(path, one) for path in files for one in wanted)


def contains(path: Path, wanted: bytes) -> bool:
    """Bisection of the mapped file. Raises LeakedFileError when its size is not that of such a file."""
    size = path.stat().st_size
    if size % WIDTH:
        raise LeakedFileError(f"{path.name} n’est pas une liste de mots de passe\u00a0: importez-la de nouveau.")
    if not size:
        return False
    # Opened for each look: some a day, and a file that was replaced is seen at once.
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
        low, high = 0, size // WIDTH
        while low < high:
            middle = (low + high) // 2
            found = held[middle * WIDTH : (middle + 1) * WIDTH]
            if found == wanted:
                return True
            if found < wanted:
                low = middle + 1
            else:
                high = middle
    return False


def read_lines(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """(count, first bytes) of each `HASH:count` line. Raises LeakedFileError, with the number of the line."""
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        hexadecimal, _, count = text.partition(b":")
        try:
            whole = bytes.fromhex(hexadecimal.decode("ascii"))
            times = int(count)
        except ValueError:
            whole, times = b"", 0
        if len(whole) != 20 or times < 1:
            raise LeakedFileError(
                f"ligne {number}\u00a0: il faut un SHA-1 en hexadécimal, «\u00a0:\u00a0» et un nombre."
            )
        yield times, whole[:WIDTH]


def pack(lines: Iterable[bytes], target: Path, *, most: int | None = None) -> int:
    """Make the file from such lines, the `most` most seen ones or all, put in place at once. Returns how many.

    All of them: a sorted list is written as it is read, in constant memory. Raises LeakedFileError; the file that was
    there stays then.
    """
    read = read_lines(lines)
    chosen: Iterable[bytes] = (
        (key for _, key in read) if most is None else sorted({key for _, key in nlargest(most, read)})
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb", buffering=1 << 20) as out:
            count = _write(chosen, out)
            out.flush()
            os.fsync(out.fileno())
        temporary.chmod(0o644)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return count


def _write(keys: Iterable[bytes], out: Any) -> int:
    last, count = b"", 0
    for key in keys:
        if key < last:
            raise LeakedFileError(
                "la liste n’est pas triée par empreinte. Prenez celle qui l’est («\u00a0ordered by hash\u00a0»)."
            )
        if key != last:
            out.write(key)
            count += 1
        last = key
    return count


class LeakedPasswordValidator:
    """For AUTH_PASSWORD_VALIDATORS: nothing leaves this machine, the password is in no log."""

    def validate(self, password: str, user: Any = None) -> None:
        if is_leaked(password):
            raise ValidationError(
                "Ce mot de passe est connu\u00a0: il figure dans des listes volées ailleurs, que l’on essaie en premier. "
                "Choisissez-en un autre\u00a0: une phrase à vous.",
                code="password_leaked",
            )

    def get_help_text(self) -> str:
        return "Il ne figure pas dans les listes de mots de passe volés."
