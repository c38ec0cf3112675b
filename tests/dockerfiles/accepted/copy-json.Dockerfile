FROM scratch
COPY --chown=1:1 ["a", "b", "/two files/"]
