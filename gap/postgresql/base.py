"""Django's PostgreSQL, with one thing more: nobody connects to a server that is known to answer nothing.

libpq would wait for its `connect_timeout` each time, on the one thread of a web process (setting ENGINE, `gap.database`).
"""

from __future__ import annotations

from typing import Any

import psycopg
from django.db.backends.postgresql import base

from gap.postgresql import silence


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if silence.keeps_out():
            # Django makes its own OperationalError of it, as of any connection that fails.
            raise psycopg.OperationalError("The server answers nothing.")
        return super().get_new_connection(conn_params)
