"""Which networks an owner may name. Pure."""

from ipaddress import IPv6Network, ip_network

WRITTEN = "must be a network such as 203.0.113.0/24 or 2001:db8::/32, or one address"
MAPPED = IPv6Network("::ffff:0:0/96")
"""IPv4 written as IPv6. Addresses are compared as the IPv4 that they are, so that none would be in such a network."""


def network_of(value: str) -> str:
    """The network in its shortest form. Raises ValueError."""
    try:
        network = ip_network(value.strip())
    except ValueError:
        raise ValueError(WRITTEN) from None
    if isinstance(network, IPv6Network) and (network.subnet_of(MAPPED) or "%" in value):
        raise ValueError(WRITTEN)
    return str(network)
