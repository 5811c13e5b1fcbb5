"""An address that the directory gives leads only where our settings let it: real sockets, and nobody else is asked."""

from __future__ import annotations

import shutil
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from admissions.enums import RightsStatus
from admissions.events import SYSTEM
from admissions.services import stays
from debtors.models import DirectoryEntry
from gap.pki import DevelopmentPki, create_development_pki, issue_server_certificate
from teleservices import addresses, client
from teleservices.clients.addresses import AddressPolicy
from teleservices.clients.errors import CallError, ConfigurationError, NotSent
from teleservices.clients.roc1 import Roc1Client, Roc1Config
from teleservices.enums import CallStatus
from teleservices.messages import Operation
from tests.chain import settle
from tests.raw_server import RawServer
from tests.roc_messages import rights_request
from tests.simulator_process import LOOPBACK
from tests.teleservices.test_engine import covered as covered
from tests.teleservices.test_engine import preadmit, the
from tests.teleservices.test_hostile_xml import ear as ear
from worklists.causes import words_of_cause

EVERY_PORT = range(1, 65536)


@pytest.fixture
def calls(roc1_simulator) -> Callable[[str, AddressPolicy], CallError]:
    """Make the call of an IDB under a policy; gives the refusal, or fails."""

    def call(url: str, policy: AddressPolicy) -> CallError:
        config = replace(Roc1Config(**roc1_simulator.credentials), addresses=policy, timeout_connect=1)
        with pytest.raises(CallError) as caught:
            Roc1Client(config).call(Operation.IDB, url, rights_request())
        return caught.value

    return call


