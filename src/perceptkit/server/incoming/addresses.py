"""Which addresses of the internet anybody may reach, and which only we can: those we fetch nothing from."""

from __future__ import annotations

import ipaddress

__all__ = ["Address", "is_public", "read_address"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Written out, as what Python calls global differs between its releases (RFC 6890 and its successors).
_NOT_PUBLIC_4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # behind the address translation of a provider
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local, where clouds tell secrets
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocols
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # measurements
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
_PUBLIC_6 = ipaddress.IPv6Network(
    "2000::/3"
)  # without the mapped (::ffff:), NAT64 (64:ff9b:), local ones and multicast
_NOT_PUBLIC_6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocols, Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)


def is_public(address: Address) -> bool:
    """Whether it is an address of a host that anybody may reach: none that is private, of this machine or its network,
    for many, reserved, or an IPv4 address in the clothes of IPv6."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not any(address in network for network in _NOT_PUBLIC_4)
    public = address.is_global and address in _PUBLIC_6 and address.scope_id is None
    return public and not any(address in network for network in _NOT_PUBLIC_6)


def read_address(host: str) -> Address | None:
    """The address that a host is given by; None for a name.

    Raises ValueError for one that is not written as it should be: 2130706433, 0x7f.1 and 0177.0.0.1 are 127.0.0.1 to
    some programs, and something else to others.
    """
    if ":" in host:
        return ipaddress.IPv6Address(host)
    last = host.rstrip(".").rpartition(".")[2].lower()
    if last.isdigit() or last.startswith("0x") or not last:
        return ipaddress.IPv4Address(host)
    return None
