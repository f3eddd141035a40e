"""The worker's connection to MongoDB: what it costs the server that all workers share, and by TLS."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pymongo import MongoClient

from relay import Authority
from sync_worker.core.errors import DatabaseUnavailable
from sync_worker.database.connection import connect
from sync_worker.database.lease import Lease


def test_a_worker_has_three_connections_at_most_however_much_it_does_side_by_side(bench):
    bench.definition["sideBySide"] = 8
    for number in range(12):
        bench.taken_on(f"issue {number}")
    most = 0
    with MongoClient(bench.mongo_url) as client:

        def count() -> None:
            nonlocal most
            stages = [{"$currentOp": {"idleConnections": True}}, {"$match": {"appName": "jira-sync test"}}]
            most = max(most, len({each["client"] for each in client.admin.aggregate(stages)}))

        bench.before_request = count
        bench.cycle()
        count()
    assert len(bench.devs()) == 12
    assert 2 <= most <= 3


class TestTls:
    """A server that speaks TLS and asks for a certificate, both of a company's own authority."""

    @pytest.fixture
    def company(self, tmp_path) -> Authority:
        return Authority(tmp_path / "company", "Company CA")

    @pytest.fixture
    def address(self, company, new_mongo_server, tmp_path) -> str:
        """The address of the server, whose files of TLS are in the folder `files`."""
        folder = tmp_path / "data"
        folder.mkdir()
        (tmp_path / "server.pem").write_text("".join(path.read_text() for path in company.sign("mongodb")))
        server = new_mongo_server(
            folder, "--tlsMode", "preferTLS", "--tlsCertificateKeyFile", str(tmp_path / "server.pem"),
            "--tlsCAFile", str(company.certificate),
        )  # fmt: skip
        files = tmp_path / "files"
        files.mkdir()
        renew(files / "client.pem", *company.sign("sync"))
        options = f"tlsCAFile={files}/ca.pem&tlsCertificateKeyFile={files}/client.pem"
        return f"{server.url}/?tls=true&{options}"

    def test_a_worker_connects_with_an_authority_and_a_certificate_of_its_own(self, company, address, tmp_path):
        renew(tmp_path / "files/ca.pem", company.certificate)
        with connect(address, "test") as client:
            assert client.admin.command("ping")["ok"]

    @pytest.mark.parametrize("outdated", ["ca.pem", "client.pem"])
    def test_files_that_were_renewed_count_without_a_restart(self, company, address, tmp_path, database_name, outdated):
        files, other = tmp_path / "files", Authority(tmp_path / "other", "Other CA")
        renew(files / "ca.pem", company.certificate)
        renew(files / outdated, *((other.certificate,) if outdated == "ca.pem" else other.sign("sync")))
        with connect(address, "test") as client:
            lease = Lease(client, database_name, tmp_path, lambda: None)
            with pytest.raises(DatabaseUnavailable):
                lease.hold()
            renew(files / outdated, *((company.certificate,) if outdated == "ca.pem" else company.sign("sync")))
            lease.distrust()  # as after each failed cycle
            lease.hold()
            lease.release()


def renew(path: Path, *parts: Path) -> None:
    """Put a file with the content of `parts` in the place of another one."""
    draft = path.with_suffix(".new")
    draft.write_text("".join(part.read_text() for part in parts))
    os.replace(draft, path)  # noqa: PTH105 - at once
