FROM scratch
USER --me
