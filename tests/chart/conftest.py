"""Helm and the schemas of Kubernetes, which `make test-chart` provides."""

from __future__ import annotations

import pytest

from helm_chart import Helm, Schemas


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session", params=["1.29", "1.37"])
def kubernetes(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def schemas(kubernetes: str) -> Schemas:
    return Schemas(kubernetes)
