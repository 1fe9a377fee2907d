"""A touch as plain values: what operations store, without an object of the ORM's for each."""

import datetime as dt
from uuid import UUID

import msgspec


class Touch(msgspec.Struct, rename="camel", kw_only=True):
    """Checked values, one for each column that a client fills. Its JSON is what the API answers, and what goes to the
    database."""

    id: UUID | None = None  # the client's own; of others the operation makes one
    lead_id: str
    session_id: str | None = None
    channel: str
    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    content: str | None = None
    term: str | None = None
    referral_code: str | None = None
    partner_id: str | None = None
    broker_id: str | None = None
    click_ids: dict[str, str] | None = None
    timestamp: dt.datetime
    redacted: list[str] | None = None


as_json = msgspec.json.Encoder().encode
COLUMNS = {field.name: field.encode_name for field in msgspec.structs.fields(Touch)}
