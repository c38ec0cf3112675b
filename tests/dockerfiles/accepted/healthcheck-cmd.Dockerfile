FROM scratch
HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=5s --retries=3 CMD ["/check"]
