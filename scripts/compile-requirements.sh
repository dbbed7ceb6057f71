#!/bin/sh
# Writes requirements/*.txt from requirements/*.in: every version pinned, every file by its hash, for CPython 3.11 to 3.13 on
# every platform, and no word of where they came from. Run it after a change of an .in file, and commit both.
#   scripts/compile-requirements.sh [--upgrade]
set -eu
cd "$(dirname "$0")/../requirements"
uv=../.venv/bin/uv
[ -x "$uv" ] || uv=uv
for name in runtime worker build node dev; do
    constraint=""
    [ "$name" = dev ] && constraint="--constraint runtime.txt"
    # shellcheck disable=SC2086
    "$uv" pip compile "$name.in" --output-file "$name.txt" --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header --no-annotate $constraint --quiet "$@"
    echo "requirements/$name.txt: $(grep -c '==' "$name.txt") packages"
done
