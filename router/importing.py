"""Imports that threads of this process do beside each other, one at a time."""

import threading

ALONE = threading.Lock()
"""Held while a thread imports what another may be importing.

Python locks each module by itself. SQLAlchemy's modules import each other in a circle, so that two threads which come into it
by different modules each wait for one that the other has begun; Python then hands out a module that is half there.
"""
