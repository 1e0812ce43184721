"""Which IP addresses belong to the public internet. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

# IANA special-purpose address registries (RFC 6890). Written out, because `is_global` changed within Python 3.11.
# 224/3 is multicast, reserved and broadcast; 168.63.129.16 is a cloud's metadata server that looks public.
# fmt: off
_SPECIAL_V4 = [IPv4Network(network) for network in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
    "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
)]
# fmt: on
_GLOBAL_V6 = IPv6Network("2000::/3")
# Inside it: 2001::/23 holds Teredo among others, 2002::/16 is 6to4, the other two are for documentation.
_SPECIAL_V6 = [IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Return True for a global unicast address.

    Of the IPv6 forms that hold an IPv4 address only NAT64 can be public: IPv6-only networks need it.
    """
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _GLOBAL_V6 and not any(address in network for network in _SPECIAL_V6)
