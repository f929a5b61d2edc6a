"""The router that a program is started against: where it is, and whether it would answer."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from router import policy
from router.errors import ConfigError
from router.launch.start import KEY_VARIABLE, Place

PATIENCE_S = 5.0
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def place(path: Path | None, url: str | None, model: str, environ: Mapping[str, str]) -> Place:
    """The router at `url`, or the one of the policy file with its first key where the environment has none.

    Raises:
        ConfigError: the policy file is wrong, or `url` is not an http address.
    """
    key = environ.get(KEY_VARIABLE) or None
    if url is not None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"{url} is not an http address")
        return Place(url.rstrip("/").removesuffix("/v1"), model, key)
    server = policy.load(path).server
    host = EVERYWHERE.get(server.host, server.host)
    own = server.keys[0].value if server.keys else None
    return Place(f"http://{f'[{host}]' if ':' in host else host}:{server.port}", model, key or own)


def greet(place: Place) -> None:
    """Ask the router for the model, so that what is wrong is said here and not by the program.

    Raises:
        ConfigError: nothing answers, it wants another key, or it has no such model.
    """
    headers = {"authorization": f"Bearer {place.key}"} if place.key else {}
    asked = urllib.request.Request(f"{place.api}/models/{quote(place.model, safe='')}", headers=headers)  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:  # noqa: S310 - the same
            json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise ConfigError(_cure(error.code, place)) from None
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise ConfigError(
            f"no router answers at {place.url}: {reason}; start it with shunt serve, or name it with --url"
        ) from None


def _cure(status: int, place: Place) -> str:
    cures = {401: f"give a key in {KEY_VARIABLE}", 404: f"it has no {place.model}; --model names another"}
    return f"{place.url} answers {status}: {cures.get(status, 'it is not ready for this')}"
