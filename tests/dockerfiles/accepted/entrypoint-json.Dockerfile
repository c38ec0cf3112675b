FROM scratch
ENTRYPOINT ["/app"]
CMD ["--help"]
