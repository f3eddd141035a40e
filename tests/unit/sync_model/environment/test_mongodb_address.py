"""What is wrong with the address of a MongoDB server, by the driver's own verdict, and without a part of a password."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo import MongoClient

from sync_model.environment import mongodb_address
from sync_model.secrecy.secret_text import FileFault

NOT_AN_ADDRESS = "DATABASE_URL is not a MongoDB address"


def driver(url: str) -> list[tuple[str, int | None]]:
    """Return the hosts that MongoDB's driver finds in an address."""
    with MongoClient(url, connect=False) as client:
        return sorted(client._topology_settings.seeds)


def fault(url: str) -> str:
    with pytest.raises(ValueError, match="DATABASE_URL") as error:
        mongodb_address.read(url, driver)
    return str(error.value)


@pytest.mark.parametrize(
    # address                                            what is to be written how
    ("url", "encoded"),
    [
        ("mongodb://root:p@S3cret@db:27017", "@ in its user name or password is to be written %40"),
        ("mongodb://root:p@S3cret/x@127.0.0.1", "@ and / in its user name or password are to be written %40 and %2F"),
        ("mongodb://root:12/S3cret@db", "/ in its user name or password is to be written %2F"),
        ("mongodb://root:12/a.S3cret@db", "/ in its user name or password is to be written %2F"),
        ("mongodb://root:S3cret/x@db", "/ in its user name or password is to be written %2F"),
        ("mongodb://root:12?S3cret@db", "? in its user name or password is to be written %3F"),
        ("mongodb://root:12?S3cret=x@db", "? in its user name or password is to be written %3F"),
        ("mongodb://root:12?w=S3cret@db", "? in its user name or password is to be written %3F"),
        ("mongodb://root:a@12?S3cret=x@db", "@ and ? in its user name or password are to be written %40 and %3F"),
        ("mongodb://root:S3cret:x@db", ": in its user name or password is to be written %3A"),
        ("mongodb://root:S3cret%@db", "% in its user name or password is to be written %25"),
        ("mongodb://root:S3cret%zz@db", "% in its user name or password is to be written %25"),
        ("mongodb://me@example.com:S3cret@db", "@ in its user name or password is to be written %40"),
        ("mongodb+srv://root:p@S3cret/x@cluster.example.net/?w=1", "@ and / in its user name or password"),
    ],
)  # fmt: skip
def test_a_password_that_is_not_encoded_is_said_with_the_characters_to_encode(url, encoded):
    said = fault(url)
    assert said.startswith(f"{NOT_AN_ADDRESS}: {encoded}")
    assert "cret" not in said


@given(st.text(min_size=1).filter(lambda text: "\0" not in text and text.isprintable()))
def test_no_part_of_a_password_is_taken_for_a_host_or_said(password):
    """Whatever the password is, and if nothing of it is encoded."""
    marked = f"S3cr{password}3tS"
    said = ""
    try:
        hosts = mongodb_address.read(f"mongodb://root:{marked}@db.example.com:27018", driver)
    except ValueError as error:
        hosts, said = [], str(error)
    assert hosts == ([] if said else [("db.example.com", 27018)])
    assert not any(len(piece) > 2 and piece in said for piece in re.split(r"\W", marked))


@given(st.text(min_size=1).filter(str.isprintable))
def test_a_password_that_is_encoded_is_accepted_whatever_it_is(password):
    url = f"mongodb://root:{quote(password, safe='')}@db.example.com/?tlsCAFile=&appName=a@b"
    assert mongodb_address.read(url.replace("tlsCAFile=&", ""), driver) == [("db.example.com", 27017)]


@pytest.mark.parametrize(
    # address                                                        why
    ("url", "why"),
    [
        ("http://S3cret@db", "it begins with mongodb:// or mongodb+srv://"),
        ('"mongodb://db"', "it begins with mongodb:// or mongodb+srv://"),
        ("mongodb://", "must provide at least one hostname or IP"),
        ("mongodb://db:port", "port contains non-digit characters"),
        ("mongodb://db:99999", "port must be an integer between 0 and 65535"),
        ("mongodb://a,,b", "empty host (or extra comma in host list)"),
        ("mongodb://a,b/?directConnection=true", "cannot specify multiple hosts with directConnection=true"),
        ("mongodb://db/?tls=true&ssl=false", "can not specify conflicting values for URI options"),
        ("mongodb+srv://db.example.com:27017", "must not include a port number"),
    ],
)
def test_what_else_the_driver_refuses_is_said_in_its_own_words(url, why):
    said = fault(url)
    assert said.startswith(NOT_AN_ADDRESS)
    assert why in said or said == NOT_AN_ADDRESS
    assert "S3cret" not in said


@pytest.mark.parametrize("option", ["tlsCAFile", "tlsCertificateKeyFile"])
def test_a_file_that_is_not_there_or_holds_no_certificate_is_named_with_its_option(tmp_path: Path, option):
    path = tmp_path / "certificates.pem"
    url = f"mongodb://root:S3cret@db/?tls=true&{option}={quote(str(path))}"
    with pytest.raises(FileFault) as missing:
        mongodb_address.read(url, driver)
    assert str(missing.value) == f"DATABASE_URL: {option}: {path} cannot be read: No such file or directory"
    path.write_text("no certificate")
    with pytest.raises(FileFault) as wrong:
        mongodb_address.read(url, driver)
    assert str(wrong.value) == f"DATABASE_URL: {option}: {path} holds nothing in PEM format"


@pytest.mark.parametrize(
    # options                                                                    overruled
    ("options", "overruled"),
    [
        ("", []),
        ("replicaSet=rs&authSource=admin&tls=true&retryWrites=false", []),
        ("readPreference=secondary&maxStalenessSeconds=120", ["readPreference", "maxStalenessSeconds"]),
        ("readpreferencetags=a:b&readPreferenceTags=c:d", ["readPreferenceTags"]),
        ("W=0;journal=true;readConcernLevel=local", ["w", "journal", "readConcernLevel"]),
        ("minPoolSize=50&timeoutMS=1&socketTimeoutMS=1", ["minPoolSize", "timeoutMS", "socketTimeoutMS"]),
    ],
)
def test_options_of_consistency_and_resources_do_not_count_and_are_named(options, overruled):
    url = f"mongodb://u:p@db/{f'?{options}' if options else ''}"
    assert mongodb_address.overruled(url) == overruled
    remaining = mongodb_address.without_overruled(url)
    assert mongodb_address.overruled(remaining) == []
    assert mongodb_address.without_overruled(remaining) == remaining
    assert mongodb_address.read(url, driver) == [("db", 27017)]
    if not overruled:
        assert remaining == url


def test_options_that_count_stay_as_they_are():
    url = "mongodb://u:p@db/admin?tlsCAFile=/etc/a%40b.pem&w=1&authSource=x%2Fy&readPreference=nearest"
    assert mongodb_address.without_overruled(url) == "mongodb://u:p@db/admin?tlsCAFile=/etc/a%40b.pem&authSource=x%2Fy"
    assert mongodb_address.files_in(url) == {"tlsCAFile": Path("/etc/a@b.pem")}


def test_the_driver_warns_of_nothing_that_it_repeats(recwarn):
    mongodb_address.read("mongodb://db/?S3cret=1&tlsInsecure=S3cret", driver)
    assert list(recwarn) == []
