"""What tells a channel: words of tags, click ids, hosts. docs/tracking.md shows the tables, held to them by a test."""

TAGS = ("source", "medium", "campaign", "content", "term")  # utm_source, …

# utm_medium says the channel by itself. Compared in lower case, with spaces and hyphens as "_".
MEDIA = {
    "paid_search": ("paid_search", "paidsearch", "sem", "sea"),
    "display_ad": ("display", "banner", "expandable", "interstitial", "cpm"),
    "social_media": ("social", "social_network", "social_media", "sm", "paid_social", "paidsocial"),
    "organic_search": ("organic", "organic_search"),
    "email": ("email", "e_mail", "newsletter"),
    "affiliate": ("affiliate", "affiliates"),
    "partner_referral": ("partner", "partner_referral"),
    "broker_referral": ("broker", "broker_referral"),
    "webinar": ("webinar",),
    "event": ("event", "events"),
    "phone_call": ("phone", "phone_call", "call"),
    "chat": ("chat", "live_chat", "whatsapp"),
    "referral": ("referral", "app", "link"),
    "direct": ("(none)", "(not_set)"),
    "other": ("audio", "sms", "push", "qr"),
}

# The ad platform adds them to the address of one click. Name in the address, channel, and the source it stands for.
CLICK_IDS = {
    "gclid": ("paid_search", "google"),
    "gbraid": ("paid_search", "google"),
    "wbraid": ("paid_search", "google"),
    "msclkid": ("paid_search", "bing"),
    "yclid": ("paid_search", "yandex"),
    "dclid": ("display_ad", "google"),
    "irclickid": ("affiliate", "impact"),
    "cjevent": ("affiliate", "cj"),
    "awc": ("affiliate", "awin"),
    "fbclid": ("social_media", "facebook"),
    "ttclid": ("social_media", "tiktok"),
    "twclid": ("social_media", "twitter"),
    "li_fat_id": ("social_media", "linkedin"),
    "rdt_cid": ("social_media", "reddit"),
    "epik": ("social_media", "pinterest"),
    "sccid": ("social_media", "snapchat"),
}
# They come with unpaid clicks too, or say nothing of the campaign: tags are asked first.
WEAK_CLICK_IDS = frozenset(name for name, (channel, _) in CLICK_IDS.items() if channel == "social_media")

# Engines by source. "google.*" is any country's google, "*.search.yahoo.com" it and all names below.
SEARCH_ENGINES = {
    "google": ("google.*",),
    "bing": ("bing.com",),
    "duckduckgo": ("duckduckgo.com",),
    "yahoo": ("yahoo.com", "*.search.yahoo.com"),
    "yandex": ("yandex.*", "ya.ru"),
    "baidu": ("baidu.com",),
    "ecosia": ("ecosia.org",),
    "brave": ("search.brave.com",),
    "startpage": ("startpage.com",),
    "qwant": ("qwant.com",),
    "naver": ("search.naver.com", "naver.com"),
    "seznam": ("search.seznam.cz",),
    "kagi": ("kagi.com",),
    "aol": ("search.aol.com",),
    "ask": ("ask.com",),
    "sogou": ("sogou.com",),
}
SOCIAL_NETWORKS = {
    "facebook": ("facebook.com", "fb.com", "fb.me"),
    "instagram": ("instagram.com",),
    "twitter": ("twitter.com", "x.com", "t.co"),
    "linkedin": ("linkedin.com", "lnkd.in"),
    "youtube": ("youtube.com", "youtu.be"),
    "tiktok": ("tiktok.com",),
    "pinterest": ("pinterest.*", "pin.it"),
    "reddit": ("reddit.com", "redd.it"),
    "snapchat": ("snapchat.com",),
    "threads": ("threads.net", "threads.com"),
    "bluesky": ("bsky.app",),
    "whatsapp": ("whatsapp.com", "wa.me"),
    "telegram": ("telegram.org", "t.me"),
    "nextdoor": ("nextdoor.com",),
    "quora": ("quora.com",),
    "tumblr": ("tumblr.com",),
    "xing": ("xing.com",),
    "vk": ("vk.com",),
    "weibo": ("weibo.com",),
}
MAIL_SITES = {
    "gmail": ("mail.google.com",),
    "outlook": ("outlook.live.com", "outlook.office.com", "outlook.office365.com"),
    "yahoo mail": ("mail.yahoo.com",),
    "icloud mail": ("icloud.com",),
    "proton mail": ("mail.proton.me",),
}
# Apps of phones, as `android-app://com.…` names them.
APPS = {
    "com.google.android.googlequicksearchbox": ("organic_search", "google"),
    "com.google.android.gm": ("email", "gmail"),
    "com.facebook.katana": ("social_media", "facebook"),
    "com.linkedin.android": ("social_media", "linkedin"),
    "com.twitter.android": ("social_media", "twitter"),
    "com.reddit.frontpage": ("social_media", "reddit"),
}
# What utm_source is written as, besides the names and hosts above.
OTHER_NAMES = {
    "adwords": "google",
    "google_ads": "google",
    "googleads": "google",
    "bing_ads": "bing",
    "fb": "facebook",
    "meta": "facebook",
    "ig": "instagram",
    "x": "twitter",
    "yt": "youtube",
}
