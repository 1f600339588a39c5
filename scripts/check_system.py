"""Say which system packages are missing before anything fails with a traceback.

`check_system.py` checks what creating the environment needs; with `--libraries` it asks the dynamic linker which
shared libraries the installed Python packages want and do not find (Linux only; elsewhere the wheels bring them all).
Standard library only. Exit code 1 when something needed is missing.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

# Shared library -> Debian package that has it. Others that are not found, such as CUDA's, are optional.
APT_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libGLESv2.so.2": "libgles2",
    "libgomp.so.1": "libgomp1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libxcb.so.1": "libxcb1",
}
# The modules through which the packages load their system libraries.
MODULES = ("cv2/*.so", "mediapipe/tasks/c/*.so", "onnxruntime/capi/onnxruntime_pybind11_state*.so", "sklearn/**/*.so")


def missing_to_create_environment() -> list[str]:
    """Apt packages without which `python3 -m venv` and pip cannot run."""
    if sys.version_info < (3, 11):
        version = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"perceptkit needs Python 3.11 or newer; this is {version}. Run: make PYTHON=python3.11 ...")
    return [] if importlib.util.find_spec("ensurepip") else ["python3-venv"]


def missing_libraries() -> list[str]:
    """Apt packages that have the shared libraries the installed Python packages do not find."""
    packages = Path(sysconfig.get_paths()["platlib"])
    if not sys.platform.startswith("linux") or shutil.which("ldd") is None:
        return []
    modules = [str(path) for pattern in MODULES for path in packages.glob(pattern)]
    answer = subprocess.run(["ldd", *modules], capture_output=True, text=True, check=False).stdout
    absent = {line.split()[0] for line in answer.splitlines() if "not found" in line}
    return sorted({APT_PACKAGES[library] for library in absent if library in APT_PACKAGES})


def main() -> None:
    """Print one line with the apt command when something is missing."""
    libraries = "--libraries" in sys.argv[1:]
    if libraries and shutil.which("sox") is None:
        print("note: sox is not installed; without it WAV files are not checked against sox (apt-get install -y sox)")
    if missing := missing_libraries() if libraries else missing_to_create_environment():
        sys.exit(f"missing system packages; run: apt-get install -y {' '.join(missing)}")


if __name__ == "__main__":
    main()
