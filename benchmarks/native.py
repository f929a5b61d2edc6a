"""The small C programs beside this file, compiled when they are first needed."""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from platformdirs import user_cache_path

FLAGS = ("-O2", "-Wall", "-Wextra")


def program(name: str) -> Path:
    """The executable made from `NAME.c` by `cc` (or $CC), kept in the user's cache folder by its content.

    Raises:
        RuntimeError: there is no C compiler, or it refuses the file.
    """
    source = Path(__file__).with_name(f"{name}.c")
    compiler = os.environ.get("CC", "cc")
    digest = hashlib.sha256(repr((compiler, FLAGS)).encode() + source.read_bytes()).hexdigest()[:16]
    executable = user_cache_path("shunt") / "benchmarks" / f"{name}-{digest}"
    if not executable.exists():
        _compile(compiler, source, executable)
    return executable


def _compile(compiler: str, source: Path, executable: Path) -> None:
    executable.parent.mkdir(parents=True, exist_ok=True)
    # Compiled aside and moved into place, so that two runs at once cannot execute half a file.
    with tempfile.TemporaryDirectory(dir=executable.parent) as folder:
        made = Path(folder) / source.stem
        try:
            command = [compiler, *FLAGS, "-o", str(made), str(source)]
            subprocess.run(command, capture_output=True, text=True, check=True)
        except FileNotFoundError:
            raise RuntimeError(f"{compiler} was not found: the benchmarks need a C compiler (Debian: gcc)") from None
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"{compiler} refused {source.name}:\n{error.stderr}") from None
        made.replace(executable)
