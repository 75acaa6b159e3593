"""Settings of the HTTP side: limits, hosts, the admin port. No FastAPI here."""

import ipaddress
from dataclasses import dataclass

from lpt.errors import ConfigError, ParameterError, at_least

__all__ = ["MIN_TOKEN", "HttpSettings", "is_loopback"]

MIN_TOKEN = 16
"""Characters of the shortest admin token."""

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def is_loopback(host: str) -> bool:
    """Return whether only programs on this machine reach a host name or address.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class HttpSettings:
    """Where the server listens, and what it accepts.

    Attributes:
        host, port: address of the server; port 0 lets the system choose a free one.
        allow_public: whether `host` may be reached from other machines.
        allowed_hosts: accepted host names of requests; None accepts those of this machine on a
            loopback address, and all on any other.
        max_bytes: bytes of one request body.
        max_images: images of one request.
        max_buffered_bytes: bytes of all request bodies in memory, with what was made of them.
        body_seconds: time in which a request body must arrive.
        max_connections: open connections; further ones are answered with 503.
        grace_seconds: time for accepted requests after SIGTERM.
        admin_port: port of the admin calls on `host`; None for no admin calls.
        admin_token: the bearer token of admin calls.

    Raises: ParameterError or ConfigError for a value that is out of range or unsafe.

    >>> HttpSettings(port=9000).host
    '127.0.0.1'
    """

    host: str = "127.0.0.1"
    port: int = 8000
    allow_public: bool = False
    allowed_hosts: tuple[str, ...] | None = None
    max_bytes: int = 2**25
    max_images: int = 32
    max_buffered_bytes: int = 2**28
    body_seconds: float = 30.0
    max_connections: int = 2048
    grace_seconds: float = 20.0
    admin_port: int | None = None
    admin_token: str | None = None

    def __post_init__(self) -> None:
        at_least("port", self.port, 0, 65535)
        for name in ("max_bytes", "max_images", "max_buffered_bytes", "max_connections"):
            at_least(name, getattr(self, name), 1)
        for name in ("body_seconds", "grace_seconds"):
            if not 0 < getattr(self, name) < 86_400:
                raise ParameterError(f"`{name}` {getattr(self, name)}: give seconds above 0.")
        if not (self.allow_public or is_loopback(self.host)):
            raise ParameterError(
                f"`host` {self.host}: other machines could reach it, and requests need no login. "
                "Add `allow_public` if a proxy or firewall guards it."
            )
        self._check_admin()

    def _check_admin(self) -> None:
        if self.admin_port is None:
            return
        at_least("admin_port", self.admin_port, 0, 65535)
        if self.admin_port == self.port != 0:
            raise ParameterError(f"`admin_port` {self.port}: is the `port` too. Choose another.")
        if self.admin_token is None or len(self.admin_token) < MIN_TOKEN:
            raise ConfigError(
                f"admin token: needs {MIN_TOKEN} characters or more. Set LPT_ADMIN_TOKEN, for "
                "example to the output of: openssl rand -hex 32"
            )

    @property
    def hosts(self) -> frozenset[str] | None:
        """Accepted host names of requests in lower case; None accepts all."""
        if self.allowed_hosts is not None:
            return frozenset(name.lower() for name in self.allowed_hosts)
        if is_loopback(self.host):
            return frozenset((*_LOOPBACK_NAMES, self.host.lower()))
        return None
