"""Web pages that may call from a browser: the origins of the policy file, and nobody without them."""

from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "POST")
# Browsers hide from a page what is not named here.
EXPOSED = (
    "openai-processing-ms", "request-id", "retry-after", "x-ratelimit-limit-requests", "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens", "x-request-id", "x-should-retry", "x-shunt-cache", "x-shunt-cost-usd", "x-shunt-count",
    "x-shunt-decision", "x-shunt-degraded", "x-shunt-ignored", "x-shunt-model", "x-shunt-reason", "x-shunt-rule",
    "x-shunt-saved-usd", "x-shunt-schema", "x-shunt-score",
)  # fmt: skip


def for_pages(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """`app` for pages of `origins`, too. They send their key by hand: no cookie and no stored password goes along."""
    return CORSMiddleware(
        app, allow_origins=origins, allow_methods=METHODS, allow_headers=("*",), expose_headers=EXPOSED
    )
