"""Build the documentation site into the folder `site`: run the tutorials, build with mkdocs, check what was built.

    python docs/builder                          # everything; needs the extras plot, formats, export and docs
    python docs/builder --no-tutorials           # the pages, with the outputs of the last run if there are any
    python docs/builder --only own-arrays trust  # run these tutorials, then build

With Chromium installed, every page is also opened in it. The build needs no network. A warning, an error in a tutorial
or a broken link ends it with status 1.
"""

import argparse
import os
import subprocess
import sys
import time

from check import problems
from in_browser import available, problems_in_browser
from notebooks import run_all
from places import ROOT, SITE, TUTORIALS


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--no-tutorials", action="store_true", help="do not run the tutorials")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="run these tutorials only")
    parser.add_argument("--jobs", type=int, default=2, help="tutorials that run at the same time")
    options = parser.parse_args()
    pages = sorted(TUTORIALS.glob("*.md"))
    names = {page.stem for page in pages}
    if unknown := set(options.only or ()) - names:
        parser.error(f"unknown tutorials {', '.join(sorted(unknown))}; there are {', '.join(sorted(names))}")
    if not options.no_tutorials:
        chosen = [page for page in pages if options.only is None or page.stem in options.only]
        if failed := run_all(chosen, options.jobs):
            print(f"tutorials that failed: {', '.join(failed)}", file=sys.stderr)
            return 1
    start = time.perf_counter()
    command = [sys.executable, "-P", "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(SITE)]
    environment = os.environ | {
        "NO_MKDOCS_2_WARNING": "1"
    }  # a notice of the theme, not a warning of the build
    if subprocess.run(command, cwd=ROOT, env=environment).returncode:
        return 1
    print(f"site: built in {time.perf_counter() - start:.0f} s", flush=True)
    found = problems(SITE)
    if available():
        start = time.perf_counter()
        found += problems_in_browser(SITE)
        print(f"browser: all pages opened in {time.perf_counter() - start:.0f} s", flush=True)
    else:
        print("browser: no Chromium, so the pages were not opened", flush=True)
    if found:
        print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
