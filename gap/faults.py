"""Which failure of ours is of a moment: somebody has only to wait, and is told so (503) rather than that we broke (500).

What is told is what is known: the server's own code (PostgreSQL, appendix A), or the kernel's.
"""

from __future__ import annotations

import errno
from enum import StrEnum
from typing import Final

from django.db import DatabaseError, InterfaceError, OperationalError


class Away(StrEnum):
    """What is not there now."""

    DATABASE = "database"
    READ_ONLY = "read_only"
    DATABASE_DISK = "database_disk"
    DISK = "disk"
    BUSY = "busy"
    SLOW = "slow"


#: 25006: after a failover, what answers may only be read. 53100: the server's own disk. The rest: nobody else could.
_BY_CODE: Final[dict[str, Away | None]] = {
    "25006": Away.READ_ONLY,
    "53100": Away.DATABASE_DISK,
    "58030": Away.DATABASE_DISK,
    "40001": Away.BUSY,
    "40P01": Away.BUSY,
    "55P03": Away.BUSY,
    "57014": Away.SLOW,
    # A word of the protocol that one of us got wrong: nobody is away.
    "08P01": None,
}
#: Beginnings of the codes of a server that is not there: connection, resources, an operator who stops it.
_GONE: Final = ("08", "53", "57P")
#: A file that cannot be written, however the kernel says it.
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def away(problem: BaseException | None) -> Away | None:
    """What an exception says is away; None: it is a fault of the program."""
    if isinstance(problem, OSError) and problem.errno in _FULL:
        return Away.DISK
    if not isinstance(problem, DatabaseError | InterfaceError):
        return None
    code = getattr(problem.__cause__, "sqlstate", None) or ""
    if code in _BY_CODE:
        return _BY_CODE[code]
    if code.startswith(_GONE) or (not code and isinstance(problem, OperationalError | InterfaceError)):
        return Away.DATABASE
    return None


def no_room(problem: BaseException) -> bool:
    """Whether a file could not be written for want of room."""
    return away(problem) is Away.DISK
