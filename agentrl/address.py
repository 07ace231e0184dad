"""Where a server listens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from agentrl.errors import ConfigError

_EXAMPLES = "'http://host:8000', 'https://host' or 'unix:/path/to.sock'"


@dataclass(frozen=True, slots=True)
class Address:
    """One server."""

    scheme: Literal["http", "https", "unix"]
    host: str
    """Name or number; "localhost" for a unix socket."""
    port: int
    """0 for a unix socket."""
    path: str = ""
    """The socket's path; over TCP, what stands before every route, without a slash at its end."""

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read an address.

        Raises:
            ConfigError: it is none.
        """
        parts = urlsplit(url.strip())
        if parts.scheme == "unix" and parts.path.startswith("/") and not parts.netloc:
            return cls("unix", "localhost", 0, parts.path)
        try:
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"{url!r} is no address of a server: {error}; write it as {_EXAMPLES}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ConfigError(f"{url!r} is no address of a server: write it as {_EXAMPLES}")
        if parts.username is not None or parts.password is not None:
            raise ConfigError(f"{parts.hostname}: a user or password in the address is not used; give a token")
        scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
        return cls(scheme, parts.hostname, port or (443 if scheme == "https" else 80), parts.path.rstrip("/"))

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def parse_addresses(url: str | list[str]) -> tuple[Address, ...]:
    """The servers of a comma-separated text or a list, at least one.

    Raises:
        ConfigError: one of them is no address.
    """
    return tuple(Address.parse(part) for part in (url.split(",") if isinstance(url, str) else url) or [""])
