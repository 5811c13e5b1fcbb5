from django.apps import AppConfig


class GapConfig(AppConfig):
    name = "gap"

    def ready(self) -> None:
        # Shared tasks need the configured application in the web process too, not in the worker alone.
        from gap import celery  # noqa: F401
