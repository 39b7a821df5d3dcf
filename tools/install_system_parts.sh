#!/bin/sh
# Installs what tests need and pip cannot bring, where that is allowed; otherwise says which tests will be skipped.
set -eu

if command -v chromium >/dev/null; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Chromium, for the tests in a browser."
    apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium >/dev/null && exit 0
    echo "Chromium could not be installed."
fi
echo "There is no Chromium here: the tests in a browser will be skipped. On Debian: apt-get install chromium"
