FROM scratch
ENTRYPOINT exec /app
