"""schemathesis reads our OpenAPI document and tries what it allows and what it forbids."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from app.core.db import Database
from app.web.api.app import create_api
from tests.support.api import open_api
from tests.support.times import NOW

EXAMPLES = 40


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_api_keeps_to_its_document(sqlite_db: Database, mode: GenerationMode) -> None:
    shop = open_api(sqlite_db)
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_api(sqlite_db, lambda: NOW))
    tried = 0
    for operation in schema.get_all_operations():
        tried += 1
        _try(operation, shop.token, mode)
    assert tried == 11


def _try(found: Any, token: str, mode: GenerationMode) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=found.ok().as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        # A store or member that does not exist is well formed and refused all the same.
        case.call_and_validate(
            headers={"Authorization": f"Bearer {token}"},
            excluded_checks=[positive_data_acceptance],
        )

    run()
