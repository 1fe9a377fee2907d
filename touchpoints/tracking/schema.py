"""What the API's schema tells of visitors."""

from attribution_site.api.schema.operation import Operation
from touchpoints.tracking.api import IdentifySerializer

NAMES = {IdentifySerializer: "Identification"}
OPERATIONS = {
    ("POST", "visitors/identify"): Operation(
        "identifyVisitor",
        "Tell which lead a visitor is",
        {200: IdentifySerializer},
        takes=IdentifySerializer,
        description="The visitor's touchpoints, earlier ones and later ones, are the lead's from then on. "
        "A visitor who is another lead already is a 409.",
    ),
}
