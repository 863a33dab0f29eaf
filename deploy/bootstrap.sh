# Sourced by the scripts of this checkout: makes .venv match deploy/requirements.lock, and says what it does.
#
# Sets `root` (the checkout) and `cache` (what can be fetched again). Writes to these two folders only.
# Works with bash 3.2, the one of macOS.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/evercert
# Read by pip and uv; a cache that the user chose stays.
export PIP_CACHE_DIR=${PIP_CACHE_DIR:-$cache/pip} UV_CACHE_DIR=${UV_CACHE_DIR:-$cache/uv-cache}
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error $1"
    shift
    for line in "$@"; do say "  next  $line"; done
    exit 12
}

# What we start is private to this checkout: no server, profile or key that the user keeps for other work.
forget_temporal_settings() {
    local name
    for name in ${!TEMPORAL_@}; do unset "$name"; done
}

# A Python 3.11 to 3.14 that runs; version managers put names on PATH behind which there is none.
find_python() {
    local name
    for name in ${EVERCERT_PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1; then
            command -v "$name"
            return
        fi
    done
    fail "no Python 3.11 to 3.14 found (tried python3, python3.11 to python3.14)" \
        "Install one (Debian: apt-get install python3 python3-venv), or name it: EVERCERT_PYTHON=/path/to/python3"
}

# What .venv was made from. The checkout's place is part of it, since the editable install points there.
wanted_stamp() {
    cat "$root/deploy/requirements.lock" "$root/pyproject.toml" | cksum
    echo "$root"
}

bootstrap() {
    local stamp=$root/.venv/.evercert-stamp started=$SECONDS
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(wanted_stamp)" ] && [ -x "$root/.venv/bin/python" ]; then
        return
    fi
    local python uv
    python=$(find_python)
    say "preparing $root/.venv with $("$python" --version 2>&1): about a minute the first time"
    adopt_pip_settings "$python"
    rm -f "$stamp"
    make_venv "$python"
    "${uv[@]}" pip sync --quiet --python "$root/.venv/bin/python" --require-hashes "$root/deploy/requirements.lock" ||
        fail "the packages of deploy/requirements.lock could not be installed" \
            "Look at the lines above: is the Python package index reachable? pip's own settings are used."
    "${uv[@]}" pip install --quiet --python "$root/.venv/bin/python" --no-deps --no-build-isolation --editable "$root" ||
        fail "Evercert itself could not be installed into .venv" "Look at the lines above."
    wanted_stamp >"$stamp"
    say "prepared .venv in $((SECONDS - started)) s"
}

# Makes .venv where there is none that runs, and sets `uv` to the command that fills it.
make_venv() {
    local python=$1 kept=$root/.venv/bin/python
    if ! "$kept" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1; then
        rm -rf "$root/.venv"
        if "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            "$python" -m venv "$root/.venv" || fail "python -m venv failed" "Look at the lines above."
        else
            fetch_uv "$python"
            "${uv[@]}" venv --quiet --python "$python" "$root/.venv" || fail "uv venv failed" "Look at the lines above."
        fi
    fi
    [ -z "${uv:-}" ] || return 0
    if "$kept" -m pip --version >/dev/null 2>&1; then
        install_uv "$kept" || fail "uv could not be installed into .venv" "Is the Python package index reachable?"
        uv=("$kept" -m uv)
    else
        fetch_uv "$python"
    fi
}

# Without ensurepip (Debian keeps it in python3-venv) a pip is still enough: uv comes into the cache and makes .venv.
fetch_uv() {
    local python=$1 place
    place=$cache/uv-$(locked_uv | sed -n 's/^uv==\([^ ]*\).*/\1/p')
    if [ ! -x "$place/bin/uv" ]; then
        if ! "$python" -m pip --version >/dev/null 2>&1; then
            command -v uv >/dev/null 2>&1 ||
                fail "$python has neither venv with ensurepip, nor pip" "Debian: apt-get install python3-venv"
            uv=(uv)
            return
        fi
        say "this Python has no ensurepip: fetching uv into $place"
        rm -rf "$place"
        install_uv "$python" --target "$place" || fail "uv could not be fetched" "Is the Python package index reachable?"
    fi
    uv=("$place/bin/uv")
}

# The release and the hashes of the lock, with the pip of the given Python.
install_uv() {
    local python=$1 wanted status=0
    shift
    wanted=$(mktemp)
    locked_uv >"$wanted"
    PIP_REQUIRE_VIRTUALENV=0 "$python" -m pip install --quiet --no-deps --require-hashes --requirement "$wanted" "$@" ||
        status=$?
    rm -f "$wanted"
    return $status
}

locked_uv() { awk '/^uv==/ { inside = 1 } inside && /^ *#/ { exit } inside { print }' "$root/deploy/requirements.lock"; }

# uv reads neither pip.conf nor PIP_*: where packages come from a mirror, it is told so in its own words.
adopt_pip_settings() {
    local value settings
    # `pip config get` overlooks the file that PIP_CONFIG_FILE names; `list` does not.
    settings=$("$1" -m pip config list 2>/dev/null) || settings=
    value=$(pip_setting index-url)
    [ -z "$value" ] || [ -n "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ] || export UV_DEFAULT_INDEX=$value
    value=$(pip_setting extra-index-url)
    if [ -n "$value" ] && [ -z "${UV_INDEX:-}${UV_EXTRA_INDEX_URL:-}" ]; then
        # As pip does it: any index may serve any package. The lock's hashes decide what is accepted.
        export UV_INDEX=$value UV_INDEX_STRATEGY=${UV_INDEX_STRATEGY:-unsafe-best-match}
    fi
    value=$(existing_links "$(pip_setting find-links)")
    [ -z "$value" ] || [ -n "${UV_FIND_LINKS:-}" ] || export UV_FIND_LINKS=$value
    case $(pip_setting no-index) in 1 | [Tt]rue | yes | on) export UV_NO_INDEX=1 ;; esac
    value=$(pip_setting trusted-host)
    [ -z "$value" ] || [ -n "${UV_INSECURE_HOST:-}" ] || export UV_INSECURE_HOST=$value
    value=$(pip_setting cert)
    [ -z "$value" ] || [ -n "${SSL_CERT_FILE:-}" ] || export SSL_CERT_FILE=$value
}

# One of pip's settings, from its variable, else from `settings`; several values are separated by spaces.
pip_setting() {
    local name=$1 variable value section
    variable=PIP_$(printf '%s' "$name" | tr 'a-z-' 'A-Z_')
    value=${!variable:-}
    for section in install global; do
        [ -n "$value" ] || value=$(sed -n "s/^$section\.$name=['\"]\(.*\)['\"]\$/\1/p" <<<"$settings" | sed 's/\\n/ /g')
    done
    printf '%s' "$value" | tr '\n' ' ' | sed 's/  */ /g; s/^ //; s/ $//'
}

# pip ignores a folder of wheels that is not there, uv stops at it; and uv separates with commas.
existing_links() {
    local place kept=
    for place in $1; do
        case $place in *://*) ;; *) [ -e "$place" ] || continue ;; esac
        kept=${kept:+$kept,}$place
    done
    printf '%s' "$kept"
}
