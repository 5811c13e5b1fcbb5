"""A disk with so many bytes left, for a process of a test. No privilege is needed; the refusal is the kernel's own (ENOSPC).

Run in that process, before it has threads.
"""

from __future__ import annotations

import ctypes
import os
import resource
from pathlib import Path
from typing import Any

_NEW_USER, _NEW_MOUNTS = 0x10000000, 0x00020000
_SIZE = 1024 * 1024
_PAGE = 4096


def fill(folder: Path, how: str, room: int = 0) -> None:
    """From now on this process finds `room` bytes under `folder`.

    `how`: « disk », a file system that is full, or where the kernel lets nobody mount one, the next; « writes »: files are
    made and each of their writes is refused, as by a disk that has names left and no block (/dev/full); « length »: the
    limit of a file's length (EFBIG).
    """
    folder.mkdir(parents=True, exist_ok=True)
    if how == "length":
        resource.setrlimit(resource.RLIMIT_FSIZE, (max(room, 10), max(room, 10)))
    elif how == "writes" or not _mounted(folder, room):
        _refuse_writes(folder)


def _mounted(folder: Path, room: int) -> bool:
    """A small file system in the place of this folder, with what it held, for this process alone; whether it could be."""
    system = ctypes.CDLL(None, use_errno=True)
    me, group = os.getuid(), os.getgid()
    if system.unshare(_NEW_USER | _NEW_MOUNTS):
        return False
    try:
        for name, line in (("setgroups", "deny"), ("uid_map", f"{me} {me} 1"), ("gid_map", f"{group} {group} 1")):
            Path(f"/proc/self/{name}").write_text(line)
    except OSError:
        return False
    held = {one.relative_to(folder): one.read_bytes() for one in folder.rglob("*") if one.is_file()}
    if system.mount(b"tmpfs", str(folder).encode(), b"tmpfs", 0, f"size={_SIZE}".encode()):
        return False
    for name, content in held.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    state = os.statvfs(folder)
    taken = state.f_bavail * state.f_frsize - room // _PAGE * _PAGE
    (folder / ".taken").write_bytes(b"\0" * taken)
    return True


def _refuse_writes(folder: Path) -> None:
    opened = os.open

    def refused(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        descriptor = opened(path, flags, *rest, **options)
        if flags & (os.O_WRONLY | os.O_RDWR) and Path(os.fsdecode(path)).is_relative_to(folder):
            full = opened("/dev/full", os.O_WRONLY)
            os.dup2(full, descriptor)
            os.close(full)
        return descriptor

    os.open = refused
