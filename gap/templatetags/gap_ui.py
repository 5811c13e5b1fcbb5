"""What the components need computed: attributes passed on safely, the parts of a form field, lengths of pictures.

Every length leaves as text with a point: Django's French localisation would write a comma, which SVG can't read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from django import forms, template
from django.forms.boundfield import BoundField
from django.http import QueryDict
from django.template import Context
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

#: The icon of a tone, when the screen doesn't choose another one.
TONE_ICONS: Final = {
    "plan": "circle-dashed",
    "run": "loader-2",
    "ok": "circle-check",
    "wait": "clock",
    "stop": "ban",
    "sys": "settings-automation",
    "you": "hand-finger",
}
#: State of a call line → (tone of its icon, icon, words for a reader of the screen).
CALL_STATES: Final = {
    "planned": ("sys", "circle-dashed", "prévu"),
    "calling": ("sys", "loader-2", "en cours"),
    "answered": ("ok", "circle-check", "répondu"),
    "retry": ("wait", "clock", "nouvel essai prévu"),
    "refused": ("stop", "ban", "refusé"),
    "unknown": ("wait", "help-circle", "réponse à vérifier"),
    "you": ("you", "hand-finger", "à vous"),
    "sent": ("sys", "send", "envoyé"),
    "closed": ("sys", "check", "clos"),
}
_SPLIT_WIDTH: Final = 1000
_SPLIT_GAP: Final = 5
_SPLIT_LEAST: Final = 14


@register.filter
def tone_icon(tone: str) -> str:
    """Icon of a tone. Raises KeyError for a tone that isn't one of the seven: a state can't be said another way."""
    return TONE_ICONS[tone]


@register.simple_tag
def icon(name: str, **attrs: str) -> SafeString:
    """An icon that says nothing by itself: the words beside it do. `class` and other attributes are added.

    A tag, not a component: a page has dozens of them.
    """
    return _icon(static("icons.svg"), name, tuple(attrs.items()))


@lru_cache(maxsize=2_000)
def _icon(sprite: str, name: str, attrs: tuple[tuple[str, str], ...]) -> SafeString:
    added = dict(attrs)
    css = f"icon {added.pop('class')}" if "class" in added else "icon"
    others = format_html_join("", ' {}="{}"', added.items())
    return format_html('<svg class="{}" aria-hidden="true"{}><use href="{}#i-{}" /></svg>', css, others, sprite, name)


@register.filter
def message_tone(level_tag: str) -> str:
    """Tone of a message of Django's messages framework."""
    return {"success": "ok", "warning": "wait", "error": "stop", "info": "sys"}.get(level_tag, "sys")


@register.filter
def notice_icon(tone: str) -> str:
    """Icon of a notice: as the tone, except that information is no automatic act."""
    return "info-circle" if tone == "sys" else TONE_ICONS[tone]


@register.simple_tag
def call_state(state: str) -> tuple[str, str, str]:
    """(tone, icon, word) of the state of a call. Raises KeyError for an unknown one."""
    return CALL_STATES[state]


@register.filter
def html_attrs(attrs: Mapping[str, Any]) -> SafeString:
    """The attributes given to a component and not named by it, escaped: cotton's own `{{ attrs }}` doesn't escape."""
    passed = attrs.attrs_dict() if hasattr(attrs, "attrs_dict") else attrs
    flags = [(name,) for name, value in passed.items() if value is True]
    pairs = [(name, value) for name, value in passed.items() if value is not True and value is not False]
    return format_html_join("", " {}", flags) + format_html_join("", ' {}="{}"', pairs)


