"""Model fields whose column holds AES-GCM tokens. They can be read and written, never filtered: see `blind_index`."""

from __future__ import annotations

from typing import Any

from django.db import models

from gap.crypto import decrypt, encrypt


class EncryptedBinaryField(models.BinaryField):
    """Bytes encrypted at rest; None stays NULL."""

    # What a type checker is told of the attribute.
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def _context(self) -> str:
        return f"{self.model._meta.db_table}.{self.column}"

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is not None:
            value = encrypt(self._to_bytes(value), self._context())
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, _expression: Any, _connection: Any) -> Any:
        return None if value is None else self._to_python(decrypt(bytes(value), self._context()))

    def get_lookup(self, lookup_name: str) -> Any:
        # Two encryptions of one value differ: an equality here would silently find nothing.
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def _to_bytes(self, value: Any) -> bytes:
        return bytes(value)

    def _to_python(self, value: bytes) -> Any:
        return value


class _Read(str):
    """Text as it was read, with the token that it was read from, and the column that alone reads it again."""

    token: bytes
    context: str


class EncryptedTextField(EncryptedBinaryField):
    """Text encrypted at rest. Empty text is stored as it is typed: encrypted too.

    What was read and is written again keeps its token: a row that is saved with nothing changed in it has not changed,
    and its journal says so.
    """

    _pyi_private_set_type: str
    _pyi_private_get_type: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("editable", True)
        super().__init__(*args, **kwargs)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if isinstance(value, _Read) and value.context == self._context():
            return models.BinaryField.get_db_prep_value(self, value.token, connection, prepared)
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        plain = super().from_db_value(value, expression, connection)
        if plain is None:
            return None
        read = _Read(plain)
        read.token, read.context = bytes(value), self._context()
        return read

    def _to_bytes(self, value: Any) -> bytes:
        return str(value).encode()

    def _to_python(self, value: bytes) -> str:
        return value.decode()

    def to_python(self, value: Any) -> Any:
        return value

    def value_to_string(self, obj: Any) -> str:
        return str(self.value_from_object(obj))
