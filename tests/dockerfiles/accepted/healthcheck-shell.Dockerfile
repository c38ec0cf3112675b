FROM scratch
HEALTHCHECK CMD check || exit 1