# ---- forms ----


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a value is refused: what is wrong, what is kept, what to do next. Sentences in French."""

    what: str
    kept: str
    next: str


@dataclass(frozen=True, slots=True)
class FieldParts:
    """What a field shows. `kind` is input, check (one box) or group (radios, boxes).

    `id` is the control's, for its label; `anchor` begins the ids of its help and of its error, as Django names them.
    """

    id: str
    anchor: str
    kind: str
    label: str
    help: str
    required: bool
    widget: SafeString
    problems: tuple[Problem, ...]


def problems_of(field: BoundField) -> tuple[Problem, ...]:
    """Errors of a field. `ValidationError(message, params={"kept": …, "next": …})` says the two other sentences."""
    found = []
    for error in field.errors.as_data():
        params = error.params or {}
        for what in error.messages:
            found.append(Problem(what, str(params.get("kept", "")), str(params.get("next", ""))))
    return tuple(found)


@register.simple_tag
def field_parts(field: BoundField, **attrs: Any) -> FieldParts:
    """The parts of a bound field, its control drawn with our classes; `attrs` are added to the control.

    Names are given with underscores (`data_sensitive=True` → `data-sensitive`).
    """
    widget = field.field.widget
    kind, css = "input", "form-control"
    if isinstance(widget, forms.CheckboxInput):
        kind, css = "check", "chk"
    elif isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
        kind, css = "group", "options"
    elif isinstance(widget, forms.Select):
        css = "form-select"
    given = {name.replace("_", "-"): value for name, value in attrs.items() if value not in (False, None, "")}
    classes = " ".join(filter(None, (widget.attrs.get("class", ""), css, given.pop("class", ""))))
    return FieldParts(
        id=field.id_for_label or field.auto_id,
        anchor=field.auto_id,
        kind=kind,
        label=str(field.label),
        help=str(field.help_text),
        required=field.field.required,
        widget=field.as_widget(attrs={**given, "class": classes}),
        problems=problems_of(field),
    )


@register.simple_tag
def refused_fields(form: forms.BaseForm) -> list[tuple[str, str, str]]:
    """(id of the control, label, sentence) of every refused field, in the order of the form."""
    return [
        (field.id_for_label or field.auto_id, str(field.label), problem.what)
        for field in form
        for problem in problems_of(field)
    ]


# ---- lists ----


def _address(context: Context, changes: Mapping[str, str | int | None]) -> str:
    """The query of this page with some parameters changed (None: taken away)."""
    request = context.get("request")
    query = request.GET.copy() if request is not None else QueryDict(mutable=True)
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = str(value)
    return "?" + query.urlencode()


@register.simple_tag
def sort_state(key: str, sort: str) -> str:
    """Value of aria-sort for a column: ascending, descending, or nothing."""
    return {key: "ascending", f"-{key}": "descending"}.get(sort, "")


@register.simple_tag(takes_context=True)
def sort_url(context: Context, param: str, key: str, sort: str, first: str = "") -> str:
    """Address that sorts by `key`: the other way if it is sorted already, else as `first` says (`-key` or `key`)."""
    order = {key: f"-{key}", f"-{key}": key}.get(sort, first or key)
    return _address(context, {param: order, "page": None})


@register.simple_tag(takes_context=True)
def page_url(context: Context, param: str, number: int) -> str:
    """Address of another page of the same list, filters and order kept."""
    return _address(context, {param: number})


# ---- pictures ----


def _text(length: float) -> str:
    return f"{length:.1f}".removesuffix(".0")


@register.simple_tag
def scaled(value: Any, most: Any, length: float = 100) -> str:
    """`value` on a scale of 0 to `most`, drawn on `length`: never outside. 0 when the scale is empty."""
    part, whole = float(value or 0), float(most or 0)
    return _text(min(max(part / whole, 0.0), 1.0) * length) if whole > 0 else "0"


@register.simple_tag
def split_segments(amo: Any, amc: Any, patient: Any) -> list[dict[str, str]]:
    """Segments {css, x, width} of an amount shared between payers, on 1000 wide, 5 between two.

    A share that exists is never drawn thinner than 14, so that the eye finds what the patient owes. Raises ValueError
    for a negative share: a credit is not a share.
    """
    shares = [(css, Decimal(str(value or 0))) for css, value in (("amo", amo), ("amc", amc), ("pat", patient))]
    if any(share < 0 for _, share in shares):
        raise ValueError("A share of an amount is never negative.")
    present = [(css, share) for css, share in shares if share > 0]
    room = _SPLIT_WIDTH - _SPLIT_GAP * (len(present) - 1)
    widths = _widths([share for _, share in present], room)
    segments, x = [], 0.0
    for (css, _), width in zip(present, widths, strict=True):
        segments.append({"css": css, "x": _text(x), "width": _text(width)})
        x += width + _SPLIT_GAP
    return segments


def _widths(shares: Sequence[Decimal], room: float) -> list[float]:
    """`room` shared in proportion, except that the thin ones get the least width and the others pay for it."""
    whole = sum(shares)
    thin = [share for share in shares if float(share / whole) * room < _SPLIT_LEAST]
    wide = whole - sum(thin)
    left = room - _SPLIT_LEAST * len(thin)
    return [_SPLIT_LEAST if share in thin else float(share / wide) * left for share in shares]


@register.filter
def spark_points(values: Iterable[Any]) -> str:
    """Points of a small curve, 96 × 20, oldest first. A flat or empty series lies in the middle."""
    series = [float(value) for value in values]
    if not series:
        return ""
    low, high = min(series), max(series)
    step = 96 / (len(series) - 1) if len(series) > 1 else 0
    spread = high - low
    heights = [19 - (value - low) / spread * 18 if spread else 10 for value in series]
    return " ".join(f"{_text(index * step)},{_text(height)}" for index, height in enumerate(heights))


@register.filter
def last_point(points: str) -> tuple[str, str]:
    """(x, y) of the last point of a curve."""
    x, _, y = points.rpartition(" ")[2].partition(",")
    return x, y
