FROM scratch
HEALTHCHECK --start-interval=2s CMD check
