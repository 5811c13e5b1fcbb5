"""The Celery application. Tasks take an id and call a service; no row waits in Redis alone."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from celery import Celery, signals
from django.db import close_old_connections
from django_structlog.celery.steps import DjangoStructLogInitStep

from gap.memory import settle

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gap.settings")

app = Celery("gap")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Celery would close the database's connection before and after each task: two connections, and the plans of all its
# statements, for a call of a few milliseconds. Kept as the web keeps its own: checked before each task, renewed by age.
app.conf["CELERY_DB_REUSE_MAX"] = 2**31
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks()


@signals.worker_process_init.connect
@signals.worker_ready.connect
def _settle(**_: Any) -> None:
    """Before the first task: in the worker, and in each of its processes when it has some."""
    settle()


@signals.worker_ready.connect
@signals.beat_init.connect
def _look_out(**_: Any) -> None:
    """Redis, which wakes the tasks that look, may be what is gone."""
    from gap import lookout

    lookout.start(cuts=False)


@signals.task_prerun.connect
@signals.task_postrun.connect
def _renew_connection(sender: Any = None, **_: Any) -> None:
    """As Django does around a request: a connection that broke, or is too old, is closed; the next query opens one."""
    if not getattr(sender.request, "is_eager", False):
        close_old_connections()


@signals.beat_init.connect
def _show_life(**_: Any) -> None:
    """The scheduler listens to nothing: whoever looks after it looks at the age of this file, renewed by each wake-up."""
    mark = Path(tempfile.gettempdir()) / "gap-scheduler"
    mark.touch()
    signals.before_task_publish.connect(lambda **_: mark.touch(), weak=False)
