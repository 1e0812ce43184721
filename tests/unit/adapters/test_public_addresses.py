"""Which addresses are public: examples and borders of every range."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from pipeline.adapters.public_addresses import is_public

PUBLIC_ADDRESSES = """
1.1.1.1 8.8.8.8 93.184.215.14 99.255.255.255 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0
192.0.1.0 198.17.255.255 198.20.0.0 223.255.255.255
2001:4860:4860::8888 2606:2800:220:1:248:1893:25c8:1946 2a00:1450:4001::1 64:ff9b::808:808
64:ff9b::a83f:8111 168.63.129.15 168.63.129.17
"""


OTHER_ADDRESSES = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254
168.63.129.16 169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1
192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255
240.0.0.1 255.255.255.255
:: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:127.0.0.1
64:ff9b::7f00:1 64:ff9b::a83f:8110 64:ff9b::a9fe:a9fe 64:ff9b:1::808:808 100::1
2001::1 2001:0:4136:e378:8000:63bf:80ff:fffe 2001:10::1 2001:20::1 2001:db8::1
2002:7f00:1:: 2002:a9fe:a9fe::1 3fff::1 5f00::1
fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1
"""


@pytest.mark.parametrize("text", PUBLIC_ADDRESSES.split())
def test_a_public_address_may_be_reached(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", OTHER_ADDRESSES.split())
def test_an_address_that_is_not_public_is_refused(text: str) -> None:
    assert not is_public(ip_address(text))
