FROM scratch AS made
RUN --network=none true
FROM scratch AS check
