"""How a call fails, by what is known of the other side.

=================== ========================================= =============================================
raised              what is known                             what may be done
=================== ========================================= =============================================
NotSent             nothing left this machine                 send again later
ConfigurationError  refused before any processing:            nothing until a person acts: one alert for the
                    certificate, trust, address               cause
AnswerLost          sent; perhaps processed, perhaps not      send again with the *same* message id
InvalidAnswer       answered, and the answer is unusable      the same; the other side has a fault
Refused             our message is wrong; not processed       nothing until a person acts on our side
=================== ========================================= =============================================

`str` and `repr` show the reason alone: what went over the wire is personal data.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PresentedCertificate:
    """What a server showed and we refused. `server`: host:port; `verify_code`: X509_V_ERR_… of OpenSSL."""

    server: str
    der: bytes
    verify_code: int


class CallError(Exception):
    """A call without a usable answer.

    `reason`: a slug for machines and alerts, without personal data. `field`: the element at fault, when one is known.
    `request_xml`, `response_xml`: what went over the wire, possibly empty; to be stored encrypted, never logged.
    `http_status`: None when there was no HTTP answer. `duration_ms`: from the start of the call to its failure.
    """

    def __init__(
        self,
        reason: str,
        *,
        field: str = "",
        request_xml: bytes = b"",
        response_xml: bytes = b"",
        http_status: int | None = None,
        duration_ms: int = 0,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.request_xml = request_xml
        self.response_xml = response_xml
        self.http_status = http_status
        self.duration_ms = duration_ms

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.reason!r}, field={self.field!r}, http_status={self.http_status})"


class NotSent(CallError):
    """Nothing left this machine: unknown host, refused connection, connect timeout, broken handshake."""


class ConfigurationError(NotSent):
    """A certificate (theirs or ours), the trust, or the address is refused: no retry will help.

    `presented`: their certificate, when it is what we refused and it could be seen.
    """

    presented: PresentedCertificate | None = None


class AnswerLost(CallError):
    """Sent, and no usable answer: timeout, cut connection, server error. The message may have been processed."""


class InvalidAnswer(AnswerLost):
    """Answered, but not by the contract: not XML, doctype, too big, breaks the XSD, another message's answer."""


class Refused(CallError):
    """The other side (or our own check before sending) says that our message is wrong. It was not processed."""
