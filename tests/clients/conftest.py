import json

import pytest

from attribution_site.api.schema import pages


@pytest.fixture(scope="session")
def schema():
    """The schema as clients get it."""
    return json.loads(pages.document())
