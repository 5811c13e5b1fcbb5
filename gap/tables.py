"""The rows of long tables, drawn by Jinja2: fifty lines of ten cells cost Django's own engine most of a page's time.

The rest of a screen is Django's templates; the filters are the same functions (docs/adr/0008).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.template import engines
from django.template.defaultfilters import capfirst
from django.templatetags.static import static
from django.urls import get_urlconf, reverse
from django.utils.safestring import SafeString
from jinja2 import Environment, StrictUndefined

from gap.templatetags.gap_format import register


def environment(**options: Any) -> Environment:
    """The environment of the tables: an unknown name is an error, never a blank."""
    others = {name: value for name, value in options.items() if name not in ("autoescape", "undefined")}
    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, **others)
    made.filters.update(register.filters | {"capfirst": capfirst})
    made.globals["url"] = _url
    return made


def draw(template: str, **context: Any) -> SafeString:
    """The rows of `templates/tables/<template>`, escaped. They find the address of the icons as `icons_url`."""
    backend: Any = engines["tables"]
    text = backend.env.get_template(template).render(context, icons_url=static("icons.svg"))
    return SafeString(text)


def _url(name: str, *args: object) -> str:
    return _reversed(get_urlconf(), name, args)


@lru_cache(maxsize=20_000)
def _reversed(urlconf: str | None, name: str, args: tuple[object, ...]) -> str:
    return reverse(name, urlconf=urlconf, args=args)
