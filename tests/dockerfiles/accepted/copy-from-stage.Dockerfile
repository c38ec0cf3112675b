FROM scratch AS made
COPY a /a
FROM scratch
COPY --from=Made /a /b
