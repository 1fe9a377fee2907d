"""What a touchpoint's row must be."""

import numpy as np
import pyarrow as pa

from partners.models import Broker, Partner
from touchpoints import partitions
from touchpoints.importing import checks
from touchpoints.importing.kinds import Kind
from touchpoints.importing.redacting import redact
from touchpoints.models import Channel

TEXTS = {
    "lead_id": 64,
    "session_id": 64,
    "source": 255,
    "medium": 255,
    "campaign": 255,
    "content": 255,
    "term": 255,
    "referral_code": 64,
    "partner_id": 64,
    "broker_id": 64,
}


def make_check(local_zone):
    partners, brokers = (
        pa.array(model.objects.values_list("id", flat=True), pa.string()) for model in (Partner, Broker)
    )

    def check(batch):
        for name in TOUCHPOINTS.required:
            checks.required(batch, name)
        for name, longest in TEXTS.items():
            checks.text(batch, name, longest)
        checks.choice(batch, "channel", Channel.values)
        checks.time(batch, "timestamp", local_zone)
        checks.one_of_ours(batch, "partner_id", partners, "partner")
        checks.one_of_ours(batch, "broker_id", brokers, "broker")
        checks.flat_json(batch, "click_ids")
        if "id" in batch.fields:
            checks.uuids(batch, "id")
        redact(batch)

    return check


class Months:
    """Makes the partitions that the rows need, and asks the database for each month only once."""

    def __init__(self):
        self.known = set()

    def __call__(self, times):
        months = {month.item() for month in np.unique(times.astype("datetime64[us]").astype("datetime64[M]"))}
        if new := months - self.known:
            partitions.create_partitions(new)
            self.known |= new


TOUCHPOINTS = Kind(
    noun="touchpoints",
    table="touchpoints_touchpoint",
    # The order is part of every id ever made here: append, never insert.
    fields=(
        "id",
        "lead_id",
        "session_id",
        "channel",
        "source",
        "medium",
        "campaign",
        "content",
        "term",
        "referral_code",
        "partner_id",
        "broker_id",
        "click_ids",
        "timestamp",
    ),
    required=("lead_id", "channel", "timestamp"),
    time="timestamp",
    own_keys=("id",),
    noted=("redacted",),
    make_check=make_check,
    make_prepare=Months,
)
