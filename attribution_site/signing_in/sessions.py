"""Sessions in the database that end: after idleness, in any case after some hours, and when their row is deleted.

Django's `db` engine and not `cached_db`: a session must end at once when its row goes, also by a trigger, and a cache
would outlive the row. Reading costs the one look-up by primary key that it always did. Sliding writes at most once a
minute, and then one column only, so that it never undoes what another request stored.
"""

import datetime as dt

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.utils import timezone

from attribution_site import roles

SIGNED_IN_AT = "signed_in_at"
IDLE = "idle_minutes"
SLACK = dt.timedelta(minutes=1)
# What an open page asks by itself does not show that somebody is there.
ASKED_BY_PAGES = "/progress/"


class SessionStore(db.SessionStore):
    ends_at = None

    @classmethod
    def get_model_class(cls):
        from attribution_site.signing_in.models import Session

        return Session

    def _get_session_from_db(self):
        row = super()._get_session_from_db()  # type: ignore[misc]
        self.ends_at = row and row.expire_date
        return row

    def create_model_instance(self, data):
        row = super().create_model_instance(data)
        row.user_id = data.get(SESSION_KEY)  # type: ignore[attr-defined]
        return row

    def get_expiry_date(self, **kwargs):
        if SIGNED_IN_AT not in self:
            return super().get_expiry_date(**kwargs)
        longest = dt.timedelta(hours=settings.SESSION_LONGEST_HOURS)
        began = dt.datetime.fromtimestamp(self[SIGNED_IN_AT], dt.UTC)
        return min(timezone.now() + dt.timedelta(minutes=self[IDLE]), began + longest)


def idle_minutes(user):
    return settings.SESSION_IDLE_MINUTES_MONEY if roles.moves_money(user) else settings.SESSION_IDLE_MINUTES


def slide(request, user):
    """The session of somebody who has just asked for something goes on."""
    session = request.session
    if session.ends_at is None or IDLE not in session or request.path.endswith(ASKED_BY_PAGES):
        return
    if session.get_expiry_date() - session.ends_at < SLACK:
        return
    if (minutes := idle_minutes(user)) != session[IDLE]:
        session[IDLE] = minutes
        return
    rows = session.model.objects.filter(pk=session.session_key)
    rows.update(expire_date=session.get_expiry_date())
