"""The variables that tell of proxies and certificates."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_model.environment.network_settings import faults


@pytest.mark.parametrize(
    "address",
    [
        "http://proxy:3128",
        "proxy.example.com:3128",
        "https://proxy",
        "http://user:p%40ss@proxy:3128/",
        "",
        "http://[::1]:1",
    ],
)
@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_the_address_of_a_proxy_is_taken_as_programs_take_it(name, address):
    assert faults({name: address}) == []


@pytest.mark.parametrize(
    # address                             said
    ("address", "said"),
    [
        ("socks5://proxy:1080", "is the address of a SOCKS proxy, which jira-sync does not speak"),
        ("socks5h://u:S3cret@proxy:1080", "is the address of a SOCKS proxy"),
        ("ftp://proxy", "is not the address of a proxy; write it like http://proxy.example.com:3128"),
        ("http://proxy:port", "is not the address of a proxy"),
        ("http://user:S3cret/x@proxy:3128", "is not the address of a proxy"),
        ("http://user:12/S3cret@proxy:3128", "what is special in a password as %XX, an @ as %40"),
        ("http://user:12?S3cret@proxy:3128", "is not the address of a proxy"),
        ("http://user:12#S3cret@proxy:3128", "is not the address of a proxy"),
        ("http://", "is not the address of a proxy"),
    ],
)
def test_what_is_no_address_of_a_proxy_is_said_without_repeating_it(address, said):
    [found] = faults({"HTTPS_PROXY": address})
    assert found.startswith("HTTPS_PROXY is")
    assert said in found
    assert "S3cret" not in found


def test_a_file_of_authorities_is_looked_at(tmp_path: Path):
    path = tmp_path / "ca.pem"
    assert faults({"SSL_CERT_FILE": str(path)}) == [f"SSL_CERT_FILE: {path} cannot be read: No such file or directory"]
    path.write_text("nothing")
    assert faults({"SSL_CERT_FILE": str(path)}) == [f"SSL_CERT_FILE: {path} holds no certificate in PEM format"]
    path.write_text("-----BEGIN CERTIFICATE-----")
    assert faults({"SSL_CERT_FILE": str(path), "SSL_CERT_DIR": str(tmp_path)}) == []
    assert faults({"SSL_CERT_DIR": str(path)}) == [f"SSL_CERT_DIR: {path} is not a folder"]
