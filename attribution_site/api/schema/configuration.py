"""How the schema is made. `settings.SPECTACULAR_SETTINGS`, so it imports nothing that reads settings."""

BASE = "/api/v1/attribution"

DESCRIPTION = """\
What partners' and the platform's programs build on. JSON names are camelCase, values of enumerations snake_case, \
times ISO 8601 with an offset, money JSON numbers with at most two decimals.

Programs send `Authorization: Api-Key atk_…`. People who are logged in to the back office may use it with their \
session; their writes then need the header `X-CSRFToken`.

A name that is not in this document is refused, in bodies and in queries. So are empty and repeated query parameters.\
"""

TAGS = {
    "touchpoints": "What leads did, one row a touch.",
    "conversions": "What leads became, and what it is worth.",
    "attribution": "Calculation: on trial, stored, and in batches.",
    "attributions": "The records: who earned what, and why.",
    "disputes": "Claims against records, how they are decided, and what that books.",
    "models": "Models, their configurations and trainings, and comparisons of them.",
    "reports": "Reports, and what was spent.",
    "payouts": "What is paid, and where to.",
    "partners": "Partners and brokers.",
    "keys": "Keys of programs.",
    "webhooks": "What we tell your programs.",
}
# Where the first part of a path does not name its tag.
TAG_OF = {
    "leads": "touchpoints",
    "visitors": "touchpoints",
    "brokers": "partners",
    "spend": "reports",
    "adjustments": "disputes",
    "bank-accounts": "payouts",
    "statements": "payouts",
    "attribution/models": "models",
    "attribution/trainings": "models",
    "attribution/comparisons": "models",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Attribution",
    "DESCRIPTION": DESCRIPTION,
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVERS": [{"url": BASE}],
    "SCHEMA_PATH_PREFIX": BASE,
    "SCHEMA_PATH_PREFIX_TRIM": True,
    "TAGS": [{"name": name, "description": text} for name, text in TAGS.items()],
    "COMPONENT_SPLIT_REQUEST": True,
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATION_PARAMETERS": False,
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "attribution_site.api.schema.hooks.add_components",
        "attribution_site.api.schema.hooks.name_enums",
        "attribution_site.api.schema.hooks.name_path_parameters",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "filter": True, "validatorUrl": None, "docExpansion": "none"},
    # The check is a test of ours, and stricter.
    "ENABLE_DJANGO_DEPLOY_CHECK": False,
}
