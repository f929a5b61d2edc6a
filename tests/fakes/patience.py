"""How long tests wait: a busy machine pauses a process for seconds, and speed is the benchmarks' business."""

# For what must come, however slow the machine is: only a real fault uses it up.
PATIENCE_S = 120.0
# For what happens at once, where a clock of the router (30 s or more) would bring it about later all the same.
AT_ONCE_S = 15.0
