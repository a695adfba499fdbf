"""The networks of an access key: what an owner may write, and which addresses are in them."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.accounts.rules.networks import network_of
from services.console.admin.keys.view import networks_in
from shared.keys import address_in, is_within
from tests.unit.properties import examples


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        (" 203.0.113.7 ", "203.0.113.7/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
    ],
)
def test_a_network_or_an_address_is_stored_in_its_shortest_form(written: str, stored: str) -> None:
    assert network_of(written) == stored
    assert network_of(stored) == stored


@pytest.mark.parametrize(
    "written",
    ["", "10.0.0.1/8", "10.0.0", "10.0.0.0/33", "localhost", "fe80::1%eth0", "::ffff:10.0.0.0/104", "::ffff:10.0.0.1"],
)
def test_what_no_address_could_be_in_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="must be a network"):
        network_of(written)


@examples(20)
@given(st.ip_addresses(), st.integers(0, 32))
def test_an_address_is_in_each_network_that_begins_as_it_does(address: object, bits: int) -> None:
    around = str(ip_network((str(address), bits), strict=False))
    found = address_in(str(address))
    if found != ip_address(str(address)):  # IPv4 written as IPv6
        return
    assert is_within(found, [around])
    assert is_within(found, ["192.0.2.1/32", around])


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),  # as a server is told that listens to IPv6 too
        ("11.1.2.3", False),
        ("2001:db8::5", True),
        ("2001:db9::5", False),
        ("unknown", False),
        ("", False),
        ("testclient", False),
    ],
)
def test_an_address_that_is_elsewhere_or_not_known_is_in_no_network(address: str, inside: bool) -> None:
    assert is_within(address_in(address), ["10.0.0.0/8", "2001:db8::/32"]) is inside
    assert is_within(address_in(address), None), "a key without networks is taken from anywhere"


def test_in_a_form_networks_stand_one_a_line_or_with_commas_between() -> None:
    assert networks_in(" 10.0.0.0/8\r\n\r\n::1, 192.0.2.1 ") == ("10.0.0.0/8", "::1", "192.0.2.1")
    assert networks_in(" \n") == ()
