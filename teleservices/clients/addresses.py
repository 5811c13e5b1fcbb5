"""Where a call may go. The directory gives addresses, and a directory may be wrong, or somebody else's.

Only https, only hosts of a list, only known ports; and never to a machine of our own network, whatever the name: every
address that the name gives is looked at when the connection is made, and the connection goes to the one looked at. A name
that changes between the two (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import urllib3
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, LocationParseError, NewConnectionError
from urllib3.util import parse_url
from urllib3.util.connection import create_connection

from teleservices.clients.errors import ConfigurationError

ADDRESS_REFUSED: Final = "address_refused"
_HTTPS_PORT: Final = 443
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Addresses of IPv6 that hold one of IPv4: the last 32 bits are where the packets go.
_NAT64: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
# Of a link, of a cloud's metadata, of nobody: no setting opens these.
_NEVER: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "100.100.100.200/32", "168.63.129.16/32",
                 "::/128", "fe80::/10", "ff00::/8", "fd00:ec2::/32", "2002::/16", "2001::/32")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What may be called.

    `hosts`: names, each with all that is below it (« amc.example » takes « idb.amc.example », not « badamc.example »), or
    IP addresses, which stand for themselves. `origins`: (host, port) that a person wrote in our own settings, allowed at
    that port. `ports`: those of the hosts. `networks`: private ones that may be called all the same.
    """

    hosts: tuple[str, ...] = ()
    origins: frozenset[tuple[str, int]] = frozenset()
    ports: frozenset[int] = frozenset({_HTTPS_PORT})
    networks: tuple[Network, ...] = field(default=())

    @classmethod
    def of(
        cls, *, hosts: Iterable[str] = (), trusted_urls: Iterable[str] = (), ports: Iterable[int] = (),
        networks: Iterable[str] = (),
    ) -> AddressPolicy:  # fmt: skip
        """As settings write them. Raises ValueError for a network that is none."""
        found = (_host_and_port(url) for url in trusted_urls if url)
        return cls(
            hosts=tuple(host.strip().strip(".").lower() for host in hosts if host.strip(" .")),
            origins=frozenset(origin for origin in found if origin is not None),
            ports=frozenset(ports) or frozenset({_HTTPS_PORT}),
            networks=tuple(ipaddress.ip_network(text.strip()) for text in networks),
        )

    def check(self, url: str) -> None:
        """What can be told before any name is asked for. Raises ConfigurationError."""
        if not url.lower().startswith("https://"):
            raise ConfigurationError("address_not_https")
        origin = _host_and_port(url)
        if origin is None:
            raise ConfigurationError(ADDRESS_REFUSED)
        host, port = origin
        if origin not in self.origins and not (port in self.ports and self._named(host)):
            raise ConfigurationError(ADDRESS_REFUSED)

    def reach(self, url: str) -> None:
        """Both looks at once, without a call. Raises ConfigurationError; OSError when the name is not known."""
        self.check(url)
        origin = _host_and_port(url)
        assert origin is not None
        self.resolve(*origin)

    def resolve(self, host: str, port: int) -> list[tuple[Any, ...]]:
        """The addresses of a host, in the order to try: what `socket.getaddrinfo` gives.

        Raises ConfigurationError when one of them is not to be called: a name that mixes ours with theirs is a trap.
        OSError (gaierror) when the name is not known.
        """
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise ConfigurationError(ADDRESS_REFUSED) from error
        if not all(self._may_reach(ipaddress.ip_address(str(entry[4][0]).partition("%")[0])) for entry in found):
            raise ConfigurationError(ADDRESS_REFUSED)
        return list(found)

    def _named(self, host: str) -> bool:
        if _is_address(host):
            return host in self.hosts
        return any(host == name or host.endswith(f".{name}") for name in self.hosts if not _is_address(name))

    def _may_reach(self, address: Address) -> bool:
        target = _unwrapped(address)
        if any(target in network for network in _NEVER if network.version == target.version):
            return False
        if target.is_global and not target.is_multicast and not target.is_reserved:
            return True
        return any(target in network for network in self.networks if network.version == target.version)


#: Nothing may be called.
NOWHERE: Final = AddressPolicy()


def pinned_manager(policy: AddressPolicy, **options: Any) -> urllib3.PoolManager:
    """A pool of connections that goes only where the policy lets it, at the instant it connects."""

    class Connection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self, policy)

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Connection

    manager = urllib3.PoolManager(**options)
    manager.pool_classes_by_scheme = {"https": Pool}
    return manager


def _connected(connection: HTTPSConnection, policy: AddressPolicy) -> socket.socket:
    try:
        found = policy.resolve(connection.host, connection.port or _HTTPS_PORT)
    except socket.gaierror as error:
        raise urllib3.exceptions.NameResolutionError(connection.host, connection, error) from error
    failure: OSError = OSError("no address")
    for entry in found:
        try:
            # A literal address: nothing is asked of a name server between the look and the leap.
            return create_connection(
                entry[4][:2], connection.timeout, connection.source_address, connection.socket_options
            )
        except OSError as error:
            failure = error
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, "connection timed out") from failure
    raise NewConnectionError(connection, "connection failed") from failure


def _host_and_port(url: str) -> tuple[str, int] | None:
    """As the pool of connections will read it: another reading of the same text would be a hole. None when it is none."""
    try:
        parts = parse_url(url)
    except LocationParseError:
        return None
    host = (parts.host or "").strip("[]").lower().rstrip(".")
    if not host or parts.auth is not None:
        return None
    return host, parts.port or _HTTPS_PORT


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _unwrapped(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if any(address in network for network in _NAT64):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
