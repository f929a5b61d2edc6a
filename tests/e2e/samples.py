"""Reading what a scrape says."""

import re


def metric(text: str, name: str, **labels: str) -> float:
    """Sum of a series over the samples that carry `labels`."""
    total = 0.0
    for line in text.splitlines():
        match = re.match(rf"{name}(?:\{{(.*)\}})? (\S+)$", line)
        if match and all(f'{key}="{value}"' in (match[1] or "") for key, value in labels.items()):
            total += float(match[2])
    return total
