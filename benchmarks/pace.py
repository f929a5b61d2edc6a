"""How fast this machine is at this moment: a fixed piece of Python work, to read other CPU times against."""

import json
import time

WORK = {"messages": [{"role": "user", "content": f"word{number} " * 8} for number in range(40)]}
TIMES = 400


def reference_ms() -> float:
    """CPU time in milliseconds that this thread needs to write and read `WORK` as JSON once, from 400 times.

    Neighbours on shared cores slow every program down, in CPU time too (caches, clock rate, stolen cycles): a figure
    that grew while this one stood still has really grown.
    """
    started = time.thread_time()
    for _ in range(TIMES):
        json.loads(json.dumps(WORK))
    return 1e3 * (time.thread_time() - started) / TIMES
