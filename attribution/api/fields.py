"""Fields that calculations and runs share."""

from rest_framework import serializers

from attribution.engine.models import MODELS
from attribution.models import AttributionModel
from attribution_site.api.fields import Text
from partners.models import opaque_id


class ModelField(serializers.ChoiceField):
    """One of the contract's models that can be calculated here."""

    def __init__(self, **kwargs):
        super().__init__(choices=[choice for choice in AttributionModel.choices if choice[0] in MODELS], **kwargs)


class LeadField(Text):
    def __init__(self, **kwargs):
        super().__init__(max_length=64, validators=[opaque_id], **kwargs)
