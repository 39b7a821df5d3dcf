#!/bin/sh
# Installs what the tests need and pip cannot install, where that is allowed; otherwise says which tests are skipped.
set -eu

packages=""
command -v chromium >/dev/null || packages="chromium"
command -v ip >/dev/null || packages="$packages iproute2"
command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || packages="$packages postgresql"
if [ -z "$packages" ]; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing for the tests: $packages"
    # shellcheck disable=SC2086  # a list of words
    apt-get update -qq && apt-get install -qq --yes --no-install-recommends $packages >/dev/null && exit 0
    echo "They could not be installed."
fi
echo "Missing: $packages. The tests that need them (web pages, network, PostgreSQL) are skipped."
echo "On Debian: apt-get install $packages"
