"""Which IP addresses belong to the public internet."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_GLOBAL_UNICAST = IPv6Network("2000::/3")
# What `is_global` calls public, in some of the Pythons that run us or in all of them, and is not to be reached.
_NOT_PUBLIC = tuple(
    ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's virtual machines are configured from here
        "192.0.0.0/24",  # RFC 6890; 192.0.0.192 is Oracle's metadata service
        "192.88.99.0/24",  # RFC 7526: relays of 6to4
        "2001::/23",  # RFC 2928; Teredo is in it
        "2002::/16",  # RFC 3056: 6to4 wraps any IPv4 address
        "3fff::/20",  # RFC 9637: documentation
    )
)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether the address belongs to the public internet, also when it wraps another one."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _GLOBAL_UNICAST:  # mapped and compatible IPv4, site-local, multicast, unassigned
            return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _NOT_PUBLIC)
