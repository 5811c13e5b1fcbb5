"""The bench's web server without the journal, to measure what the journal costs."""

from bench.settings import *  # noqa: F403
from bench.settings import MIDDLEWARE as _MIDDLEWARE

MIDDLEWARE = ["bench.untraced.Untraced" if "accounts.middleware.Journal" in name else name for name in _MIDDLEWARE]
