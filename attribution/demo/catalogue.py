"""Who and what appears in the demo data. Names are invented, domains and numbers reserved."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Payee:
    id: str
    name: str
    contact: str
    weight: float
    status: str = "active"

    @property
    def email(self):
        first, last = self.contact.lower().replace("'", "").split(" ", 1)
        domain = self.id.split("-", 1)[1]
        return f"{first}.{last.replace(' ', '')}@{domain}.example"


PARTNERS = [
    Payee("partner-lantern-compare", "Lantern Compare", "Dana Whitfield", 21),
    Payee("partner-ratefinch", "RateFinch", "Marcus Oyelaran", 17),
    Payee("partner-homestead-ledger", "Homestead Ledger", "Priya Raman", 12),
    Payee("partner-summit-auto-club", "Summit Auto Club", "Walter Brandt", 11),
    Payee("partner-parkside-credit-union", "Parkside Credit Union", "Elena Sorokina", 9),
    Payee("partner-driftwood-realty", "Driftwood Realty Group", "Tom Achterberg", 8),
    Payee("partner-maple-and-main", "Maple & Main", "Grace Okonkwo", 6),
    Payee("partner-bluebird-budgeting", "Bluebird Budgeting", "Hannah Leclair", 5),
    Payee("partner-keystone-mortgage", "Keystone Mortgage Desk", "Samuel Ferreira", 4),
    Payee("partner-nestwell-movers", "Nestwell Movers", "Ingrid Halvorsen", 3),
    Payee("partner-pawprint-weekly", "Pawprint Weekly", "Noor Haddad", 3),
    Payee("partner-cornerstone-payroll", "Cornerstone Payroll", "Victor Szabo", 1, "suspended"),
]
BROKERS = [
    Payee("broker-harbour-and-pike", "Harbour & Pike Brokers", "Fiona Pike", 30),
    Payee("broker-okafor-risk", "Okafor Risk Partners", "Chidi Okafor", 22),
    Payee("broker-lindqvist", "Lindqvist Insurance Services", "Maja Lindqvist", 18),
    Payee("broker-tidewater", "Tidewater Brokerage", "Earl Boudreaux", 14),
    Payee("broker-alvarez-daughters", "Alvarez & Daughters", "Lucia Alvarez", 11),
    Payee("broker-northgate", "Northgate Advisory", "Simon Treadwell", 5),
]


@dataclass(frozen=True)
class Product:
    key: str
    weight: float
    premium: int  # median, in the currency's whole units
    spread: float  # sigma of the lognormal
    quote_value: int
    prefix: str
    monthly: bool  # policies of one month, which renew within the window


PRODUCTS = [
    Product("auto", 38, 1240, 0.38, 32, "AU", True),
    Product("home", 27, 1680, 0.42, 41, "HO", False),
    Product("renters", 10, 228, 0.25, 14, "RE", True),
    Product("life", 10, 690, 0.55, 48, "LI", False),
    Product("pet", 9, 540, 0.30, 18, "PE", True),
    Product("business", 6, 3900, 0.60, 95, "BU", False),
]
COMMISSION_RATES = {"quote_request": "0.200000", "policy_bound": "0.120000", "renewal": "0.045000"}


@dataclass(frozen=True)
class Channel:
    """How often a channel opens a journey, appears in its middle or ends it; what one touch of it adds to
    the log-odds of converting; where its visits come from: (source, medium, weight, click id)."""

    opens: float
    middle: float
    closes: float
    lift: float
    places: tuple[tuple[str, str, float, str], ...]
    campaigns: tuple[str, ...] = ()


# {product} and {quarter} are filled in from the lead and the date.
CHANNELS = {
    "organic_search": Channel(
        19,
        12,
        9,
        0.15,
        (("google", "organic", 80, ""), ("bing", "organic", 14, ""), ("duckduckgo", "organic", 6, "")),
    ),
    "paid_search": Channel(
        20,
        14,
        13,
        0.25,
        (("google", "cpc", 74, "gclid"), ("bing", "cpc", 26, "msclkid")),
        ("{product}-insurance-{quarter}", "{product}-insurance-{quarter}", "brand-search"),
    ),
    "social_media": Channel(
        14,
        9,
        3,
        -0.05,
        (
            ("facebook", "paid_social", 46, "fbclid"),
            ("instagram", "paid_social", 30, "fbclid"),
            ("tiktok", "paid_social", 14, "ttclid"),
            ("linkedin", "paid_social", 10, "li_fat_id"),
        ),
        ("{product}-stories-{quarter}", "switch-and-save-{quarter}"),
    ),
    "email": Channel(
        2,
        20,
        16,
        0.35,
        (("newsletter", "email", 55, ""), ("crm", "email", 45, "")),
        ("{product}-quote-follow-up", "{product}-quote-follow-up", "monthly-newsletter-{quarter}"),
    ),
    "display_ad": Channel(
        13,
        8,
        2,
        -0.15,
        (("google-display", "display", 60, "gclid"), ("trade-desk", "display", 40, "")),
        ("{product}-awareness-{quarter}", "retargeting-{product}"),
    ),
    "referral": Channel(4, 3, 3, 0.7, (("friend-invite", "referral", 70, ""), ("review-site", "referral", 30, ""))),
    "direct": Channel(6, 10, 16, 0.3, (("direct", "none", 1, ""),)),
    "partner_referral": Channel(
        8, 7, 9, 0.6, (("partner-site", "referral", 1, ""),), ("{product}-partner-offer-{quarter}",)
    ),
    "broker_referral": Channel(
        4, 4, 9, 1.1, (("broker-desk", "referral", 1, ""),), ("broker-{product}-introductions",)
    ),
    "affiliate": Channel(
        6, 5, 4, 0.1, (("affiliate-network", "affiliate", 1, ""),), ("{product}-affiliate-{quarter}",)
    ),
    "webinar": Channel(1, 2, 1, 0.5, (("zoom", "webinar", 1, ""),), ("home-buyers-webinar", "small-business-webinar")),
    "event": Channel(1.5, 1, 0.5, 0.3, (("trade-fair", "event", 1, ""),), ("community-fair-{quarter}",)),
    "phone_call": Channel(1, 3, 10, 0.9, (("call-centre", "phone", 1, ""),), ("{product}-callback",)),
    "chat": Channel(0.5, 2, 4, 0.5, (("website", "chat", 1, ""),)),
    "other": Channel(1, 1, 0.5, 0.0, (("unknown", "other", 1, ""),)),
}
# Policy holders hear about their renewal; they do not look for a new insurer.
RENEWAL_WEIGHTS = {"email": 62, "direct": 18, "phone_call": 12, "broker_referral": 8}
RENEWAL_CAMPAIGN = "{product}-renewal-reminder"

WEEKDAYS = [1.08, 1.14, 1.12, 1.08, 1.00, 0.74, 0.82]  # from Monday
# By hour of UTC, for visitors who live five hours behind it.
HOURS = [5.2, 5.0, 4.2, 3.0, 1.9, 1.1, 0.6, 0.4, 0.4, 0.5, 0.9, 1.7, 2.9, 4.0, 4.9, 5.4]
HOURS += [5.6, 5.7, 5.4, 5.2, 5.1, 5.0, 5.2, 5.4]
