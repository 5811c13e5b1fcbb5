"""Changes are told by the database: no statement of ours, of a colleague or of a console goes round a trigger.

Before a statement that changes a journaled table, the database is told on whose behalf (`gap.who`), in the transaction
of the change. Told with each statement, not once a request: what is said in a transaction that is undone is undone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from django.db.migrations.operations import RunSQL
from psycopg.sql import Composable

from accounts.journal.unit import current

#: Tables whose changes are journaled, told to the wrapper as the migrations' operations are (`JOURNALED` of each app).
_TABLES: set[str] = set()
_WRITES: Final = ("insert", "update", "delete", "with")
#: A table is named well before: a bulk of a thousand rows is not kept whole to be known again.
_ENOUGH: Final = 4_000
_TOLD: Final = "select set_config('gap.who', %s, %s)"

FUNCTION: Final = """
create or replace function gap_journal_change() returns trigger language plpgsql as $$
declare
  who jsonb := nullif(current_setting('gap.who', true), '')::jsonb;
  before jsonb := case when tg_op = 'INSERT' then '{}'::jsonb else to_jsonb(old) end;
  after jsonb := case when tg_op = 'DELETE' then '{}'::jsonb else to_jsonb(new) end;
  whole jsonb := case when tg_op = 'DELETE' then to_jsonb(old) else to_jsonb(new) end;
  skipped text[] := tg_argv[2]::text[];
  masked text[] := tg_argv[3]::text[];
  changed jsonb;
  stay bigint := (whole ->> nullif(tg_argv[1], ''))::bigint;
  patient bigint := (whole ->> nullif(tg_argv[0], ''))::bigint;
  place bigint := coalesce(who ->> 'establishment', whole ->> 'establishment_id')::bigint;
begin
  select jsonb_object_agg(name, case when name = any(masked) then '["•", "•"]'::jsonb else
                                  jsonb_build_array(before -> name, after -> name) end)
    into changed
    from jsonb_object_keys(whole) as name
   where coalesce(before -> name, 'null') is distinct from coalesce(after -> name, 'null')
     and not name = any(skipped);
  if changed is null then
    return null;
  end if;
  -- Whose, and where: a movement names its stay alone, the engine works for every hospital.
  if stay is not null and (patient is null or place is null) then
    select coalesce(patient, patient_id), coalesce(place, establishment_id) into patient, place
      from admissions_stay where id = stay;
  elsif patient is not null and place is null then
    select establishment_id into place from admissions_patient where id = patient;
  end if;
  insert into accounts_journalentry
    (kind, action, user_id, client_id, establishment_id, place, session, request, patient_id, stay_id,
     object_type, object_id, detail, reason)
  values
    ('change', left(coalesce(who ->> 'action', 'sql') || ' ' || lower(tg_op), 80), (who ->> 'user')::bigint,
     (who ->> 'client')::bigint, place, (who ->> 'place')::inet,
     coalesce(who ->> 'session', ''), (who ->> 'request')::uuid,
     patient, stay,
     tg_table_name, (whole ->> 'id')::bigint, changed, coalesce(who ->> 'reason', ''));
  return null;
end
$$
"""

#: The journal itself: nothing is changed in it, whoever asks. Its owner alone may take this away (docs/adr/0013).
APPEND_ONLY: Final = """
create or replace function gap_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'the journal is only added to' using errcode = 'insufficient_privilege';
end
$$
"""


def append_only(table: str) -> RunSQL:
    """A migration's operation: rows of this table are never changed, nor taken away."""
    return RunSQL(
        f"create trigger append_only before update or delete on {table} for each row "
        "execute function gap_append_only()",
        f"drop trigger append_only on {table}",
    )


def journaled(
    table: str, *, patient: str = "", stay: str = "", skipped: tuple[str, ...] = (), masked: tuple[str, ...] = ()
) -> RunSQL:
    """A migration's operation: from now on, changes of this table are journaled.

    `patient`, `stay`: the columns that hold their keys. `skipped`: columns whose change alone is no news (a counter, a
    version). `masked`: secrets, of which the journal says that they changed.
    """
    arguments = ", ".join(
        f"'{text}'" for text in (patient, stay, f"{{{','.join(skipped)}}}", f"{{{','.join(masked)}}}")
    )
    return RunSQL(
        f"create trigger journal_change after insert or update or delete on {table} for each row "
        f"execute function gap_journal_change({arguments})",
        f"drop trigger journal_change on {table}",
    )


def register(*tables: str) -> None:
    """An app says which of its tables have the trigger, so that the database is told who before it writes there."""
    _TABLES.update(tables)
    _changes_one.cache_clear()


@lru_cache(maxsize=4_096)
def _changes_one(sql: str) -> bool:
    """Whether this statement may change a journaled table. The same few thousand texts come back all day."""
    words = set(_WORD.findall(sql))
    return sql.lstrip()[:6].lower().startswith(_WRITES) and not _TABLES.isdisjoint(words)


_WORD: Final = re.compile(r"\w+")


def registered() -> frozenset[str]:
    return frozenset(_TABLES)


def tell_who(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Wrapper of every statement: before a change of a journaled table, the database is told on whose behalf."""
    connection = context["connection"]
    if _changes_one(_text(sql, connection)[:_ENOUGH]):
        # Alone in its transaction, it must last until the next statement; in a transaction, no longer than it.
        with connection.wrap_database_errors, connection.connection.cursor() as cursor:
            cursor.execute(_TOLD, [current().told, connection.in_atomic_block])
    return execute(sql, params, many, context)


def _text(sql: Any, connection: Any) -> str:
    """A statement put together by psycopg's own pieces is one all the same."""
    return sql.as_string(connection.connection) if isinstance(sql, Composable) else str(sql)


def listen(connection: Any, **_: Any) -> None:
    """Of each new connection (signal `connection_created`)."""
    if tell_who not in connection.execute_wrappers:
        connection.execute_wrappers.append(tell_who)
