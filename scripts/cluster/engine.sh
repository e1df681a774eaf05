#!/bin/sh
# A container engine for a Debian machine that has none: Docker from sid, at a pin that leaves
# everything else at this release. bookworm's own docker.io cannot run --privileged containers
# where CAP_SYS_RESOURCE is missing. Does nothing where an engine answers; run it again at will.
#   usage: engine.sh     (as root; leaves dockerd running, its log in /var/log/dockerd.log)
set -eu

log=/var/log/dockerd.log
answers() { docker info > /dev/null 2>&1; }
# Images are built with the one plugin, compose.yaml is run with the other.
has_plugins() { docker buildx version > /dev/null 2>&1 && docker compose version > /dev/null 2>&1; }
fail() { echo "engine: $*" >&2; exit 1; }

install_docker() {
  echo "engine: installing Docker from Debian sid"
  apt-get update -qq
  # apt, not the shell, fills in what is quoted here
  # shellcheck disable=SC2016
  mirror=$(apt-get indextargets --format '$(REPO_URI)' "Release: $VERSION_CODENAME" \
    'Component: main' 'Created-By: Packages' | head -n 1)
  [ -n "$mirror" ] || fail "apt has no source for $VERSION_CODENAME main; add one under /etc/apt/sources.list.d"
  # sid is known to this one installation only: apt's own sources and lists stay as they are.
  apt=$(mktemp -d)
  trap 'rm -rf "$apt"' EXIT
  chmod 755 "$apt" # apt reads it as the user _apt
  mkdir -p "$apt/sources" "$apt/preferences" "$apt/lists/partial"
  cp /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list "$apt/sources" 2> /dev/null || true
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$keyring] $mirror sid main" > "$apt/sources/sid.list"
  printf 'Package: *\nPin: release n=sid\nPin-Priority: 50\n' > "$apt/preferences/sid"
  # A mirror of a fixed day has an expired sid index: it is as good for this.
  set -- -o Dir::Etc::sourceparts="$apt/sources" -o Dir::Etc::preferencesparts="$apt/preferences" \
    -o Dir::State::lists="$apt/lists" -o Acquire::Check-Valid-Until=false -o Acquire::Retries=3
  apt-get "$@" update -qq
  DEBIAN_FRONTEND=noninteractive apt-get "$@" install -qq -y --no-install-recommends --no-remove \
    docker.io/sid docker-cli/sid docker-buildx/sid docker-compose/sid
}

start_dockerd() {
  echo "engine: starting dockerd, log in $log"
  setsid nohup dockerd >> "$log" 2>&1 < /dev/null &
  for _ in $(seq 120); do
    if answers; then return; fi
    sleep 0.5
  done
  tail "$log" >&2
  fail "dockerd did not answer within 60 s"
}

if answers && has_plugins; then exit 0; fi
# shellcheck source=/dev/null
. /etc/os-release
if ! command -v dockerd > /dev/null || ! has_plugins; then
  lacking="no container engine answers"
  if answers; then lacking="the container engine lacks the plugin buildx or compose"; fi
  [ "${ID:-}" = debian ] || fail "$lacking, and this script knows Debian only: see https://docs.docker.com/engine/install/"
  [ "$(id -u)" = 0 ] || fail "$lacking, and installing it needs root: run sudo $0"
  install_docker
elif [ "$(id -u)" != 0 ]; then
  fail "dockerd is installed and does not answer: start it, or run sudo $0"
fi
answers || start_dockerd
has_plugins || fail "docker lacks a plugin: install docker-buildx and docker-compose (version 2)"
echo "engine: $(docker version --format 'Docker {{.Server.Version}}') answers"
