"""Which addresses and URLs deliveries may go to."""

import random
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.events.webhooks.rules.addresses import Network, UnsafeUrl, is_public, is_within, parse_endpoint_url
from tests import special_purpose
from tests.unsafe_urls import INTERNAL_URLS, LOOPBACK_URLS, PUBLIC_ADDRESSES, SPECIAL_ADDRESSES, UNSAFE_URLS

DEVELOPMENT: list[Network] = [IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"), IPv6Network("fe80::/10")]


@pytest.mark.parametrize("text", SPECIAL_ADDRESSES)
def test_an_address_of_a_special_purpose_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("block", [*special_purpose.IPV4, *special_purpose.IPV6])
def test_no_address_of_a_registered_special_purpose_block_is_public(block: str) -> None:
    network = ip_network(block)
    some = [network[0], network[-1], network[random.randrange(network.num_addresses)]]
    assert [address for address in some if is_public(address)] == []


@pytest.mark.parametrize("text", PUBLIC_ADDRESSES)
def test_an_address_of_the_public_internet_is_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    ("text", "within"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", False), ("fe80::1", True), ("fe80::1%lo", False)],
)
def test_development_networks_hold_neither_mapped_nor_scoped_addresses(text: str, within: bool) -> None:
    assert is_within(ip_address(text), DEVELOPMENT) is within


def test_there_are_enough_bad_urls_and_no_url_twice() -> None:
    assert len(set(UNSAFE_URLS)) == len(UNSAFE_URLS) >= 60


@pytest.mark.parametrize("url", UNSAFE_URLS)
def test_an_unsafe_url_is_refused_by_its_text_alone(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", None)
    with pytest.raises(UnsafeUrl) as refused:
        parse_endpoint_url(url.format(port=8443), development=False)
    assert refused.value.status == 422
    assert refused.value.code == "unsafe_url"


@pytest.mark.parametrize("url", UNSAFE_URLS)
def test_a_refusal_does_not_quote_the_url(url: str) -> None:
    with pytest.raises(UnsafeUrl) as refused:
        parse_endpoint_url(url.format(port=8443), development=False)
    said = f"{refused.value.detail} {refused.value.extra}"
    assert not any(part in said for part in ("example", "127", "8443", "opensesame", "meta-data", "169.254", "10.0"))


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("https://Hooks.Example.COM", "https://hooks.example.com/"),
        ("HTTPS://hooks.example.com:443/a", "https://hooks.example.com/a"),
        ("https://hooks.example.com.:8443/a?b=c", "https://hooks.example.com:8443/a?b=c"),
        ("https://hooks.example.com?b", "https://hooks.example.com/?b"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://XN--bcher-KVA.example/", "https://xn--bcher-kva.example/"),
        ("https://faß.example/", "https://xn--fa-hia.example/"),
        ("https://r3---sn_1.example.com/", "https://r3---sn_1.example.com/"),
        ("https://93.184.216.34/", "https://93.184.216.34/"),
        ("https://0x5db8d822/", "https://93.184.216.34/"),
        ("https://[2606:4700:4700:0::1111]:8443/", "https://[2606:4700:4700::1111]:8443/"),
        (
            "https://hooks.example.com/ü/%20/{x}?q=ä&r=@:/?",
            "https://hooks.example.com/%C3%BC/%20/%7Bx%7D?q=%C3%A4&r=@:/?",
        ),
        ("https://127.0.0.1.hooks.example.com/", "https://127.0.0.1.hooks.example.com/"),
        ("https://1e100.example/", "https://1e100.example/"),
    ],
)
def test_a_url_gets_a_normal_form_that_stays_the_same(url: str, parsed: str) -> None:
    assert parse_endpoint_url(url, development=False) == parsed
    assert parse_endpoint_url(parsed, development=True) == parsed


@pytest.mark.parametrize("url", LOOPBACK_URLS + [url for url in INTERNAL_URLS if "%" not in url])
def test_in_development_internal_hosts_are_left_to_the_check_of_the_connection(url: str) -> None:
    assert parse_endpoint_url(url.format(port=8443), development=True).startswith("https://")


def test_in_development_http_is_allowed() -> None:
    assert parse_endpoint_url("http://127.1:8080/a", development=True) == "http://127.0.0.1:8080/a"


@pytest.mark.parametrize("url", ["http://user@localhost/", "http://localhost:0/", "ftp://localhost/", "http://a b/"])
def test_also_in_development_a_url_must_be_well_formed(url: str) -> None:
    with pytest.raises(UnsafeUrl):
        parse_endpoint_url(url, development=True)


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from(["{}", "0x{:x}", "0X{:X}", "0{:o}", "00{:o}"]), min_size=4, max_size=4),
    st.integers(1, 4),
)
def test_a_host_is_the_address_that_the_resolver_reads_in_it(number: int, forms: list[str], length: int) -> None:
    """For every spelling of an address, we read the same address as `inet_aton`."""
    packed = number.to_bytes(4, "big")
    numbers = [*packed[: length - 1], int.from_bytes(packed[length - 1 :], "big")]
    host = ".".join(form.format(part) for form, part in zip(forms, numbers, strict=False))
    assert socket.inet_aton(host) == packed
    assert parse_endpoint_url(f"https://{host}/", development=True) == f"https://{IPv4Address(number)}/"


@given(st.text(max_size=60))
def test_a_text_is_parsed_or_refused_and_nothing_else(text: str) -> None:
    for url in (text, f"https://{text}", f"https://{text}.example.com/"):
        try:
            parsed = parse_endpoint_url(url, development=False)
        except UnsafeUrl:
            continue
        assert parsed.isascii()
        assert parse_endpoint_url(parsed, development=False) == parsed