def names(table: dict[str, list[list[str]]], monkeypatch) -> list[str]:
    """A name server of the test: each name gives its answers one after the other, the last for ever. What it was asked."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def lookup(host, port, *rest, **more):
        if host not in table:
            return real(host, port, *rest, **more)
        asked.append(host)
        given = table[host].pop(0) if len(table[host]) > 1 else table[host][0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in given]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return asked


@pytest.mark.parametrize(
    ("url", "passes"),
    [
        ("https://amc.example/idb", True),
        ("https://IDB.Amc.Example./idb", True),
        ("https://idb.amc.example:443/", True),
        ("https://badamc.example/", False),
        ("https://amc.example.evil.test/", False),
        ("https://amc.example@evil.test/", False),
        ("https://evil.test/#amc.example", False),
        ("https://evil.test\\@amc.example/", False),
        ("https://amc.example:22/", False),
        ("https://amc.example:8443/", False),
        ("https://203.0.113.9/", False),
        ("https://[::1]/", False),
        ("https://2130706433/", False),
        ("https://0x7f.1/", False),
        ("https:///idb", False),
        ("https://", False),
        ("https://amc.example:99999999/", False),
    ],
)
def test_only_whole_labels_of_the_list_pass_at_the_ports_of_the_list(url, passes):
    policy = AddressPolicy.of(hosts=["amc.example"])
    if passes:
        policy.check(url)
    else:
        with pytest.raises(ConfigurationError, match="address_refused"):
            policy.check(url)


@pytest.mark.parametrize(
    "url", ["http://amc.example/", "ftp://amc.example/", "file:///etc/hostname", "gopher://x/", ""]
)
def test_only_https_passes(url):
    with pytest.raises(ConfigurationError, match="address_not_https"):
        AddressPolicy.of(hosts=["amc.example"]).check(url)


def test_a_host_that_the_settings_name_in_full_is_allowed_at_its_own_port_alone():
    policy = AddressPolicy.of(trusted_urls=["https://annuaire.example:8443/annuaire"])
    policy.check("https://annuaire.example:8443/amc/1/idb")
    for url in ("https://annuaire.example/", "https://sub.annuaire.example:8443/"):
        with pytest.raises(ConfigurationError):
            policy.check(url)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0.0.0.0",
     "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00:ec2::254", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
     "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:7f00:1::"],
)  # fmt: skip
def test_no_address_of_our_own_network_is_called_whatever_its_name_and_its_writing(address, monkeypatch):
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, port, **_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]
    )
    with pytest.raises(ConfigurationError, match="address_refused"):
        AddressPolicy.of(hosts=["amc.example"]).resolve("amc.example", 443)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "0.0.0.0", "::ffff:169.254.169.254"])
def test_no_setting_opens_a_link_or_the_metadata_of_a_cloud(address, monkeypatch):
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, port, **_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]
    )
    with pytest.raises(ConfigurationError):
        AddressPolicy.of(hosts=["amc.example"], networks=["0.0.0.0/0", "::/0"]).resolve("amc.example", 443)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_name_of_the_list_that_leads_to_this_machine_receives_no_connection(host, calls, roc1_simulator):
    with RawServer(lambda connection: None, tls=roc1_simulator.pki) as server:
        error = calls(f"https://{host}:{server.port}/", AddressPolicy.of(hosts=[host], ports=EVERY_PORT))
        assert (type(error), error.reason) == (ConfigurationError, "address_refused")
        assert server.connections == 0


def test_a_name_with_one_address_of_ours_among_theirs_is_a_trap_and_is_not_called(calls, roc1_simulator, monkeypatch):
    with RawServer(lambda connection: None, tls=roc1_simulator.pki) as server:
        names({"amc.example": [["93.184.215.14", "127.0.0.1"]]}, monkeypatch)
        url = f"https://amc.example:{server.port}/"
        assert calls(url, AddressPolicy.of(hosts=["amc.example"], ports=EVERY_PORT)).reason == "address_refused"
        assert server.connections == 0


def test_a_name_that_changes_once_looked_at_changes_nothing(roc1_simulator, tmp_path, ear, monkeypatch):
    """DNS rebinding: the first answer passes, the second leads elsewhere. The connection goes to the first."""
    pki = DevelopmentPki(Path(shutil.copytree(roc1_simulator.pki.folder, tmp_path / "pki")))
    pair = issue_server_certificate(pki, "amc", ("amc.example",))
    elsewhere = socket.create_server(("127.0.0.2", 0))
    elsewhere.settimeout(0.2)
    port = elsewhere.getsockname()[1]
    here = RawServer.answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", roc1_simulator.pki)
    here._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    here._context.load_cert_chain(pair.certificate, pair.key)
    here._socket.close()
    here._socket = socket.create_server(("127.0.0.1", port))
    policy = AddressPolicy.of(hosts=["amc.example"], ports=[port], networks=["127.0.0.1/32"])
    asked = names({"amc.example": [["127.0.0.1"], ["127.0.0.2"]]}, monkeypatch)
    config = replace(Roc1Config(**roc1_simulator.credentials), addresses=policy)
    with here, elsewhere:
        with pytest.raises(ConfigurationError, match="http_404"):
            Roc1Client(config).call(Operation.IDB, f"https://amc.example:{port}/", rights_request())
        assert here.connections == 1
        assert asked == ["amc.example"]
        with pytest.raises(TimeoutError):
            elsewhere.accept()
        # A new connection looks again, and is refused.
        with pytest.raises(ConfigurationError, match="address_refused"):
            Roc1Client(config).call(Operation.IDB, f"https://amc.example:{port}/", rights_request())


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_a_redirect_is_not_followed(status, calls, roc1_simulator, ear):
    reply = f"HTTP/1.1 {status}\r\nLocation: https://127.0.0.1:{ear.port}/\r\nContent-Length: 0\r\n\r\n".encode()
    with RawServer.answering(reply, roc1_simulator.pki) as server:
        policy = AddressPolicy.of(hosts=["127.0.0.1"], ports=EVERY_PORT, networks=[LOOPBACK])
        assert calls(server.url, policy).reason == f"http_{status[:3]}"
    assert ear.visits == 0


def test_a_certificate_that_is_refused_is_looked_at_on_the_same_terms(calls, roc1_simulator, tmp_path, monkeypatch):
    """The second handshake, which shows people what was refused, goes through the same look."""
    create_development_pki(tmp_path / "other")
    with RawServer(lambda connection: None, tls=DevelopmentPki(tmp_path / "other")) as server:
        names({"amc.example": [["127.0.0.1"], ["127.0.0.3"]]}, monkeypatch)
        policy = AddressPolicy.of(hosts=["amc.example"], ports=EVERY_PORT, networks=["127.0.0.1/32"])
        error = calls(f"https://amc.example:{server.port}/", policy)
    assert isinstance(error, ConfigurationError) and error.reason == "server_certificate_refused"
    assert error.presented is None


def test_a_name_that_nobody_knows_is_tried_again_and_is_no_refusal(calls):
    error = calls("https://nowhere.invalid/", AddressPolicy.of(hosts=["invalid"]))
    assert type(error) is NotSent and error.reason == "unknown_host"


@pytest.mark.django_db
def test_calls_that_a_refused_address_stopped_leave_again_once_the_list_has_changed(covered, simulator, settings):
    good = dict(settings.TELESERVICES)
    stay = preadmit(covered)
    # The directory is known; where its answers lead to is not allowed any more.
    settings.TELESERVICES = good | {"internal_networks": []}
    client.forget()
    settle()
    call = the(stay, "ANNUAIRE")
    assert (call.status, call.cause, call.in_doubt) == (CallStatus.NEEDS_REFERENT, "address_refused", False)
    assert simulator.log(call.message_id) == []
    title, todo = words_of_cause(call.cause)
    assert title == "Adresse refusée" and "repartent seuls" in todo
    assert addresses.rearm() == 0
    settings.TELESERVICES = good
    client.forget()
    assert addresses.rearm() == 1
    settle()
    assert stay.rights.get().status == RightsStatus.OPEN
    assert addresses.rearm() == 0


@pytest.mark.django_db
def test_an_address_of_another_host_given_by_the_directory_stops_its_call_alone(covered, simulator):
    first = preadmit(covered)
    settle()
    assert the(first, "IDB").status == CallStatus.SUCCEEDED
    DirectoryEntry.objects.update(idb_url="https://169.254.169.254/latest/meta-data", answered_at=timezone.now())
    first.rights.update(valid_until=timezone.localdate() - timedelta(days=1))
    stays.ask_rights_again(first.pk, SYSTEM)
    settle()
    call = the(first, "IDB")
    assert (call.status, call.cause) == (CallStatus.NEEDS_REFERENT, "address_refused")


def test_the_settings_of_a_hospital_open_nothing_of_its_own_network() -> None:
    assert django_settings.TELESERVICES["internal_networks"] == []
    assert django_settings.TELESERVICES["ports"] == [443]
