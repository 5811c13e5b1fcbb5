"""What every answer tells the browser: where it may load from, what it may use, and what it must not keep.

Read by `gap.settings`: nothing of Django is imported here when it starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

_SELF: Final = ["'self'"]
_NONE: Final = ["'none'"]
# Features of a browser that no screen uses: a card is photographed by the file field, which asks for none of them.
_FEATURES: Final = (
    "accelerometer", "autoplay", "browsing-topics",
    "camera", "compute-pressure", "display-capture", "encrypted-media", "fullscreen", "gamepad", "geolocation",
    "gyroscope", "hid", "identity-credentials-get", "idle-detection", "local-fonts", "magnetometer", "microphone",
    "midi", "otp-credentials", "payment", "picture-in-picture", "screen-wake-lock", "serial", "storage-access", "usb",
    "window-management", "xr-spatial-tracking",
)  # fmt: skip
PERMISSIONS_POLICY: Final = ", ".join(f"{feature}=()" for feature in _FEATURES)
#: Of a file to be saved.
FILE_POLICY: Final = "default-src 'none'; sandbox"
# The web server signs its answers with its name unless there is one already.
_SIGNATURE: Final = "mini-GAP"


def content_security_policy(*, secure: bool, forms_to: Iterable[str] = ()) -> dict[str, Any]:
    """Nothing but our own files, nothing inline, no frame around us nor in us. `secure`: TLS stands before us. `forms_to`:
    hosts where what answers a form may send the browser.

    `img-src data:` is the style sheet's own drawings and those of the page that describes the API.
    """
    directives: dict[str, Any] = {
        "default-src": _NONE,
        "script-src": _SELF,
        "style-src": _SELF,
        "img-src": [*_SELF, "data:"],
        "font-src": _SELF,
        "connect-src": _SELF,
        "form-action": [*_SELF, *(f"https://{host}:*" for host in sorted(forms_to))],
        "base-uri": _NONE,
        "frame-ancestors": _NONE,
    }
    if secure:
        directives["upgrade-insecure-requests"] = True
    return {"DIRECTIVES": directives}


#: Where programs send what opens our doors.
_FOR_PROGRAMS: Final = ("/api/", "/metrics/", "/.well-known/")


def tls_for_programs(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """A program that calls us in plain HTTP is told so, and is not sent on to TLS.

    Sent on, it would work, and go on showing its secret to the whole network at each call (ASVS 5.0, 4.1.2). A browser is
    sent on: HSTS keeps it there.
    """
    from django.conf import settings

    from gap.views import plain_http

    def answer(request: HttpRequest) -> HttpResponseBase:
        plain = settings.SECURE_SSL_REDIRECT and not request.is_secure()
        if plain and request.path_info.startswith(_FOR_PROGRAMS):
            return plain_http(request)
        return get_response(request)

    return answer


def guarded(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Writes on every answer what no view should have to think of.

    Nothing is kept on the way nor in the browser's memory (a dossier must not come back by the « back » button once its
    reader has signed out), but what says otherwise itself: the static files.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "no-store, private")
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if response.headers.get("Content-Disposition", "").startswith("attachment"):
            # A file that somebody sent or had made is saved, never opened here; were it, it would be nobody's and run nothing.
            response.headers["Content-Security-Policy"] = FILE_POLICY
        response.headers["Server"] = _SIGNATURE
        return response

    return answer
