"""Say which system packages are missing before anything fails with a traceback.

`check_system.py` checks what creating the environment needs; with `--libraries` it imports the installed
packages that load system libraries. Standard library only. Exit code 1 when something needed is missing.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
import sys

# Shared library, or module, -> Debian package that has it.
APT_PACKAGES = {
    "libGL.so": "libgl1",
    "libEGL.so": "libegl1",
    "libGLESv2.so": "libgles2",
    "libgomp.so": "libgomp1",
    "libglib-2.0.so": "libglib2.0-0",
    "libgthread-2.0.so": "libglib2.0-0",
    "libxcb.so": "libxcb1",
    "libSM.so": "libsm6",
    "libXext.so": "libxext6",
}
MODULES = ("cv2", "onnxruntime", "sklearn", "av", "soundfile", "PIL.Image")


def missing_to_create_environment() -> list[str]:
    """Apt packages without which `python3 -m venv` and pip cannot run."""
    if sys.version_info < (3, 11):
        sys.exit(
            f"perceptkit needs Python 3.11 or newer; this is {sys.version.split()[0]}. Run: make PYTHON=python3.11 ..."
        )
    return ["python3-venv"] if importlib.util.find_spec("ensurepip") is None else []


def missing_libraries() -> list[str]:
    """Apt packages whose shared libraries the installed Python packages could not load."""
    needed = set()
    for module in MODULES:
        try:
            importlib.import_module(module)
        except ImportError as error:
            library = re.search(r"(lib[\w.+-]+?\.so)", str(error))
            if library is None:
                raise
            needed.add(APT_PACKAGES.get(library[1], f"(the package that has {library[1]})"))
    return sorted(needed)


def main() -> None:
    """Print one line with the apt command when something is missing."""
    libraries = "--libraries" in sys.argv[1:]
    missing = missing_libraries() if libraries else missing_to_create_environment()
    if libraries and shutil.which("sox") is None:
        print("note: sox is not installed; without it WAV files are not checked against sox (apt-get install -y sox)")
    if missing:
        sys.exit(f"missing system packages; run: apt-get install -y {' '.join(missing)}")


if __name__ == "__main__":
    main()
