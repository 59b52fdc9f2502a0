"""Install a pipeline's wheel into a clean environment, beside a wheel of this package, as a user would.

The environment has nothing of the one that runs this script: a fresh ``venv``, filled from wheels. It is made anew when
anything that goes into it has changed, and left alone otherwise.

    python scripts/clean_env.py .env-sample packages/…/en_ner_sample_biobert-0.1.0-py3-none-any.whl
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Read the arguments and make the environment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("env", type=Path, help="folder of the environment; what it holds is replaced")
    parser.add_argument("wheel", type=Path, help="wheel of the pipeline, made by 'spacy package --build wheel'")
    parser.add_argument("--constraints", type=Path, default=ROOT / "constraints.txt", help="versions to install")
    parser.add_argument("--gpu", type=int, default=-1, help="GPU that the pipeline will run on, -1 for none")
    args = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        own_wheel = build_own_wheel(Path(folder))
        mark = fingerprint(own_wheel, args.wheel, args.constraints, args.gpu >= 0)
        record = args.env / "installed.json"
        if record.is_file() and json.loads(record.read_text(encoding="utf-8"))["fingerprint"] == mark:
            print(f"{args.env} already has {args.wheel.name} and all that it needs.")
            return
        print(f"Making {args.env}, clean, and installing {args.wheel.name} there: a minute or two …", flush=True)
        python = make_env(args.env)
        package = f"{own_wheel}[cuda]" if args.gpu >= 0 else str(own_wheel)
        pip_install(python, [package, str(args.wheel)], args.constraints)
    packages = json.loads(run([str(python), "-m", "pip", "list", "--format", "json"], capture=True))
    record.write_text(json.dumps({"fingerprint": mark, "packages": packages}, indent=1) + "\n", encoding="utf-8")
    print(f"{args.env} has {len(packages)} packages, {time.monotonic() - started:.0f} s.")


def build_own_wheel(folder: Path) -> Path:
    """Build a wheel of this package, with the tools installed here and without a connection."""
    # setuptools puts all that lies in build/lib into a wheel, also modules that are no more.
    shutil.rmtree(ROOT / "build" / "lib", ignore_errors=True)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    run([sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(folder), str(ROOT)])
    (wheel,) = folder.glob("*.whl")
    return wheel


def fingerprint(own_wheel: Path, wheel: Path, constraints: Path, cuda: bool) -> str:
    """Return a checksum of all that goes into the environment; of wheels, the files in them count, not their dates."""
    parts: list[object] = [sys.version, cuda, hashlib.sha256(constraints.read_bytes()).hexdigest()]
    for path in (own_wheel, wheel):
        with zipfile.ZipFile(path) as archive:
            parts.append(sorted((info.filename, info.CRC) for info in archive.infolist()))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def make_env(env: Path) -> Path:
    """Make an empty environment and return its Python."""
    run([sys.executable, "-m", "venv", "--clear", str(env)])
    return env / "bin" / "python"


def pip_install(python: Path, packages: list[str], constraints: Path) -> None:
    """Install packages, with pip's own progress where somebody looks."""
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    options = [*quiet, "--disable-pip-version-check", "--constraint", str(constraints)]
    run([str(python), "-m", "pip", "install", *options, *packages])


def run(command: list[str], *, capture: bool = False) -> str:
    """Run a command, apart from this environment's own settings; end with its status where it fails."""
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(command, env=env, check=False, text=True, stdout=subprocess.PIPE if capture else None)
    if done.returncode:
        sys.exit(f"This failed with status {done.returncode}: {' '.join(command)}")
    return done.stdout or ""


if __name__ == "__main__":
    main()
