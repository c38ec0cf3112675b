FROM scratch
COPY --link --chmod=644 a /a
