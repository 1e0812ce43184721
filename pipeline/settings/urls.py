"""Where a URL in the settings leads."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_local(url: str) -> bool:
    """Return whether the host of a URL is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin(url: str) -> str:
    """Return scheme, host and port of a URL, as browsers write the origin of its pages."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
