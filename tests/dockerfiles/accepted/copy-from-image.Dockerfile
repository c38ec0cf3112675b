FROM scratch AS made
COPY --from=127.0.0.1:1/no/image:1 /a /a
FROM scratch AS check
