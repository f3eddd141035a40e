"""Secrets are masked in whatever form they come back."""

from __future__ import annotations

import html
import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_model.secrecy import redaction
from sync_model.secrecy.redaction import MASK, SHORTEST, all_redacted, redacted, remember

SECRETS = [
    "ATATT3xFfGF0-s3cr3t_token=6F1A",
    'p"ass/wör+d & <more>',
    "ünïcödé-pässwörd",
    "%41%2fpercent",
    "back\\slash'quote",
]
NAME = "bot@example.com"
FORMS = {
    "as it is": lambda secret: secret,
    "in a header": lambda secret: f"Authorization: Bearer {secret}",
    "in Basic": lambda secret: "Basic " + b64encode(f"{NAME}:{secret}".encode()).decode(),
    "in Basic, in Latin-1": lambda secret: "Basic " + b64encode(f"{NAME}:{secret}".encode("latin-1")).decode(),
    "in Base64": lambda secret: b64encode(secret.encode()).decode(),
    "in Base64 for addresses": lambda secret: urlsafe_b64encode(f"{NAME}:{secret}".encode()).decode().rstrip("="),
    "in Base64, in a longer text": lambda secret: b64encode(f'{{"headers": "x {secret} y"}}'.encode()).decode(),
    "quoted for a path": quote,
    "quoted for an address": lambda secret: quote(secret, safe=""),
    "quoted in small letters": lambda secret: quote(secret, safe="").lower() if secret.islower() else quote(secret),
    "quoted for a form": quote_plus,
    "in JSON": json.dumps,
    "in JSON with its letters": lambda secret: json.dumps(secret, ensure_ascii=False),
    "in HTML": html.escape,
    "as Python writes it": repr,
    "as Python writes its bytes": lambda secret: repr(secret.encode()),
}


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch):
    """A process keeps its secrets. Those of these tests would be masked in the texts of others."""
    monkeypatch.setattr(redaction, "_remembered", {})
    monkeypatch.setattr(redaction, "_forms", ())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_masked_in_every_form(secret, form):
    remember(secret, NAME)
    said = redacted(f"<{FORMS[form](secret)}>")
    assert MASK in said
    assert secret not in said


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=SHORTEST, max_size=40), st.integers(0, 5), st.integers(0, 5))
def test_no_secret_is_left_in_base64_wherever_it_stands(secret, before, after):
    remember(secret.encode("utf-8", "replace").decode())
    content = secret.encode("utf-8", "replace")
    told = b64encode(b"x" * before + content + b"y" * after).decode()
    whole = b64encode(content).decode().rstrip("=")[:-1]
    assert whole not in redacted(told)
    if len(content) >= 2 * SHORTEST:
        assert MASK in redacted(told)


def test_what_is_too_short_to_be_a_secret_is_left_alone():
    remember("admin", "jo")
    assert redacted("the admin must act") == "the admin must act"


def test_all_texts_of_a_value_are_redacted_but_those_of_our_own():
    remember("s3cr3t-of-a-value")
    value = {"name": "s3cr3t-of-a-value", "said": ["x s3cr3t-of-a-value", 1, None, {"deep": "s3cr3t-of-a-value"}]}
    assert all_redacted(value, but={"name"}) == {
        "name": "s3cr3t-of-a-value",
        "said": [f"x {MASK}", 1, None, {"deep": MASK}],
    }


def test_old_secrets_are_forgotten(monkeypatch):
    monkeypatch.setattr(redaction, "MOST_REMEMBERED", 3)
    for number in range(5):
        remember(f"rotated-secret-{number}")
    assert redacted("rotated-secret-4 rotated-secret-0") == f"{MASK} rotated-secret-0"
