#!/bin/sh
# Pins the images that .env names: to each it adds the digest that the image has on this machine, where it is pulled
# if it is missing. One with a digest stays as it is. `make pin-images`, or:
#
#   [CONTAINER_TOOL=podman] deploy/pin-images.sh [FILE]
set -eu
file=${1:-.env} tool=${CONTAINER_TOOL:-docker}

for name in PYTHON_IMAGE REDIS_IMAGE RABBITMQ_IMAGE; do
  image=$(sed -n "s/^$name=//p" "$file")
  case $image in '' | *@*) continue ;; esac
  "$tool" image inspect "$image" >/dev/null 2>&1 || "$tool" pull --quiet "$image" >/dev/null
  # It may have several names. Docker leaves the usual registry, and its folder library, out of them; podman does not.
  repository=$(printf '%s' "$image" | sed 's#:[^/:]*$##; s#^[^/]*[.:][^/]*/##; s#^library/##')
  digest=$("$tool" image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$image" |
    sed -n "\\#^\\(.*/\\)\\{0,1\\}$repository@#s/.*@//p" | head -n 1)
  if [ -z "$digest" ]; then
    echo "$name=$image has no digest: it was made here, and is of no registry" >&2
    exit 1
  fi
  sed -i.before "s#^$name=.*#$name=$image@$digest#" "$file" # not every sed takes -i without a suffix
  rm "$file.before"
  grep "^$name=" "$file"
done
