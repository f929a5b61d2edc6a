"""One look at `/metrics`: every sample, by name and labels."""

import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from router.errors import ConfigError

PATIENCE_S = 3.0
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Scrape:
    """The samples at one moment, in seconds of a clock that does not go back."""

    at_s: float
    samples: Mapping[tuple[str, Labels], float]

    def sum(self, name: str, **labels: str) -> float:
        """The sum of the series of `name` with these labels; 0 where there is none."""
        return sum(value for _, value in self.matching(name, **labels))

    def matching(self, name: str, **labels: str) -> Iterator[tuple[dict[str, str], float]]:
        """Labels and value of each series of `name` that has these labels."""
        wanted = labels.items()
        for (found, pairs), value in self.samples.items():
            if found == name and wanted <= dict(pairs).items():
                yield dict(pairs), value


def scrape(url: str, at_s: float, key: str | None = None) -> Scrape:
    """Ask `url` for its metrics, with `key` where one is given.

    Raises:
        ConfigError: nothing answers there, or something that is no Shunt, or it wants another key.
    """
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"{url} is not an http address")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    asked = urllib.request.Request(url, headers=headers)  # noqa: S310 - the same
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:  # noqa: S310 - the operator's own address
            text = answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            raise ConfigError(f"{url} answers {error.code}{_cure(error.code)}") from None
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise ConfigError(
            f"no router answers at {url}: {reason}; start it with shunt serve, or name it with --url"
        ) from None
    samples = {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return Scrape(at_s, samples)


def _cure(status: int) -> str:
    return ": give a key with --key or SHUNT_API_KEY" if status == 401 else ""
