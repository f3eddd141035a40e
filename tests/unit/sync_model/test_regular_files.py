"""Files that others name are read without waiting, and only if they are files of a sensible size."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sync_model.accounts.connection import database_url, resolve
from sync_model.definition.sync import Side, Sync
from sync_model.environment import mongodb_address, network_settings
from sync_model.regular_files import read_regular
from sync_model.secrecy.secret_text import LARGEST_SECRET, FileFault, file_fault, read_secret


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def large(path: Path) -> None:
    path.write_bytes(b"x" * (LARGEST_SECRET + 1))


WHAT = [
    (pipe, "cannot be read: it is a pipe, not a file"),
    (endless, "cannot be read: it is a device, not a file"),
    (Path.mkdir, "cannot be read: Is a directory"),
]


def test_a_file_of_the_largest_size_is_read_whole(tmp_path):
    (tmp_path / "x").write_bytes(b"x" * 10)
    assert read_regular(tmp_path / "x", 10) == b"x" * 10
    with pytest.raises(OSError, match="larger than 9 bytes"):
        read_regular(tmp_path / "x", 9)


@pytest.mark.parametrize(("make", "why"), [*WHAT, (large, "cannot be read: it is larger than 65,536 bytes")])
def test_a_secret_is_a_regular_file_of_at_most_64_kilobytes(tmp_path, make: Callable[[Path], None], why):
    path = tmp_path / "secret"
    make(path)
    with pytest.raises(FileFault) as error:
        read_secret(str(path))
    assert str(error.value) == f"{path} {why}"


@pytest.mark.parametrize(("make", "why"), WHAT)
def test_no_file_that_a_sync_or_the_environment_names_is_waited_for(tmp_path, make, why):
    path = tmp_path / "secret"
    make(path)
    rule = {"sourceStatus": "x", "syncDirection": "both"}
    keys = {"name": "a", "userProjectKey": "U", "devProjectKey": "D", "rules": [rule]}
    reference, site = f"${{file:{path}}}", "https://jira.example.com"
    looked_up = dict.fromkeys(("apiToken", "email", "baseUrl", "siteUrl"), reference)
    opened = dict.fromkeys(("caFile", "clientCertificate", "clientKey"), str(path))
    for field, value in (looked_up | opened).items():
        sync = Sync.model_validate({**keys, "jira": {"baseUrl": site, "apiToken": "t", field: value}})
        assert f"{path} {why}" in [fault.message for fault in resolve(sync, Side.USER, {}).faults]
    assert file_fault(str(path)) == f"{path} {why}"
    assert network_settings.faults({"SSL_CERT_FILE": str(path)}) == [f"SSL_CERT_FILE: {path} {why}"]
    with pytest.raises(FileFault, match="DATABASE_URL_FILE"):
        database_url({"DATABASE_URL_FILE": str(path)})


@pytest.mark.parametrize(("make", "why"), WHAT)
def test_no_file_that_the_address_of_the_database_names_is_opened_by_the_driver_first(tmp_path, make, why):
    path = tmp_path / "ca.pem"
    make(path)

    def driver(_url: str) -> str:
        raise AssertionError("the driver would wait")

    with pytest.raises(FileFault, match=f"tlsCAFile: {path} {why}"):
        mongodb_address.read(f"mongodb://h/?tls=true&tlsCAFile={path}", driver)
