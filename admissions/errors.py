"""What a service refuses, in words for the person who asked."""

from __future__ import annotations


class Refused(Exception):
    """The demand can't be carried out. `message` says what, `kept` what is kept, `todo` what to do; `field` where."""

    def __init__(self, message: str, *, todo: str = "", kept: str = "Rien n’a été modifié.", field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.kept = kept
        self.todo = todo
        self.field = field

    @property
    def sentence(self) -> str:
        return " ".join(part for part in (self.message, self.kept, self.todo) if part)


class Conflict(Refused):
    """Somebody saved before: the second person is told, and keeps what they typed."""
