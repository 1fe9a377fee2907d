"""What tests of the API say again and again."""

BASE = "/api/v1/attribution"


def send_raw(client, path, body, method="POST"):
    """A body as bytes, which no JSON library of ours has touched."""
    body = body.encode() if isinstance(body, str) else body
    return client.generic(method, f"{BASE}/{path}", body, content_type="application/json")


def refused(response):
    """The named fields and codes of a refusal in the one shape that all refusals have."""
    answer = response.json()
    assert set(answer) == {"type", "errors"}
    assert response["Content-Type"] == "application/json"
    assert all(set(error) == {"code", "detail", "attr"} for error in answer["errors"])
    return {(error["attr"], error["code"]) for error in answer["errors"]}
