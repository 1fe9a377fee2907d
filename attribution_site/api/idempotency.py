"""`Idempotency-Key`: a write that is sent again gets its first answer again, and nothing is done twice.

The key is claimed in the transaction of the write itself. So there is no state between: a second request with the key
waits for the first; if that one fails, or its process dies, nothing was claimed.
"""

import hmac
import re

from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from attribution_site.api import keys
from attribution_site.api.errors import answer_of
from attribution_site.api.wire import MAX_BODY_BYTES
from attribution_site.models import KeptAnswer
from partners.webhooks.sealing import seal, unseal

HEADER = "Idempotency-Key"
WRITES = {"POST", "PUT", "PATCH", "DELETE"}
FORM = re.compile(r"[\x21-\x7e]{1,255}")
LONGEST_WAIT = "3s"
KEPT_HEADERS = ("Content-Type", "Location", "Cache-Control")

CLAIM = """INSERT INTO attribution_site_keptanswer (asker, key, request_digest, headers, body)
    VALUES (%s, %s, %s, '{}', '') ON CONFLICT DO NOTHING"""


class IdempotencyKeys:
    """Middleware, for writes of the API that name a key."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        key = request.headers.get(HEADER)
        if key is None or request.method not in WRITES or not request.path.startswith("/api/v1/"):
            return self.get_response(request)
        if not FORM.fullmatch(key):
            return answer_of(400, "invalid", "Give 1 to 255 visible ASCII characters.", attr=HEADER)
        asker = _asker(request)
        if asker is None:
            return self.get_response(request)  # which refuses it
        if _length(request) > MAX_BODY_BYTES:
            # Of anything but a form the same is told further in. A form may be longer, and then goes without a key.
            told = f"With an {HEADER} a body has {MAX_BODY_BYTES // 1024 // 1024} MiB at most."
            return answer_of(413, "too_large", told) if _is_form(request) else self.get_response(request)
        try:
            return self._once(request, asker, key)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            busy = answer_of(409, "under_way", "A request with this key is under way. Ask again.", attr=HEADER)
            busy["Retry-After"] = "1"
            return busy

    def _once(self, request, asker, key):
        digest = _digest(request)
        with transaction.atomic():
            if not _claimed(asker, key, digest):
                return _again(KeptAnswer.objects.get(asker=asker, key=key), digest)
            response = self.get_response(request)
            if not 200 <= response.status_code < 300 or response.streaming:
                # A refusal is no answer to keep: what it lacked may be there next time.
                transaction.set_rollback(True)
                return response
            kept = {name: response[name] for name in KEPT_HEADERS if name in response}
            body = _sealed(response.content) if _is_secret(kept) else response.content
            KeptAnswer.objects.filter(asker=asker, key=key).update(status=response.status_code, headers=kept, body=body)
        return response


def _asker(request):
    holder = keys.holder_asking(request)
    if holder is not None:
        return f"key:{holder.key_id}"
    user = request.user
    return f"user:{user.pk}" if user.is_authenticated else None


def _length(request):
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isdigit() else 0


def _digest(request):
    told = (request.method, request.get_full_path(), request.content_type or "")
    # Keyed: a body may hold what is short enough to be found by trying, such as an account's number.
    digest = hmac.new(settings.SECRET_KEY.encode(), "\0".join(told).encode() + b"\0", "sha256")
    for part in _parts(request):
        digest.update(part)
    return digest.digest()


def _parts(request):
    """The body, and no copy of it. Without the boundary of a form: clients make up another one each time they send."""
    body = memoryview(request.body)
    boundary = request.content_params.get("boundary", "").encode() if _is_form(request) else b""
    start = 0
    while boundary and (found := request.body.find(boundary, start)) >= 0:
        yield body[start:found]
        yield b"\0"
        start = found + len(boundary)
    yield body[start:]


def _is_form(request):
    return request.content_type == "multipart/form-data"


def _is_secret(headers):
    """Such as the answer with a new key, which is told this once and lies nowhere in the clear."""
    return "no-store" in headers.get("Cache-Control", "")


def _sealed(body):
    return seal(body.decode()).encode()


def _unsealed(body):
    return unseal(bytes(body).decode()).encode()


def _claimed(asker, key, digest):
    """Whether the key is ours now. Waits for another request that has it and is not done."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LONGEST_WAIT}'")
        cursor.execute(CLAIM, [asker, key, digest])
        ours = cursor.rowcount == 1
        cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    return ours


def _again(kept, digest):
    if bytes(kept.request_digest) != digest:
        return answer_of(422, "key_reused", "This key was used for another request. Take a new one.", attr=HEADER)
    response = answer_of(kept.status, "", "")
    response.content = _unsealed(kept.body) if _is_secret(kept.headers) else bytes(kept.body)
    for name in list(response.headers):
        del response[name]
    for name, value in kept.headers.items():
        response[name] = value
    response["Idempotency-Replayed"] = "true"
    return response
