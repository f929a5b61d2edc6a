"""Compiles the classifier's fast path when the package is built or installed, also in place."""

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE, LIBRARY = "classifiers/native.cpp", "classifiers/_native.so"
FLAGS = ("-O3", "-std=c++17", "-shared", "-fPIC", "-Wall", "-Wextra")


class CompileHook(BuildHookInterface):  # type: ignore[type-arg]
    """One library beside its source; where it cannot be built the package works all the same, more slowly."""

    PLUGIN_NAME = "custom"

    def initialize(self, _version: str, build_data: dict[str, Any]) -> None:
        """Compile with `CXX`, or else the system's `c++`."""
        root = Path(self.root)
        # Beside the old one and then in its place: a running router has that mapped.
        fresh = root / f"{LIBRARY}.{os.getpid()}"
        command = [*shlex.split(os.environ.get("CXX", "c++")), *FLAGS, str(root / SOURCE), "-o", str(fresh)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "")
            self.app.display_warning(f"The classifier's fast path was not compiled ({error}). {said}")
            return
        fresh.replace(root / LIBRARY)
        build_data["artifacts"].append(LIBRARY)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
