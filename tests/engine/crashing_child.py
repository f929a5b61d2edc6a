"""A child that never loads anything: it dies at once, as a file that crashes native code would make it."""

import os
import signal

if __name__ == "__main__":
    os.kill(os.getpid(), signal.SIGSEGV)
