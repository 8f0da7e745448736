"""The description of the API agrees with its answers."""

import re

import pytest

from tests.server.helpers import client, tiny

schemathesis = pytest.importorskip("schemathesis")


def test_every_address_is_described() -> None:
    with client(tiny()) as server:
        described = server.get("/openapi.json").json()
        assert set(described["paths"]) == {
            "/v1/translate", "/v1/style", "/v1/models", "/health", "/ready"
        }  # fmt: skip
        for path, methods in described["paths"].items():
            for method in methods:
                assert server.request(method, path).status_code != 405


@pytest.mark.slow
def test_generated_requests_get_answers_that_are_described() -> None:
    from hypothesis import HealthCheck, given, settings
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    with client(tiny()) as server:
        api = schemathesis.openapi.from_asgi("/openapi.json", server.app)
        for operation in api.get_all_operations():

            @given(case=operation.ok().as_strategy())
            @settings(
                max_examples=60,
                deadline=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )
            def answers(case) -> None:  # type: ignore[no-untyped-def]
                case.call_and_validate(
                    base_url="http://testserver",
                    checks=[
                        not_a_server_error,
                        status_code_conformance,
                        content_type_conformance,
                        response_schema_conformance,
                    ],
                )

            answers()
        said = server.get("/metrics").text
    counts = re.findall(r'crossimage_requests_total{path="/v1/(?:translate|style)".*} (.*)', said)
    assert sum(map(float, counts)) > 40
