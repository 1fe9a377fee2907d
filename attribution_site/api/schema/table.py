"""What the apps tell, together. Each app's schema module has some of

- `OPERATIONS`: what its routes do, by method and path;
- `SHAPES`: answers that no serializer makes, by the name of their component;
- `ENUMS`: enumerations that have a name of their own, so that clients have one type for each;
- `NAMES`: of serializers, where the class's own won't do;
- `FIELDS`: of serializers, what is answered where the field itself does not tell.
"""

from attribution.api import schema as attribution
from conversions import schema as conversions
from disputes import schema as disputes
from partners import schema as partners
from partners.webhooks import schema as webhooks
from payouts import schema as payouts
from payouts.api import banking_schema as banking
from payouts.api import statements_schema as statements
from reports import schema as reports
from touchpoints.tracking import schema as tracking

APPS = (tracking, conversions, attribution, disputes, payouts, banking, statements, reports, partners, webhooks)


def _together(name):
    return {key: told for app in APPS for key, told in getattr(app, name, {}).items()}


OPERATIONS, SHAPES, ENUMS = _together("OPERATIONS"), _together("SHAPES"), _together("ENUMS")
NAMES, FIELDS = _together("NAMES"), _together("FIELDS")
