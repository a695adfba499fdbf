#!/bin/sh
# Prints for each image of docker-compose.yml a line for .env that names it by the digest which its tag has now:
#
#   sh deploy/pin-images.sh >> .env
#
# Run it when you have tried these images, and again, in place of the old lines, when you want newer ones. It asks the
# registries, and needs `docker buildx`.
set -eu
file="${1:-docker-compose.yml}"
sed -n 's/.*\${\([A-Z_]*_IMAGE\):-\([^}]*\)}.*/\1 \2/p' "$file" | sort -u | while read -r name image; do
  if [ "$name" != UPWARD_IMAGE ]; then  # which you build yourself
    digest="$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$image" </dev/null)"
    case "$digest" in
      sha256:*) echo "$name=$image@$digest" ;;
      *) echo "$image has no digest" >&2; exit 1 ;;
    esac
  fi
done
