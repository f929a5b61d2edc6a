"""The child process: ``python -m router.engine.child '{"socket": ..., "model": ..., ...}'`` (settings.py).

The main thread owns the context (worker.py); one thread reads commands and one writes events (link.py); a small pool
renders templates and tokenises (session.py). The process ends when the parent hangs up or dies.
"""

import os
import resource
import signal
import socket
import sys

from router.engine import settings, wire
from router.engine.link import Inbox, Outbox


def main() -> int:
    """Serve one model until the parent goes. Exit status 2 is a model that cannot be served."""
    _prepare_process()
    # numpy and llama.cpp read the environment when they load, so they load only now.
    from router.engine.session import LoadError, load  # noqa: PLC0415

    how = settings.load(sys.argv[1])
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(how.socket)
    outbox = Outbox(connection)
    try:
        session = load(how, outbox.send)
    except LoadError as error:
        outbox.send([wire.Refused(str(error))])
        outbox.close()
        return 2
    outbox.send([session.hello])
    Inbox(connection, session.take, session.stop).start()
    session.run()
    outbox.close()
    return 0


def _prepare_process() -> None:
    # A service manager signals the whole group, but the answers at hand are the parent's to finish: it hangs up after.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A crash must not leave a file with prompts in it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Threads that wait must not spin: beside any busy neighbour spinning costs most of the throughput.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # When ggml aborts it would start a debugger on this process, which holds prompts.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    # A template that renders in Python must not hold the decode thread up for the default 5 ms.
    sys.setswitchinterval(0.0005)


if __name__ == "__main__":
    sys.exit(main())
