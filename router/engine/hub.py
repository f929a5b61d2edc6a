"""Asking the Hugging Face hub what a file is: its address, its size, its SHA-256. The bytes are `download`'s business."""

import os
import re
from dataclasses import dataclass, field

import httpx
from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import build_hf_headers

from router.engine.location import HubFile, SourceError

_SHA256 = re.compile(r"[0-9a-f]{64}")
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Remote:
    """What to fetch. `headers` may hold the user's token; `tag` tells one content from another."""

    url: str
    tag: str
    size: int | None
    sha256: str | None
    headers: dict[str, str] = field(repr=False)


def describe(file: HubFile) -> Remote:
    """Look the file up; blocks for `TIMEOUT_S` at most. Raises `SourceError`.

    `HF_ENDPOINT`, `HF_TOKEN` and the token of `hf auth login` are honoured.
    """
    endpoint = os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
    url = hf_hub_url(file.repo, file.file, revision=file.revision, endpoint=endpoint)
    try:
        found = get_hf_file_metadata(url, timeout=TIMEOUT_S, endpoint=endpoint)
    except (httpx.HTTPError, OSError) as error:
        raise SourceError(f"{file}: {_why(error, endpoint)}") from error
    tag = found.etag or found.commit_hash or file.revision
    return Remote(
        url=url,
        tag=re.sub(r"\W", "", tag)[:16],
        size=found.size,
        # Only large files carry it: the etag of a small one is a git hash.
        sha256=found.etag if found.etag and _SHA256.fullmatch(found.etag) else None,
        headers=build_hf_headers(),
    )


def _why(error: Exception, endpoint: str) -> str:
    known = {
        OfflineModeIsEnabled: "HF_HUB_OFFLINE is set, and the file has not been fetched before",
        GatedRepoError: "the repository is gated: accept its terms and set HF_TOKEN",
        RepositoryNotFoundError: "the hub knows no such repository, or HF_TOKEN may not see it",
        RevisionNotFoundError: "the repository has no such revision",
        EntryNotFoundError: "the repository has no such file",
    }
    for kind, words in known.items():
        if isinstance(error, kind):
            return words
    if isinstance(error, HfHubHTTPError):
        return f"{endpoint} answered {error.response.status_code}"
    return f"{endpoint} cannot be reached"
