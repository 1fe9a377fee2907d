"""Who can get a share: active partners and brokers, by id or name."""

from django.db.models import Q

from partners.models import Broker, Partner

MOST = 12


def found(text):
    """The house too, where it fits."""
    text = text.strip()
    by = Q(pk__istartswith=text) | Q(name__icontains=text)
    several = [{"value": "house", "label": "The house"}] if "house".startswith(text.lower()) else []
    for kind, model in (("partner", Partner), ("broker", Broker)):
        rows = model.objects.active().filter(by).order_by("pk").values_list("pk", "name")[:MOST]
        several += [{"value": f"{kind}:{pk}", "label": name} for pk, name in rows]
    return several[:MOST]
