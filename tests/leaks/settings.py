"""The product's settings, with faults that can be asked for: what a failure says is looked at too."""

from gap.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.leaks"]  # noqa: F405
MIDDLEWARE = [*MIDDLEWARE, "tests.leaks.faults.ask"]  # noqa: F405
